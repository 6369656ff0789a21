"""Reads the output of a stream as it is committed, with another client than the workers', and judges it."""

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from typing import Any, Final, cast

from confluent_kafka import Message

from chaos.errors import ChaosError
from chaos.part import Part
from chaos.servers.waiting import became_true
from chaos.stream.account import StreamAccount
from chaos.stream.committed_offsets import fetch_positions
from chaos.stream.committed_reader import CommittedReader, Place
from chaos.stream.comparisons import REDIS_AGREES_S, Comparing, Connect
from chaos.stream.feeder import Feeder
from chaos.stream.judge import Arrived, Judge
from chaos.stream.kafka_offsets import KafkaOffsets
from chaos.stream.pauses import Pauses
from chaos.stream.tweets import TweetSource
from chaos.stream.verdict import Verdict, verdict
from chaos.stream_names import StreamNames

_READ: Final = 2_000
"""Records that are read and judged at once."""

_READ_S: Final = 0.1

KEPT_INPUT: Final = 20_000
"""Records of each partition that stay before the committed offset: a worker that goes back there must find them."""

_ENDS_S: Final = 60.0
"""Seconds until the ends of the topics must be reached, once nothing is written any more."""

_COORDINATOR_S: Final = 2.0
"""Seconds until the coordinator must have answered when records are deleted; there is a next time."""


class StreamVerifier(Part):
    """One thread that reads both output topics; memory does not grow with the number of records.

    `redis` returns a client of the Redis in use. With `strict=False` only names are judged (lost, doubled, out of
    order), and the total in Redis, which has to count every record fed once. Redis must agree within `redis_agrees_s`
    after the last commit.
    """

    def __init__(
        self,
        bootstrap: str,
        names: StreamNames,
        seed: int,
        feeder: Feeder,
        *,
        redis: Connect,
        poison_share: float,
        strict: bool = True,
        redis_agrees_s: float = REDIS_AGREES_S,
    ) -> None:
        super().__init__("verifier")
        self._bootstrap, self._names, self._feeder, self._redis = bootstrap, names, feeder, redis
        self._kafka = KafkaOffsets(bootstrap)
        self._strict, self._redis_agrees_s = strict, redis_agrees_s
        judge = Judge(TweetSource(seed, poison_share=poison_share)) if strict else None
        self._account = StreamAccount(names, judge, is_bomb=feeder.is_bomb)
        self._pauses = Pauses(names.partitions)
        self._pauses_before = self._pauses.state()
        self._clock_s = time.time() - time.monotonic()  # a monotonic time and this are a Unix time
        self._positions = {
            (topic, number): 0 for topic in (names.output, names.dead_letters) for number in range(names.partitions)
        }
        self._saved = dict(self._positions)
        self._lock = threading.Lock()
        self._reader: CommittedReader | None = None

    # While the stream runs

    def forget_pauses_of_start(self) -> None:
        """Forget the pauses since `start`: that programs under test need seconds to start is no finding."""
        with self._lock:
            self._pauses.restore(self._pauses_before)

    def check(self) -> None:
        """Raise ChaosError if the thread has failed."""
        if self._error is not None:
            raise ChaosError(f"reading {self._names.output} has failed: {self._error!r}") from self._error

    @property
    def seen(self) -> dict[int, int]:
        """How many input records of each partition have an output record."""
        with self._lock:
            return {partition: numbers.count for partition, numbers in enumerate(self._account.numbers)}

    @property
    def total(self) -> int:
        """How many input records of all partitions have an output record."""
        return sum(self.seen.values())

    def dead_letters(self, reason: str) -> int:
        """Return how many dead letters with this reason were read until now."""
        with self._lock:
            return self._account.reasons[reason]

    def state(self) -> dict[str, Any]:
        """Return a JSON object with everything that a verifier needs to continue in another run."""
        with self._lock:
            positions = [[topic, partition, offset] for (topic, partition), offset in self._positions.items()]
            return {"positions": positions, "account": self._account.state(), "pauses": self._pauses.state()}

    def keep(self, state: Mapping[str, Any]) -> None:
        """Note that an earlier `state` is on disk, so that `trim` may delete what was read before it."""
        self._saved = _positions(state)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue where an earlier `state` ends; call it before `start`."""
        self._positions = _positions(state)
        self.keep(state)
        self._account.restore(state["account"])
        self._pauses.restore(state["pauses"])
        self._pauses_before = self._pauses.state()

    def trim(self, *, kept_input: int = KEPT_INPUT) -> None:
        """Delete output records before the state of `keep`, and input records far behind the commits.

        A broker that is down keeps its records until the next time. With `strict=False` the input stays: other
        programs may go back behind their commits.
        """
        names = self._names
        for topic in (names.output, names.dead_letters):
            read = {number: offset for (of, number), offset in self._saved.items() if of == topic}
            self._kafka.delete_before(topic, read)
        if not self._strict:
            return
        with suppress(ChaosError):
            committed = fetch_positions(
                self._bootstrap, names.group, names.input, names.partitions, deadline_s=_COORDINATOR_S
            )
            unread = {number: max(0, at.offset - kept_input) for number, at in committed.items()}
            self._kafka.delete_before(names.input, unread)

    # The end

    def finish(self, deadline_s: float) -> Verdict:
        """Wait until everything fed is seen, for `deadline_s` at most; then compare Redis, offsets and checkpoints.

        Call it once the feeder has stopped, while the workers still run. Raises ChaosError if reading fails.
        """
        fed = self._feeder.fed
        became_true(lambda: self._error is not None or self._has_seen(fed), deadline_s)
        comparing = Comparing(
            self._bootstrap, self._account, fed, redis=self._redis, redis_agrees_s=self._redis_agrees_s
        )
        if self._strict:
            comparing.wait_for_transactions()
        comparing.failures += self._read_to_ends()
        self.stop()
        self.check()
        compared = comparing.all() if self._strict else comparing.total()
        return verdict(self._account, fed, self._pauses, compared)

    def _has_seen(self, fed: Mapping[int, int]) -> bool:
        return all(self._account.numbers[partition].count >= count for partition, count in fed.items())

    def _read_to_ends(self) -> list[str]:
        """Wait until everything that is committed now is read, also what is there twice."""
        topics = (self._names.output, self._names.dead_letters)
        ends = {
            (topic, partition): end
            for topic in topics
            for partition, end in self._kafka.ends(topic, committed=True).items()
        }
        if became_true(lambda: self._error is not None or self._has_read(ends), _ENDS_S):
            return []
        return [f"the ends of {' and '.join(topics)} are not reached within {_ENDS_S:g} s"]

    def _has_read(self, ends: Mapping[Place, int]) -> bool:
        return self._reader is not None and self._reader.has_reached(ends)

    # The thread

    def _work(self) -> None:
        self._reader = CommittedReader(self._bootstrap, self._positions)
        with closing(self._reader) as reader:
            while not self._stopping.is_set():
                self._take(reader.read(_READ, _READ_S))

    def _take(self, messages: Sequence[Message]) -> None:
        """Judge the records, and note the progress."""
        now_s, fed, numbers = self._clock_s + time.monotonic(), self._feeder.fed, self._account.numbers
        with self._lock:
            before = [each.count for each in numbers]
            for message in messages:
                if message.topic() == self._names.output:
                    self._account.labelled(_arrived(message))
                else:
                    self._account.dead_letter(_arrived(message))
                self._positions[message.topic() or "", message.partition() or 0] = (message.offset() or 0) + 1
            moved = [each.count > earlier for each, earlier in zip(numbers, before, strict=True)]
            waiting = [fed[partition] > each.count for partition, each in enumerate(numbers)]
            self._pauses.update(waiting=waiting, moved=moved, now_s=now_s)


def _positions(state: Mapping[str, Any]) -> dict[Place, int]:
    return {(topic, partition): offset for topic, partition, offset in state["positions"]}


def _arrived(message: Message) -> Arrived:
    headers = cast(list[tuple[str, bytes | None]], message.headers() or [])
    return Arrived(message.partition() or 0, message.offset() or 0, message.key(), message.value(), headers)
