"""Feeds the input topic: record n of a partition is at offset n, so that the offset alone tells which record it is."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from itertools import cycle, islice
from typing import Any, Final

from confluent_kafka import KafkaError, Message, Producer

from chaos.errors import ChaosError
from chaos.part import Part
from chaos.stream.clients import CLIENT
from chaos.stream.event_times import EventTimes
from chaos.stream.fed_numbers import FedNumbers
from chaos.stream.kafka_offsets import KafkaOffsets
from chaos.stream.tweets import KEYLESS, TweetSource
from chaos.stream.unusual import BOMB, BOMB_RECORDS, POISON
from chaos.stream_names import StreamNames

_TURN: Final = 50
"""Records of one partition before those of the next partition."""

_MAX_UNACKNOWLEDGED: Final = 5_000
"""Records of a partition whose leader does not answer; the other partitions continue."""

_PAUSE_S: Final = 0.02
_FLUSH_S: Final = 120.0

_PRODUCER: Final = CLIENT | {
    "enable.idempotence": True,
    "acks": "all",
    "message.timeout.ms": 0,  # without end: a record that failed would leave a gap in the numbers
    "message.max.bytes": 1_000_000_000,
}
_TWEETS: Final = _PRODUCER | {"compression.type": "lz4", "linger.ms": 20}
_BOMB: Final = _PRODUCER | {
    "compression.type": "zstd",
    "linger.ms": 5_000,
    "batch.size": 2_000_000_000,
    "batch.num.messages": BOMB_RECORDS,
    "queue.buffering.max.kbytes": 1_000_000,
}


class Feeder(Part):
    """One thread that feeds until `stop`.

    `allowed` returns how many records may have been sent in all by now. On a topic that has records the feeder
    continues at their end; `state` is that of the feeder before, if a run is resumed. `before_bomb` is called before
    a bomb is sent, and may keep the state, which has the numbers of the bomb: its records do not say what they are.
    """

    def __init__(
        self,
        bootstrap: str,
        names: StreamNames,
        seed: int,
        *,
        allowed: Callable[[], int],
        poison_share: float,
        event_times: EventTimes | None = None,
        state: Mapping[str, Any] | None = None,
        before_bomb: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__("feeder")
        self._names = names
        self._bootstrap = bootstrap
        self._source = TweetSource(seed, poison_share=poison_share)
        self._times = event_times or EventTimes()
        self._allowed = allowed
        self._before_bomb = before_bomb
        self._numbers = FedNumbers(names.input, names.partitions)
        if state is not None:
            self._numbers.restore(state)
        self._forced: deque[str] = deque()
        self._bombs: deque[int] = deque()
        self._keyless = False
        self.keyless_sent = 0
        """Tweets that were sent without a key because of `keyless`."""

    # For the run

    @property
    def fed(self) -> dict[int, int]:
        """How many records of each partition Kafka has acknowledged."""
        return dict(enumerate(self._numbers.acknowledged))

    @property
    def total(self) -> int:
        """How many records of all partitions Kafka has acknowledged."""
        return sum(self._numbers.acknowledged)

    def start(self) -> None:
        """Find the ends of the input topic, and begin to feed. Raises ChaosError if Kafka does not answer."""
        self._numbers.begin_at(KafkaOffsets(self._bootstrap).ends(self._names.input))
        super().start()

    def check(self) -> None:
        """Raise ChaosError if the thread has failed."""
        if self._error is not None:
            raise ChaosError(f"feeding {self._names.input} has failed: {self._error}") from self._error

    def stop(self) -> None:
        """Feed nothing more; return when everything sent is acknowledged. Raises ChaosError if that fails."""
        super().stop()
        self.check()

    def is_bomb(self, partition: int, number: int) -> bool:
        """Return whether a record is one of a bomb."""
        return self._numbers.is_bomb(partition, number)

    def state(self) -> dict[str, Any]:
        """Return a JSON object for the constructor of the feeder that resumes this run."""
        return self._numbers.state()

    # For the faults

    def poison(self, count: int) -> None:
        """Let the next `count` records be poison, of all kinds in turn."""
        self._forced.extend(islice(cycle(POISON), count))

    def send_bomb(self, partition: int) -> None:
        """Let the next records of a partition be one compressed batch that expands to more than a worker takes."""
        self._bombs.append(partition)

    @property
    def nothing_forced(self) -> bool:
        """Whether all records of `poison` and `send_bomb` are sent."""
        return not self._forced and not self._bombs

    def keyless(self, on: bool) -> None:
        """Send tweets without a key, or with a key again."""
        self._keyless = on

    # The thread

    def _work(self) -> None:
        producer = Producer(_TWEETS | {"bootstrap.servers": self._bootstrap})
        while not self._stopping.is_set():
            if self._bombs:
                self._send_bomb(producer, self._bombs[0])
                self._bombs.popleft()
            if not self._send_turn(producer, self._allowed()):
                self._stopping.wait(_PAUSE_S)
            producer.poll(0)
            self._raise_if_failed()
        self._flush(producer)

    def _send_turn(self, producer: Producer, most: int) -> int:
        """Send some records of each partition that has room, until `most` are sent in all; return how many."""
        before = sum(self._numbers.sent)
        left = max(0, most - before)
        for partition in sorted(range(self._names.partitions), key=self._numbers.sent.__getitem__):
            if self._numbers.unacknowledged(partition) < _MAX_UNACKNOWLEDGED:
                for _ in range(min(_TURN, left)):
                    self._send(producer, partition)
                    left -= 1
            producer.poll(0)
        return sum(self._numbers.sent) - before

    def _send(self, producer: Producer, partition: int, forced: str | None = None) -> None:
        if forced is None and self._forced:
            forced = self._forced.popleft()
        if forced is None and self._keyless:
            forced = KEYLESS
            self.keyless_sent += 1
        number = self._numbers.next(partition)
        created_at = self._times.created_at(partition, number)
        record = self._source.record(partition, number, created_at=created_at, forced=forced)
        while True:
            try:
                producer.produce(
                    self._names.input,
                    record.value,
                    record.key,
                    partition,
                    headers=list(record.headers),
                    on_delivery=self._delivered,
                )
            except BufferError:  # the queue of the client is full
                producer.poll(_PAUSE_S)
                self._raise_if_failed()
            else:
                return

    def _send_bomb(self, producer: Producer, partition: int) -> None:
        """Send the records of a bomb through a client of its own, between those of the usual one."""
        self._flush(producer)  # two clients may not have records of one partition on their way
        self._numbers.add_bomb(partition, BOMB_RECORDS)
        self._before_bomb()
        alone = Producer(_BOMB | {"bootstrap.servers": self._bootstrap})
        for _ in range(BOMB_RECORDS):
            self._send(alone, partition, BOMB)
        self._flush(alone)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if self._error is not None:
            return
        if error is not None:
            self._error = ChaosError(f"{message.topic()}[{message.partition()}]: {error}")
            return
        partition, offset = message.partition() or 0, message.offset()
        try:
            self._numbers.delivered(partition, -1 if offset is None else offset)
        except ChaosError as wrong:
            self._error = wrong

    def _flush(self, producer: Producer) -> None:
        end_s = time.monotonic() + _FLUSH_S
        while producer.flush(1.0):
            self._raise_if_failed()
            if time.monotonic() > end_s:
                raise ChaosError(f"Kafka acknowledges nothing on {self._names.input} for {_FLUSH_S:g} s")
        self._raise_if_failed()

    def _raise_if_failed(self) -> None:
        if self._error is not None:
            raise self._error
