"""Dead letters as workers write them, and a dead-letter topic in memory with transactions."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests.records import a_record
from tweets import dead_letter
from tweets.reasons import BadRecordError
from tweets.records import Headers, OutputRecord, Partition, Record
from worker.dead_letters.letter import Letter
from worker.errors import RefusedRecordsError
from worker.membership import CommittedOffset

DEAD = "tweets.dead-letter"
AT_MS = 1_700_000_000_000


def buried(
    record: Record, reason: str = "not_json", *, offset: int = 0, at_ms: int = AT_MS, max_bytes: int = 1_000_000
) -> Record:
    """Return the dead letter of an input record, as a reader of the dead-letter topic gets it."""
    written = dead_letter.encode(record, BadRecordError(reason, "because"), topic=DEAD, max_bytes=max_bytes)
    headers = [(name, content or b"") for name, content in written.headers]
    return Record(Partition(DEAD, written.partition), offset, at_ms, written.key, written.value, headers)


def a_letter(
    reason: str = "not_json", *, partition: int = 0, offset: int = 0, at_ms: int = AT_MS, headers: Headers = ()
) -> Record:
    """Return a dead letter whose input record has the same partition and offset."""
    record = a_record(b"{", partition=Partition("tweets", partition), offset=offset, headers=headers)
    return buried(record, reason, offset=offset, at_ms=at_ms)


@dataclass(frozen=True)
class FakeChunk:
    records: list[Record]
    read_to: dict[int, int]


class CrashError(Exception):
    """The process dies."""


@dataclass
class FakeTopic:
    """A dead-letter topic, and what is committed: offsets, second copies, and the records on the input topic.

    `crash_at` is the number of the commit before which the process dies. Kafka refuses the records whose keys are in
    `refused`, and tells which only to a producer that sends them one by one, unless `exact`.
    """

    letters: dict[int, list[Record]]
    first: dict[int, int] = field(default_factory=dict)
    offsets: dict[int, CommittedOffset] = field(default_factory=dict)
    checkpoints: dict[int, bytes] = field(default_factory=dict)
    sent: list[OutputRecord] = field(default_factory=list)
    commits: int = 0
    crash_at: int | None = None
    chunk: int = 3
    refused: frozenset[bytes] = frozenset()
    exact: bool = True
    id: str = ""

    def topic_id(self) -> str:
        return self.id

    def ranges(self, numbers: Collection[int]) -> dict[int, tuple[int, int]]:
        return {n: (self.first.get(n, 0), self._end(n)) for n in numbers}

    def committed(self, numbers: Collection[int]) -> dict[int, CommittedOffset]:
        return {n: at for n, at in self.offsets.items() if n in numbers}

    def copies(self, numbers: Collection[int]) -> dict[int, bytes]:
        return {n: value for n, value in self.checkpoints.items() if n in numbers}

    def read(self, ranges: Mapping[int, tuple[int, int]]) -> Iterator[FakeChunk]:
        for number, (start, end) in ranges.items():
            for at in range(start, end, self.chunk):
                to = min(end, at + self.chunk)
                yield FakeChunk([each for each in self.letters[number] if at <= each.offset < to], {number: to})

    def commit(self, records: Sequence[OutputRecord], offsets: Mapping[Partition, CommittedOffset]) -> None:
        if self.commits == self.crash_at:
            raise CrashError
        self._refuse(records)
        self.commits += 1
        self.sent += [each for each in records if each.topic != "checkpoints"]
        self.checkpoints |= {each.partition: each.value or b"" for each in records if each.topic == "checkpoints"}
        self.offsets |= {partition.number: at for partition, at in offsets.items()}

    def _refuse(self, records: Sequence[OutputRecord]) -> None:
        found = {n: "InvalidRecordError: no" for n, each in enumerate(records) if each.key in self.refused}
        if found and self.exact:
            raise RefusedRecordsError(found, exact=True)
        if found:
            raise RefusedRecordsError(dict.fromkeys(range(len(records)), "InvalidRecordError: no"), exact=False)

    def _end(self, number: int) -> int:
        return max((each.offset + 1 for each in self.letters[number]), default=0)


def copy_of(number: int, value: bytes) -> OutputRecord | None:
    """Return the record of a second copy; partition 9 has none."""
    return None if number == 9 else OutputRecord("checkpoints", number, b"key", value, ())


def keyed(record: Record, key: bytes) -> Record:
    return replace(record, key=key)


def letter(record: Record) -> Letter:
    return Letter.of(record)
