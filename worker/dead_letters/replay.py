"""The replay: originals go to the input topic again, each once, whatever kills the replay in between.

Every transaction has the originals of some dead letters and the position after these dead letters. The steps:

1. Initialise transactions. Kafka ends the open transaction of a replay that was killed, and fences one that still runs.
2. Read the committed positions, which no other replay can change any more, and the end of each partition.
3. Read the dead letters from the positions to the ends, and decide what becomes of each.
4. Send the originals, wait for every acknowledgement and commit the positions, in one transaction.
5. After an error, end: the next replay begins with step 1. Only where Kafka refuses single records for good, begin
   with step 1 at once and leave these records out.

A dead letter that the input topic does not take today may be taken tomorrow, so its partition ends before it, unless
the operator gives it up.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from tweets.records import OutputRecord, Partition, Record
from worker.dead_letters.letter import Letter
from worker.dead_letters.position import ReplayPosition, from_copy, from_metadata
from worker.dead_letters.rules import Decision, Rules
from worker.errors import ExitCode, FatalError, RefusedRecordsError
from worker.membership import CommittedOffset

log = logging.getLogger(__name__)


class LetterChunk(Protocol):
    """Some dead letters, and the next offset to read of each partition that has moved."""

    @property
    def records(self) -> Sequence[Record]: ...
    @property
    def read_to(self) -> Mapping[int, int]: ...


class LetterSource(Protocol):
    """The dead-letter topic, and what replays have committed."""

    def topic_id(self) -> str: ...
    def ranges(self, numbers: Collection[int]) -> Mapping[int, tuple[int, int]]: ...
    def committed(self, numbers: Collection[int]) -> Mapping[int, CommittedOffset]: ...
    def copies(self, numbers: Collection[int]) -> Mapping[int, bytes]: ...
    def read(self, ranges: Mapping[int, tuple[int, int]]) -> Iterator[LetterChunk]: ...


class Transactions(Protocol):
    """Commits records and offsets together."""

    def commit(self, records: Sequence[OutputRecord], offsets: Mapping[Partition, CommittedOffset]) -> None: ...


Copy = Callable[[int, bytes], OutputRecord | None]
"""Returns the record of a partition's second copy; None where the checkpoint topic has no such partition."""


@dataclass(frozen=True, slots=True)
class Target:
    """The dead-letter topic and its chosen partitions, and what a commit needs.

    `skip_refused`: what the input topic does not take counts as handled.
    """

    topic: str
    numbers: Collection[int]
    copy: Copy
    metadata_max_bytes: int
    from_beginning: bool = False
    skip_refused: bool = False


class Replay:
    """One replay, which may take several attempts. Methods raise TransientError or FatalError."""

    def __init__(self, rules: Rules, target: Target) -> None:
        self._handled: Counter[Decision] = Counter()
        self._left: Counter[Decision] = Counter()
        self._stops: dict[int, Letter] = {}
        self._rules = rules
        self._target = target
        self._from_beginning = target.from_beginning
        self._refused: set[tuple[int, int]] = set()
        self._positions: dict[int, ReplayPosition] = {}
        self._topic_id = ""

    @property
    def counts(self) -> Counter[Decision]:
        """The dead letters by what has become of them, of committed transactions; in a dry run of all."""
        return self._handled + self._left

    def dry_run(self, letters: LetterSource) -> None:
        """Count what a replay would do. Commits nothing."""
        ranges = self._begin(letters)
        for chunk in letters.read(ranges):
            self._handled.update(decision for _, decision in self._decided(chunk.records))

    def attempt(self, letters: LetterSource, transactions: Transactions, show: Callable[[int, int], None]) -> None:
        """Send and commit everything up to the present ends (steps 2 to 4).

        `show` gets the offsets that are done, and all of them. Raises RefusedRecordsError if another attempt with new
        transactions, which may send one record per request, can succeed, and FatalError if dead letters are left.
        """
        ranges = self._begin(letters)
        if self._from_beginning:
            self._commit(transactions, [], self._positions)
            self._from_beginning = False
        done, total = 0, sum(max(0, end - start) for start, end in ranges.values())
        reached = {number: start for number, (start, _) in ranges.items()}
        for chunk in letters.read(ranges):
            self._replay_chunk(chunk, transactions)
            done += sum(end - reached[number] for number, end in chunk.read_to.items())
            reached |= chunk.read_to
            show(done, total)
        self._check_nothing_left()

    def _replay_chunk(self, chunk: LetterChunk, transactions: Transactions) -> None:
        stopped = set(self._stops)
        decided = self._decided(chunk.records)
        outgoing = [letter for letter, decision in decided if decision is Decision.SENT]
        ends = {number: end for number, end in chunk.read_to.items() if number not in stopped}
        ends |= {number: letter.record.offset for number, letter in self._stops.items() if number in ends}
        after = {number: self._positions[number].after(self._rules.selection, end) for number, end in ends.items()}
        if after:
            self._commit(transactions, outgoing, after)
        self._positions |= after
        for letter, decision in decided:
            (self._left if self._is_left(letter) else self._handled)[decision] += 1

    def _check_nothing_left(self) -> None:
        if not self._stops:
            return
        places = ", ".join(letter.place for _, letter in sorted(self._stops.items()))
        raise FatalError(
            f"{self._left.total()} dead letters are left, of the partitions that end before an original that topic "
            f"{self._rules.topic} does not take ({places}): correct the topic and run the same command again, without "
            "--from-beginning, or give --skip-refused to go on without what it does not take",
            ExitCode.TOPICS,
        )

    def _begin(self, letters: LetterSource) -> dict[int, tuple[int, int]]:
        """Read positions and ends; return the range of offsets to read in each partition (step 2)."""
        numbers = self._target.numbers
        self._left.clear()
        self._stops.clear()
        available = letters.ranges(numbers)
        self._topic_id = letters.topic_id()
        if self._from_beginning:
            first_offsets = {number: first for number, (first, _) in available.items()}
            self._positions = {
                number: ReplayPosition(first, topic_id=self._topic_id) for number, first in first_offsets.items()
            }
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

    def _stored(self, letters: LetterSource) -> dict[int, ReplayPosition]:
        """Return the committed position of each partition, else its second copy, else the first offset."""
        numbers = self._target.numbers
        committed = letters.committed(numbers)
        missing = [number for number in numbers if number not in committed]
        copies = letters.copies(missing) if missing else {}
        stored = {number: self._position(number, committed.get(number), copies.get(number)) for number in numbers}
        return {number: self._of_this_topic(number, position) for number, position in stored.items()}

    def _of_this_topic(self, number: int, position: ReplayPosition) -> ReplayPosition:
        """Return the position with the id of the topic; positions of earlier versions have none."""
        if position.topic_id and self._topic_id and position.topic_id != self._topic_id:
            raise self._unusable(
                number,
                f"the position {position.offset} is of another topic with the id {position.topic_id}: the topic was "
                f"created again, and has the id {self._topic_id}",
            )
        return replace(position, topic_id=self._topic_id or position.topic_id)

    def _position(self, number: int, at: CommittedOffset | None, copy: bytes | None) -> ReplayPosition:
        try:
            if at is not None:
                return from_metadata(at.offset, at.metadata)
            return ReplayPosition() if copy is None else from_copy(copy)
        except ValueError:
            raise self._unusable(number, "no replay wrote the committed position") from None

    def _unusable(self, number: int, why: str) -> FatalError:
        return FatalError(
            f"{Partition(self._target.topic, number)}: {why}; give --from-beginning to forget what was replayed",
            ExitCode.STATE,
        )

    def _decided(self, records: Sequence[Record]) -> list[tuple[Letter, Decision]]:
        """Return each dead letter and what becomes of it (step 3)."""
        return [(letter, self._decision_in_order(letter)) for letter in map(Letter.of, records)]

    def _decision_in_order(self, letter: Letter) -> Decision:
        """Return what becomes of the dead letter after those before it; remember where its partition ends."""
        if self._is_left(letter):
            return Decision.LEFT
        decision = self._decision(letter)
        if decision.is_curable and not self._target.skip_refused:
            self._stops[letter.record.partition.number] = letter
        return decision

    def _is_left(self, letter: Letter) -> bool:
        stop = self._stops.get(letter.record.partition.number)
        return stop is not None and letter.record.offset >= stop.record.offset

    def _decision(self, letter: Letter) -> Decision:
        number = letter.record.partition.number
        decision = self._rules.decision(letter, self._positions[number])
        refused = decision is Decision.SENT and (number, letter.record.offset) in self._refused
        return Decision.REFUSED if refused else decision

    def _commit(
        self, transactions: Transactions, outgoing: Sequence[Letter], positions: Mapping[int, ReplayPosition]
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
