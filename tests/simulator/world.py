"""Several real loops over one broker in memory, stepped one call at a time in an order that a seed decides.

Each worker process is a thread that waits at every call to Kafka until the scheduler steps it; only one runs at a
time, so a seed is a schedule. Between any two steps of one worker anything may happen: a rebalance, an expulsion, a
second process with the same instance id, a crash, a transaction that times out, a commit that arrives late, deleted
records, an operator who moves the group's offsets, a script in Redis that fails between two of its writes.
"""

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Final
from unittest.mock import patch

from tests.simulator import operators, share
from tests.simulator.broker import Broker
from tests.simulator.inputs import random_inputs
from tests.simulator.process import WINDOW_LIMITS, Parts, Process
from tests.simulator.store import KEYS, WRITES, ScriptError
from tests.simulator.surroundings import BrokenPromiseError, Clause, Surroundings
from tests.simulator.verifier import check, check_drained, dead_letter_reasons
from tests.simulator.window_verifier import check_windows
from tweets.records import Partition
from worker.counts import CommittedCounts
from worker.errors import ExitCode

CHAOS_STEPS: Final = 300
"""Steps with faults: enough for several restarts, and a schedule still takes milliseconds."""

DRAIN_ROUNDS: Final = 1_500
"""Rounds without faults after which uncommitted input counts as a standstill."""

QUIET_ROUNDS: Final = 40
"""Rounds in which every worker notices the last rebalance and restores."""


EARLIER_MODEL: Final = 0.1
"""Share of the schedules that begin with counts of another model's labels."""

PUBLISHES: Final = 0.1
"""The probability that a worker's counts reach Redis between two steps."""

SCRIPT_FAILS: Final = (0.0, 0.1, 0.3)
"""The probability in a schedule that a publish fails in the script; the publisher repeats it sooner or later."""


_WEIGHTS: Final = {
    "freeze": 6,
    "expel": 3,
    "rebalance": 3,
    "kill": 3,
    "stop": 1,
    "time out": 4,
    "deliver": 5,
    "send": 8,
    "wire": 8,
    "redis": 2,
    "operator": 2,
    "retention": 2,
    "size limit": 1,
}
"""What may disturb a worker, and how often in relation to the others."""


class World:
    """One schedule: a broker, a Redis, and processes that come, freeze, die and return."""

    def __init__(self, seed: int, parts: Parts | None = None) -> None:
        self._rng = rng = random.Random(seed)
        self._parts = parts or Parts()
        self.surroundings = Surroundings(rng, Broker(random_inputs(rng), rng), max_share=self._parts.max_share)
        self.broker = self.surroundings.broker
        self.happened = self.surroundings.happened
        self.redis = self._parts.store()
        self._calm = rng.choice([0.85, 0.95, 0.99])
        self._on_the_wire: list[tuple[Partition, CommittedCounts]] = []
        self._snapshot = self.redis.snapshot()
        self._script_fails = rng.choice(SCRIPT_FAILS)
        self._keys_lost = False
        self._processes: list[Process] = []
        self._frozen: dict[Process, int] = {}
        self._started = 0
        if rng.random() < EARLIER_MODEL:
            operators.leave_an_earlier_model(self.broker)

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
        check_windows(self.surroundings, WINDOW_LIMITS)
        self.happened.update(f"dead letter, {reason}" for reason in dead_letter_reasons(self.broker))

    def _something_happens(self) -> None:
        self._do_what_an_exit_demands()
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
            process = self._rng.choice(awake)
            process.step()
            if self._rng.random() < PUBLISHES:
                for message in process.publisher.committed_counts.items():
                    self._publish(message)

    def _still_frozen(self, process: Process) -> bool:
        self._frozen[process] = self._frozen.get(process, 0) - 1
        return self._frozen[process] > 0

    def _disturb(self, alive: list[Process]) -> None:
        process = self._rng.choice(alive)
        what = self._rng.choices(
            [*_WEIGHTS],
            [*_WEIGHTS.values()],
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
            case "operator":
                self._operator_acts()
            case "retention":
                operators.delete_records(self.surroundings)
            case "size limit":
                operators.lower_the_size_limit(self.surroundings)

    def _wire(self) -> None:
        """Deliver a message to Redis, or lose it, or deliver it and keep it to be delivered again."""
        if self._on_the_wire:
            message = self._on_the_wire.pop(self._rng.randrange(len(self._on_the_wire)))
            if self._rng.random() < 0.8:
                self._publish(message)
            if self._rng.random() < 0.2:
                self._on_the_wire.append(message)

    def _redis_accident(self) -> None:
        what = self._rng.choice(["wipe", "take a snapshot", "restore an old snapshot", "lose keys"])
        self.happened[what] += 1
        if what == "take a snapshot":
            self._snapshot = self.redis.snapshot()
        elif what == "lose keys":
            self.redis.lose(*self._rng.sample(KEYS, self._rng.choice([1, 1, 1, 2, 3])))
            self._keys_lost = True
        else:
            self.redis.restore(self._parts.store() if what == "wipe" else self._snapshot)

    def _publish(self, message: tuple[Partition, CommittedCounts]) -> None:
        """Run the script, which may fail at any of its writes."""
        writes = self._rng.randint(0, WRITES) if self._rng.random() < self._script_fails else None
        try:
            self.redis.publish(*message, writes=writes)
        except ScriptError:
            self.happened[f"script failed after {writes} writes"] += 1

    def _operator_acts(self) -> None:
        """Let an operator move offsets once the group is empty: all workers are killed, or only thrown out."""
        if self._rng.random() < 0.5:
            for process in self._alive():
                process.kill()
        for member_id in list(self.broker.members):
            self.broker.leave(member_id)
        for transactional_id in self.broker.open_transactions():
            self.broker.time_out(transactional_id)
        operators.act(self.surroundings)

    def _do_what_an_exit_demands(self) -> None:
        if any(process.exit_code is ExitCode.STATE for process in self._processes):
            operators.raise_the_metadata_limit(self.broker)
        if any(process.exit_code is ExitCode.DEAD_LETTERS for process in self._processes):
            operators.allow_any_share(self.surroundings)

    def _start(self, instance: str | None) -> None:
        self._started += 1
        self._processes.append(Process(self.surroundings, f"process-{self._started}", instance, self._parts))

    def _alive(self) -> list[Process]:
        return [process for process in self._processes if not process.ended]

    def _drain(self) -> None:
        self.surroundings.chaos = False
        for late in list(self.surroundings.in_flight):
            self.surroundings.deliver(late)
        rounds, quiet = 0, 0
        while quiet < QUIET_ROUNDS:
            self._end_what_the_dead_left()
            self._do_what_an_exit_demands()
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
        """Deliver what is still on the wire in any order; then the owners publish again, as always.

        The totals are compared with the sums only if keys were deleted: without that they are right at once.
        What an earlier owner has sent may arrive even after that.
        """
        self._rng.shuffle(self._on_the_wire)
        for message in self._on_the_wire:
            self._publish(message)
        for process in self._alive():
            for message in process.publisher.committed_counts.items():
                self._publish(message)
                self.redis.publish(*message, check=self._keys_lost)
        for message in self._on_the_wire:
            self._publish(message)

    def _raise_errors(self) -> None:
        for error in self.surroundings.errors:
            if isinstance(error, BrokenPromiseError):
                raise error
            raise BrokenPromiseError({Clause.ERROR: f"{type(error).__name__}: {error}"}) from error


@contextmanager
def _clock(world: Surroundings) -> Iterator[None]:
    """Run the loop without its log, on a clock that moves only when a poll waits or the model is slow."""
    log = logging.getLogger("worker")
    level = log.level
    log.setLevel(logging.CRITICAL)
    clock = SimpleNamespace(monotonic=lambda: world.now_s, perf_counter=lambda: world.now_s, time=lambda: world.unix_s)
    try:
        with (
            patch("worker.loop.time", clock),
            patch("worker.pace.FIRST_SLICE_RECORDS", 2),
            patch.multiple("worker.dead_letter_share", WINDOW=share.WINDOW, ENOUGH=share.ENOUGH),
        ):
            yield
    finally:
        log.setLevel(level)
