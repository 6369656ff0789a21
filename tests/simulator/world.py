"""Several real loops over one broker in memory, stepped one call at a time in an order that a seed decides.

Each worker process is a thread that waits at every call to Kafka until the scheduler steps it; only one runs at a
time, so a seed is a schedule. Between any two steps of one worker anything may happen: a rebalance, an expulsion, a
second process with the same instance id, a crash, a transaction that times out, a commit that arrives late.
"""

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Final
from unittest.mock import patch

from tests.simulator.broker import INPUT, Broker
from tests.simulator.process import Process
from tests.simulator.store import FakeRedis
from tests.simulator.surroundings import BrokenPromiseError, Clause, Surroundings
from tests.simulator.verifier import check, check_drained
from tweets.records import Partition, Record
from worker.counts import CommittedCounts
from worker.loop import Loop

CHAOS_STEPS: Final = 300
"""Steps with faults: enough for several restarts, and a schedule still takes milliseconds."""

DRAIN_ROUNDS: Final = 1_500
"""Rounds without faults after which uncommitted input counts as a standstill."""

QUIET_ROUNDS: Final = 40
"""Rounds in which every worker notices the last rebalance and restores."""


class World:
    """One schedule: a broker, a Redis, and processes that come, freeze, die and return."""

    def __init__(self, seed: int, loop_class: type[Loop] = Loop) -> None:
        self._rng = rng = random.Random(seed)
        self.surroundings = Surroundings(rng, Broker(_inputs(rng), rng))
        self.broker = self.surroundings.broker
        self.happened = self.surroundings.happened
        self.redis = FakeRedis()
        self._calm = rng.choice([0.85, 0.95, 0.99])
        self._on_the_wire: list[tuple[Partition, CommittedCounts]] = []
        self._snapshot = self.redis.snapshot()
        self._loop_class = loop_class
        self._processes: list[Process] = []
        self._frozen: dict[Process, int] = {}
        self._started = 0

    def run(self) -> None:
        """Run with faults, then without until all is processed. Raises BrokenPromiseError if the promise was broken."""
        with _clock(self.surroundings):
            try:
                for _ in range(CHAOS_STEPS):
                    self._something_happens()
                    self._raise_errors()
                self._drain()
            finally:
                for process in self._processes:
                    process.kill()
        self._raise_errors()
        check(self.broker, self.redis)

    def _something_happens(self) -> None:
        alive = self._alive()
        if len(alive) < 1 or (len(alive) < 3 and self._rng.random() < 0.03):
            self._start(self._rng.choice([None, "a", "b"]))
        elif self._rng.random() < self._calm:
            self._step_one(alive)
        else:
            self._disturb(alive)

    def _step_one(self, alive: list[Process]) -> None:
        awake = [process for process in alive if not self._still_frozen(process)]
        if awake:
            self._rng.choice(awake).step()

    def _still_frozen(self, process: Process) -> bool:
        self._frozen[process] = self._frozen.get(process, 0) - 1
        return self._frozen[process] > 0

    def _disturb(self, alive: list[Process]) -> None:
        process = self._rng.choice(alive)
        what = self._rng.choices(
            [
                "freeze",
                "expel",
                "rebalance",
                "kill",
                "stop",
                "time out",
                "deliver",
                "send",
                "wire",
                "redis",
                "lose",
            ],
            [6, 3, 3, 3, 1, 4, 3, 8, 8, 2, 3],
        )[0]
        self.happened[what] += 1
        match what:
            case "freeze":
                self._frozen[process] = self._rng.randint(5, 40)
            case "expel":
                self.broker.leave(process.stream.view.member_id)
            case "rebalance":
                self.broker.rebalance()
            case "kill":
                process.kill()
            case "stop":
                process.stop.set()
            case "time out":
                for transactional_id in self.broker.open_transactions()[:1]:
                    self.broker.time_out(transactional_id)
            case "deliver":
                for late in self.surroundings.in_flight[:1]:
                    self.surroundings.deliver(late)
            case "send":
                self._on_the_wire += process.publisher.committed_counts.items()
            case "wire":
                self._wire()
            case "redis":
                self._redis_accident()
            case "lose":
                self._lose_offsets()

    def _wire(self) -> None:
        """Deliver a message to Redis, or lose it, or deliver it and keep it to be delivered again."""
        if self._on_the_wire:
            message = self._on_the_wire.pop(self._rng.randrange(len(self._on_the_wire)))
            if self._rng.random() < 0.8:
                self.redis.publish(*message)
            if self._rng.random() < 0.2:
                self._on_the_wire.append(message)

    def _redis_accident(self) -> None:
        what = self._rng.choice(["wipe", "take a snapshot", "restore an old snapshot"])
        self.happened[what] += 1
        if what == "take a snapshot":
            self._snapshot = self.redis.snapshot()
        else:
            self.redis.restore(FakeRedis() if what == "wipe" else self._snapshot)

    def _lose_offsets(self) -> None:
        """Lose the committed offsets, or the metadata of one. The tools for it need a group that is not at work."""
        what = self._rng.choice(["lose all offsets", "lose metadata"])
        self.happened[what] += 1
        if self._rng.random() < 0.5:
            for process in self._alive():
                process.kill()
                self.broker.leave(process.stream.view.member_id)
        if what == "lose all offsets":
            self.broker.lose_offsets()
        else:
            self.broker.lose_metadata(self._rng.choice(list(self.broker.inputs)))
        self.broker.rebalance()

    def _start(self, instance: str | None) -> None:
        self._started += 1
        self._processes.append(Process(self.surroundings, f"process-{self._started}", instance, self._loop_class))

    def _alive(self) -> list[Process]:
        return [process for process in self._processes if not process.ended]

    def _drain(self) -> None:
        self.surroundings.chaos = False
        for late in list(self.surroundings.in_flight):
            self.surroundings.deliver(late)
        rounds, quiet = 0, 0
        while quiet < QUIET_ROUNDS:
            self._end_what_the_dead_left()
            self._step_all()
            self._raise_errors()
            rounds += 1
            quiet = quiet + 1 if self.broker.drained() else 0
            if rounds > DRAIN_ROUNDS:
                check_drained(self.broker)
        self._publish_last()

    def _step_all(self) -> None:
        alive = self._alive()
        if not alive:
            self._start(None)
        for process in alive:
            process.step()

    def _end_what_the_dead_left(self) -> None:
        """End the membership and the transaction of dead processes, as the broker does after its time-outs."""
        for process in self._processes:
            if process.ended:
                self.broker.leave(process.stream.view.member_id)
        in_use = {process.stream.transactional_id for process in self._alive()}
        for transactional_id in set(self.broker.open_transactions()) - in_use:
            self.broker.time_out(transactional_id)

    def _publish_last(self) -> None:
        """Deliver what is still on the wire in any order; then the owners publish again, as always."""
        self._rng.shuffle(self._on_the_wire)
        for process in self._alive():
            self._on_the_wire += process.publisher.committed_counts.items()
        for message in self._on_the_wire:
            self.redis.publish(*message)

    def _raise_errors(self) -> None:
        for error in self.surroundings.errors:
            if isinstance(error, BrokenPromiseError):
                raise error
            raise BrokenPromiseError({Clause.ERROR: f"{type(error).__name__}: {error}"}) from error


def _inputs(rng: random.Random) -> dict[Partition, list[Record]]:
    """One to three partitions; offsets have gaps, as transaction markers and compaction leave them."""
    values: list[bytes | None] = [b'{"text":"w"}', b'{"text":"w"}', b'{"text":"w"}', b'{"text":"poison"}', b"[", None]
    values.append(b'{"text":"refused"}')
    inputs = {}
    for number in range(rng.randint(1, 3)):
        partition, offset, records = Partition(INPUT, number), rng.randint(0, 3), []
        for _ in range(rng.randint(3, 15)):
            records.append(Record(partition, offset, 1_700_000_000_000, None, rng.choice(values)))
            offset += rng.choice([1, 1, 1, 2, 3])
        inputs[partition] = records
    return inputs


@contextmanager
def _clock(world: Surroundings) -> Iterator[None]:
    """Run the loop without its log, on a clock that moves only when a poll waits or the model is slow."""
    log = logging.getLogger("worker")
    level = log.level
    log.setLevel(logging.CRITICAL)
    clock = SimpleNamespace(monotonic=lambda: world.now_s, perf_counter=lambda: world.now_s)
    try:
        with patch("worker.loop.time", clock), patch("worker.pace.FIRST_SLICE_RECORDS", 2):
            yield
    finally:
        log.setLevel(level)
