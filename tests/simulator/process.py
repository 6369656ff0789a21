"""A worker process: a real loop and a real labeller with fakes around them, stepped from call to call."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from threading import Event
from typing import Final

from tests.fakes import FakeClassifier
from tests.simulator.broker import DEAD_LETTERS, OUTPUT
from tests.simulator.share import WatchedShare
from tests.simulator.store import FakeRedis
from tests.simulator.stream import SimulatedStream
from tests.simulator.surroundings import BrokenPromiseError, Clause, Surroundings
from tweets.emotions import EMOTIONS
from tweets.prediction import Prediction
from tweets.records import Partition
from worker.counts import CommittedCounts, MetadataLimit
from worker.errors import ExitCode, FatalError, TransientError
from worker.labelling import Labeller, OutputTopics
from worker.loop import Loop
from worker.process.metrics import Metrics
from worker.restoring import Restorer
from worker.windows.state import WindowLimits, WindowUpdate

_METRICS: Final = Metrics()
_NO_SCORES: Final = dict.fromkeys(EMOTIONS, 0.0)
SLOW: Final = 0.2
"""Share of the calls of the model that take seconds."""

GENERATIONS: Final = 1_000.0
"""Seconds between two losses of offsets on the clock of the restorer: more than a schedule has generations."""

WINDOW_LIMITS: Final = WindowLimits(late_minutes=30, minute_kept_hours=26)

OUT_OF_MEMORY: Final = 0.05
"""The probability that a call with more than one text fails for lack of memory."""


class Killed(BaseException):
    """The process dies here; no code of the worker may run any more."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a schedule tries: the loop and its labeller, the script in Redis, and DEAD_LETTER_MAX_SHARE."""

    loop: type[Loop] = Loop
    labeller: type[Labeller] = Labeller
    store: type[FakeRedis] = FakeRedis
    max_share: float | None = None


class Process:
    """A worker process: a real loop with fakes around it, in a thread that runs only while the scheduler waits."""

    def __init__(self, world: Surroundings, name: str, instance: str | None, parts: Parts) -> None:
        self.name = name
        self.instance = instance
        self.ended = False
        self.exit_code: ExitCode | None = None
        self.killed = False
        self.stop = SteppedStop(self)
        self.stream = SimulatedStream(world, pause=self.pause, name=name, instance=instance)
        self.publisher = SimulatedPublisher(world)
        self.windows_sink = SimulatedWindowsSink(world)
        self._world = world
        self._parts = parts
        self._go = threading.Semaphore(0)
        self._paused = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def step(self) -> None:
        """Run until the next call to Kafka."""
        self._go.release()
        self._paused.acquire()

    def pause(self) -> None:
        """Wait, in the process's own thread, for the next step: anything may happen meanwhile."""
        self._paused.release()
        self._go.acquire()
        if self.killed:
            raise Killed

    def kill(self) -> None:
        """Like kill -9."""
        self.killed = True
        if not self.ended:
            self.step()
        self._thread.join()

    def _run(self) -> None:
        self._go.acquire()
        try:
            if not self.killed:
                self._work()
        except Killed:
            pass
        except (FatalError, TransientError) as error:
            self._world.happened[f"exit: {error}"] += 1
            if isinstance(error, FatalError):
                self.exit_code = error.exit_code
                self._world.happened[f"exit code {error.exit_code.name}"] += 1
        except BaseException as error:
            self._world.errors.append(error)
        finally:
            self.ended = True
            self._paused.release()

    def _work(self) -> None:
        broker = self._world.broker
        topics = OutputTopics(OUTPUT, DEAD_LETTERS, broker.max_record_bytes)
        self.stream.rollback()
        loop = self._parts.loop(
            self.stream,
            self._parts.labeller(MoodyClassifier(self._world, self.pause), topics, _METRICS, tweet_max_chars=50),
            self.publisher,
            metrics=_METRICS,
            watchdog=NoWatchdog(),
            restorer=Restorer(
                MetadataLimit(EMOTIONS, broker.offset_metadata_max_bytes),
                window_limits=WINDOW_LIMITS,
                now_s=lambda: GENERATIONS * broker.losses,
            ),
            windows_sink=self.windows_sink,
            dead_letter_share=WatchedShare(self.stream.share),
            batch_max_tweets=self._world.rng.randint(1, 7),
            batch_max_wait_s=self._world.rng.choice([0.0, 0.05, 1.0]),
        )
        loop.run(self.stop)
        self._world.happened["left the group"] += 1
        self._world.broker.leave(self.stream.view.member_id)


class SteppedStop(Event):
    """An event whose wait is a step of the scheduler and takes no time."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self._process = process

    def wait(self, timeout: float | None = None) -> bool:
        self._process.pause()
        return self.is_set()


class NoWatchdog:
    def step(self, name: str, limit_s: float) -> AbstractContextManager[None]:
        return nullcontext()


class MoodyClassifier(FakeClassifier):
    """Gives the same text another label each time: no rule may rely on a batch that comes out the same twice.

    The model is slow now and then, and anything may happen while the model works.
    """

    def __init__(self, world: Surroundings, pause: Callable[[], None]) -> None:
        super().__init__(lambda _: Prediction(world.rng.choice(EMOTIONS), 1.0, _NO_SCORES))
        self._world = world
        self._rng = world.rng
        self._pause = pause

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        self._pause()
        if self._rng.random() < SLOW:
            self._world.happened["slow model"] += 1
            self._world.now_s += self._rng.uniform(1, 10)
        if len(texts) > 1 and self._rng.random() < OUT_OF_MEMORY:
            raise MemoryError
        return super().classify(texts)


class SimulatedPublisher:
    """Holds the newest committed counts; the scheduler decides when they are sent, and whether they arrive."""

    def __init__(self, world: Surroundings) -> None:
        self.committed_counts: dict[Partition, CommittedCounts] = {}
        self._world = world

    def assign(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        self._check(committed_counts)
        self.committed_counts = dict(committed_counts)

    def publish(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        self._check(committed_counts)
        self.committed_counts |= committed_counts

    def _check(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        for partition, committed in committed_counts.items():
            beginning = self._world.broker.inputs[partition].beginning
            is_true = (partition, committed.offset, committed.counts.to_metadata()) in self._world.broker.history or (
                committed.offset == beginning and not committed.counts.totals
            )
            if not is_true:
                self._world.errors.append(
                    BrokenPromiseError({Clause.UNCOMMITTED_COUNTS: f"{partition}@{committed.offset}"})
                )


class SimulatedWindowsSink:
    """Publishes at once: what Redis has of a partition is replaced by what a later commit or owner says."""

    def __init__(self, world: Surroundings) -> None:
        self._world = world

    def assign(self, states: Mapping[Partition, WindowUpdate]) -> None:
        self._publish(states)

    def publish(self, updates: Mapping[Partition, WindowUpdate]) -> None:
        for partition, update in updates.items():
            shown = str(sorted(update.periods.items()))
            if not {(partition, update.offset, each) for each in (shown, "")} & self._world.broker.changed:
                broken = {Clause.UNCOMMITTED_WINDOWS: f"{partition}@{update.offset}"}
                self._world.errors.append(BrokenPromiseError(broken))
        self._publish(updates)

    def _publish(self, updates: Mapping[Partition, WindowUpdate]) -> None:
        published = self._world.published
        for partition, update in updates.items():
            fence = (update.generation, update.offset)
            for period, cells in update.periods.items():
                if fence >= published.get((partition, period), (-1, -1, {}))[:2]:
                    published[partition, period] = (*fence, dict(cells))
