"""The replay: originals go to the input topic again, each once, whatever kills the replay in between.

Every transaction has the originals of some dead letters and the position after these dead letters. The steps:

1. Initialise transactions. Kafka ends the open transaction of a replay that was killed, and fences one that still runs.
2. Read the committed positions, which no other replay can change any more, and the end of each partition.
3. Read the dead letters from the positions to the ends, and decide what becomes of each.
4. Send the originals, wait for every acknowledgement and commit the positions, in one transaction.
5. After an error, end: the next replay begins with step 1. Only where Kafka refuses single records for good, begin
   with step 1 at once and leave these records out.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tweets.records import OutputRecord, Partition, Record
from worker.dead_letters.letter import Letter
from worker.dead_letters.position import Position, from_copy, from_metadata
from worker.dead_letters.rules import Decision, Rules
from worker.errors import ExitCode, FatalError, RefusedRecordsError
from worker.membership import CommittedOffset

log = logging.getLogger(__name__)


class Chunk(Protocol):
    """Some dead letters, and the next offset to read of each partition that has moved."""

    @property
    def records(self) -> Sequence[Record]: ...
    @property
    def read_to(self) -> Mapping[int, int]: ...


class Letters(Protocol):
    """The dead-letter topic, and what replays have committed."""

    def ranges(self, numbers: Collection[int]) -> Mapping[int, tuple[int, int]]: ...
    def committed(self, numbers: Collection[int]) -> Mapping[int, CommittedOffset]: ...
    def copies(self, numbers: Collection[int]) -> Mapping[int, bytes]: ...
    def read(self, ranges: Mapping[int, tuple[int, int]]) -> Iterator[Chunk]: ...


class Transactions(Protocol):
    """Commits records and offsets together."""

    def commit(self, records: Sequence[OutputRecord], offsets: Mapping[Partition, CommittedOffset]) -> None: ...


Copy = Callable[[int, bytes], OutputRecord | None]
"""Returns the record of a partition's second copy; None where the checkpoint topic has no such partition."""


@dataclass(frozen=True, slots=True)
class Target:
    """The dead-letter topic and its chosen partitions, and what a commit needs."""

    topic: str
    numbers: Collection[int]
    copy: Copy
    metadata_max_bytes: int
    from_beginning: bool = False


class Replay:
    """One replay, which may take several attempts. Methods raise TransientError or FatalError."""

    def __init__(self, rules: Rules, target: Target) -> None:
        self.counts: Counter[Decision] = Counter()
        """The dead letters by what has become of them, of committed transactions; in a dry run of all."""
        self._rules = rules
        self._target = target
        self._from_beginning = target.from_beginning
        self._refused: set[tuple[int, int]] = set()
        self._positions: dict[int, Position] = {}

    def dry_run(self, letters: Letters) -> None:
        """Count what a replay would do. Commits nothing."""
        ranges = self._begin(letters)
        for chunk in letters.read(ranges):
            self.counts.update(decision for _, decision in self._decided(chunk.records))

    def attempt(self, letters: Letters, transactions: Transactions, show: Callable[[int, int], None]) -> None:
        """Send and commit everything up to the present ends (steps 2 to 4).

        `show` gets the offsets that are done, and all of them. Raises RefusedRecordsError if another attempt with new
        transactions, which may send one record per request, can succeed.
        """
        ranges = self._begin(letters)
        if self._from_beginning:
            self._commit(transactions, [], self._positions)
            self._from_beginning = False
        done, total = 0, sum(max(0, end - start) for start, end in ranges.values())
        reached = {number: start for number, (start, _) in ranges.items()}
        for chunk in letters.read(ranges):
            decided = self._decided(chunk.records)
            outgoing = [letter for letter, decision in decided if decision is Decision.SENT]
            selection = self._rules.selection
            after = {number: self._positions[number].after(selection, end) for number, end in chunk.read_to.items()}
            self._commit(transactions, outgoing, after)
            self._positions |= after
            self.counts.update(decision for _, decision in decided)
            done += sum(end - reached[number] for number, end in chunk.read_to.items())
            reached |= chunk.read_to
            show(done, total)

    def _begin(self, letters: Letters) -> dict[int, tuple[int, int]]:
        """Read positions and ends; return the range of offsets to read in each partition (step 2)."""
        numbers = self._target.numbers
        available = letters.ranges(numbers)
        if self._from_beginning:
            self._positions = {number: Position(first) for number, (first, _) in available.items()}
        else:
            self._positions = self._stored(letters)
        ranges: dict[int, tuple[int, int]] = {}
        for number, (first, end) in available.items():
            start = self._positions[number].start(self._rules.selection)
            if start > end:
                raise self._unusable(
                    number, f"the position {start} is beyond the end {end}: the topic was created again"
                )
            ranges[number] = (max(first, start), end)
        return ranges

    def _stored(self, letters: Letters) -> dict[int, Position]:
        """Return the committed position of each partition, else its second copy, else the first offset."""
        numbers = self._target.numbers
        committed = letters.committed(numbers)
        missing = [number for number in numbers if number not in committed]
        copies = letters.copies(missing) if missing else {}
        return {number: self._position(number, committed.get(number), copies.get(number)) for number in numbers}

    def _position(self, number: int, at: CommittedOffset | None, copy: bytes | None) -> Position:
        try:
            if at is not None:
                return from_metadata(at.offset, at.metadata)
            return Position() if copy is None else from_copy(copy)
        except ValueError:
            raise self._unusable(number, "no replay wrote the committed position") from None

    def _unusable(self, number: int, why: str) -> FatalError:
        return FatalError(
            f"{Partition(self._target.topic, number)}: {why}; give --from-beginning to forget what was replayed",
            ExitCode.STATE,
        )

    def _decided(self, records: Sequence[Record]) -> list[tuple[Letter, Decision]]:
        """Return each dead letter and what becomes of it (step 3)."""
        return [(letter, self._decision(letter)) for letter in map(Letter.of, records)]

    def _decision(self, letter: Letter) -> Decision:
        number = letter.record.partition.number
        decision = self._rules.decision(letter, self._positions[number])
        refused = decision is Decision.SENT and (number, letter.record.offset) in self._refused
        return Decision.REFUSED if refused else decision

    def _commit(
        self, transactions: Transactions, outgoing: Sequence[Letter], positions: Mapping[int, Position]
    ) -> None:
        """Send the originals and commit the positions after their dead letters (step 4)."""
        offsets = {
            Partition(self._target.topic, number): CommittedOffset(position.offset, position.metadata())
            for number, position in positions.items()
        }
        self._check_metadata(offsets)
        copies = (self._target.copy(number, position.copy()) for number, position in positions.items())
        records = [
            *(letter.original(self._rules.topic) for letter in outgoing),
            *(copy for copy in copies if copy is not None),
        ]
        try:
            transactions.commit(records, offsets)
        except RefusedRecordsError as refused:
            self._leave_out(refused, outgoing)
            raise

    def _check_metadata(self, offsets: Mapping[Partition, CommittedOffset]) -> None:
        most = self._target.metadata_max_bytes
        for partition, at in offsets.items():
            if len(at.metadata) > most:
                raise FatalError(
                    f"{partition}: the filters of earlier replays need {len(at.metadata)} bytes of offset metadata, "
                    f"and KAFKA_OFFSET_METADATA_MAX_BYTES={most}: replay without filters, or forget earlier replays "
                    "with --from-beginning",
                    ExitCode.STATE,
                )

    def _leave_out(self, refused: RefusedRecordsError, outgoing: Sequence[Letter]) -> None:
        """Remember which records Kafka refuses. Raises FatalError for the position, which nothing can replace."""
        if not refused.exact:
            return
        for index, reason in refused.refusals.items():
            if index >= len(outgoing):
                raise FatalError(
                    f"Kafka refuses the second copy of the position of a replay: {reason}", ExitCode.TOPICS
                )
            letter = outgoing[index]
            log.warning("%s: topic %s refuses the original (%s)", letter.place, self._rules.topic, reason)
            self._refused.add((letter.record.partition.number, letter.record.offset))
