"""A compressed batch expands within a bound: every codec, and what lies above the bound is refused early."""

import gzip
import tracemalloc
from collections.abc import Callable

import lz4.frame
import pytest
import snappy
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from kafka.codec import snappy_encode
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from worker.kafka import decompression
from worker.kafka.decompression import ExpandedBatchError, TooLargeError, expanded, install

CODECS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "gzip": (DefaultRecordBatch.CODEC_GZIP, gzip.compress),
    "snappy": (DefaultRecordBatch.CODEC_SNAPPY, snappy.compress),
    "snappy of Java": (DefaultRecordBatch.CODEC_SNAPPY, snappy_encode),
    "lz4": (DefaultRecordBatch.CODEC_LZ4, lz4.frame.compress),
    "zstd": (DefaultRecordBatch.CODEC_ZSTD, zstandard.ZstdCompressor().compress),
    "zstd in two frames": (
        DefaultRecordBatch.CODEC_ZSTD,
        lambda data: b"".join(zstandard.ZstdCompressor().compress(half) for half in (data[:7], data[7:])),
    ),
}

codecs = pytest.mark.parametrize("name", CODECS)


@codecs
@given(data=st.binary(max_size=5_000))
def test_what_lies_within_the_bound_expands_to_the_same_bytes(name: str, data: bytes) -> None:
    codec, compress = CODECS[name]
    assert expanded(codec, compress(data), 5_000) == data


@codecs
def test_one_byte_above_the_bound_is_refused(name: str) -> None:
    codec, compress = CODECS[name]
    assert len(expanded(codec, compress(b"x" * 100_000), 100_000)) == 100_000
    with pytest.raises(TooLargeError):
        expanded(codec, compress(b"x" * 100_001), 100_000)


@codecs
def test_a_bomb_is_refused_before_it_takes_the_memory(name: str) -> None:
    codec, compress = CODECS[name]
    bomb = compress(bytes(200 * 1024 * 1024))
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError):
            expanded(codec, bomb, 8 * 1024 * 1024)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 64 * 1024 * 1024


def a_batch(values: list[bytes], *, compression: int, base_offset: int = 100) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=compression,
        is_transactional=False,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1_000_000_000,
    )
    for number, value in enumerate(values):
        assert builder.append(number, 0, b"key", value, []) is not None
    built = bytearray(builder.build())
    built[0:8] = base_offset.to_bytes(8, "big")
    return bytes(built)


def test_a_consumers_batch_above_the_bound_names_its_offsets(monkeypatch: pytest.MonkeyPatch) -> None:
    install()
    monkeypatch.setattr(decompression, "MAX_BATCH_BYTES", 10_000)
    batch = DefaultRecordBatch(a_batch([bytes(5_000)] * 3, compression=DefaultRecordBatch.CODEC_ZSTD))
    with pytest.raises(ExpandedBatchError) as caught:
        list(batch)
    assert caught.value.offsets == range(100, 103)


@pytest.mark.parametrize("compression", [0, 1, 2, 3, 4])
def test_a_consumers_batch_within_the_bound_is_read(compression: int) -> None:
    install()
    batch = DefaultRecordBatch(a_batch([b"first", b"second"], compression=compression))
    assert [(record.offset, record.value) for record in batch] == [(100, b"first"), (101, b"second")]


def test_offsets_with_gaps_are_not_guessed() -> None:
    assert ExpandedBatchError(first=5, last=9, records=3).offsets is None


def test_the_replaced_method_is_the_one_that_kafka_python_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trap for later versions of kafka-python: the method is called once before the records of a batch are read."""
    calls: list[str] = []
    monkeypatch.setattr(DefaultRecordBatch, "_maybe_uncompress", lambda _: calls.append("expand"))
    iter(DefaultRecordBatch(a_batch([b"x"], compression=0)))
    assert calls == ["expand"]
