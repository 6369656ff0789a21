"""A bound on what a compressed record batch may expand to.

kafka-python decompresses a whole batch at once: 11 kB of zstd can become 350 MB. `install` replaces the one method of
kafka-python 3.0.12 that does so, for every consumer of this process.
"""

import gzip
import io
from collections.abc import Iterator
from typing import Any, Final, Protocol

import lz4.frame
import snappy
import zstandard
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch

MAX_BATCH_BYTES: Final = 64 * 1024 * 1024
"""Largest expanded batch: 64 times what Kafka accepts by default, a sixteenth of the memory limit in Compose."""

_CHUNK_BYTES: Final = 1024 * 1024
_XERIAL_MAGIC: Final = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES: Final = 16


class ExpandedBatchError(CorruptRecordError):  # type: ignore[misc]  # kafka-python ships no types
    """A record batch expands to more than MAX_BATCH_BYTES; none of its records can be read.

    The offsets of the batch are `first` to `last`; `records` is the number of records, fewer than offsets if the topic
    was compacted.
    """

    def __init__(self, *, first: int, last: int, records: int) -> None:
        self.reason = f"expands to more than {MAX_BATCH_BYTES} bytes"
        super().__init__(f"a record batch {self.reason}")
        self.first = first
        self.last = last
        self.records = records

    @property
    def offsets(self) -> range | None:
        """The offsets of the records; None where compaction has left gaps, so that they are not known."""
        all_offsets = range(self.first, self.last + 1)
        return all_offsets if len(all_offsets) == self.records else None


class TooLargeError(ValueError):
    """Data expands to more than the limit."""


def install() -> None:
    """Make every consumer of this process refuse batches that expand too far. May be called more than once."""
    DefaultRecordBatch._maybe_uncompress = _uncompress_within_bound


def expanded(codec: int, data: bytes, max_bytes: int) -> bytearray:
    """Return the decompressed data. Raises TooLargeError as soon as the result would exceed `max_bytes`.

    `codec` is the number that a record batch has for gzip, snappy, lz4 or zstd.
    """
    result = bytearray()
    for chunk in _CODECS[codec](data, max_bytes):
        if len(result) + len(chunk) > max_bytes:
            raise TooLargeError(f"more than {max_bytes} bytes")
        result += chunk
    return result


def _uncompress_within_bound(batch: Any) -> None:
    """Replace DefaultRecordBatch._maybe_uncompress: the same effect, within MAX_BATCH_BYTES."""
    if not batch._decompressed and batch.compression_type != batch.CODEC_NONE:
        data = bytes(memoryview(batch._buffer)[batch._pos :])
        try:
            batch._buffer = expanded(batch.compression_type, data, MAX_BATCH_BYTES)
        except TooLargeError:
            first = int(batch.base_offset)
            raise ExpandedBatchError(
                first=first, last=first + int(batch.last_offset_delta), records=int(batch.records_count)
            ) from None
        batch._pos = 0
    batch._decompressed = True


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _chunks(stream: _Readable) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK_BYTES):
        yield chunk


def _gzip(data: bytes, _max_bytes: int) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        yield from _chunks(stream)


def _zstd(data: bytes, _max_bytes: int) -> Iterator[bytes]:
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True) as stream:
        yield from _chunks(stream)


def _lz4(data: bytes, _max_bytes: int) -> Iterator[bytes]:
    with lz4.frame.LZ4FrameFile(io.BytesIO(data)) as stream:
        yield from _chunks(stream)


def _snappy(data: bytes, max_bytes: int) -> Iterator[bytes]:
    """Yield the blocks; snappy cannot decompress in part, but each block begins with its expanded size."""
    for block in _snappy_blocks(data):
        if _snappy_size(block) > max_bytes:
            raise TooLargeError(f"more than {max_bytes} bytes")
        yield snappy.decompress(block)


def _snappy_blocks(data: bytes) -> Iterator[bytes]:
    """Yield one block, or the blocks of the framing that Java's snappy library writes."""
    if not data.startswith(_XERIAL_MAGIC):
        yield data
        return
    at = _XERIAL_HEADER_BYTES
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


def _snappy_size(block: bytes) -> int:
    """Return the expanded size of a block, the variable-length integer at its beginning."""
    size = 0
    for place, byte in enumerate(block[:5]):
        size |= (byte & 0x7F) << (7 * place)
        if not byte & 0x80:
            break
    return size


_CODECS: Final = {
    DefaultRecordBatch.CODEC_GZIP: _gzip,
    DefaultRecordBatch.CODEC_SNAPPY: _snappy,
    DefaultRecordBatch.CODEC_LZ4: _lz4,
    DefaultRecordBatch.CODEC_ZSTD: _zstd,
}
