"""One run: start everything, feed, inject, verify, and judge."""

import shutil
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from chaos.early_counts import EarlyCounts
from chaos.errors import ChaosError
from chaos.fault_log import Injected
from chaos.faults.injection import inject
from chaos.faults.surroundings import Surroundings
from chaos.fleet import Fleet
from chaos.keeper import Keeper
from chaos.lanes import Lanes
from chaos.options import RunOptions
from chaos.pace import Pace
from chaos.prerequisites import kafka_home
from chaos.programs import program_of
from chaos.report.progress import RunProgress
from chaos.result import RunResult
from chaos.samples import Samples
from chaos.saved_state import SavedState
from chaos.schedule import schedule
from chaos.servers.cluster import KafkaCluster
from chaos.servers.redis_servers import RedisServers
from chaos.servers.waiting import became_true
from chaos.stream.event_times import HOUR_MS, EventTimes
from chaos.stream.feeder import Feeder
from chaos.stream.verdict import Verdict
from chaos.stream.verifier import StreamVerifier
from chaos.stream_names import StreamNames
from deploy.local.progress import say
from worker.process.stop import StopRequest

_LOOK_S: Final = 0.2

_TIMES_MS: Final = 11 * HOUR_MS
"""The tweets of a run are spread over this time, which ends before the run does."""

_NO_PROGRESS_S: Final = 75.0
"""After the last fault: a stream that stands still for so long does not recover."""

_NO_PROGRESS_OF_OTHERS_S: Final = 300.0

_START_S: Final = 120.0
_FIRST_RECORDS: Final = 600
"""Some records for each partition, while the workers start."""

_FINISH_S: Final = 5.0
"""The run has waited for all records already."""

_SESSION_TIMEOUT_MS: Final = 6_000
"""The shortest that brokers allow: the group soon gives the partitions of a zombie to others."""


class InterruptedRunError(ChaosError):
    """A signal ended the run; the text says how to continue."""


def run(options: RunOptions, stop: StopRequest) -> RunResult:
    """Run until the last fault is over and every record is verified. Raises ChaosError if nothing can be judged."""
    home = kafka_home()
    saved = SavedState.read(options.folder) if options.resume and options.folder else SavedState(options.as_json())
    folder = options.folder or Path(tempfile.mkdtemp(prefix="emotion-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    keep = True
    try:
        result = _Run(options, home, folder, saved, stop).execute()
        keep = bool(result.broken) and options.strict
        return result
    except InterruptedRunError:
        keep = False
        raise
    finally:
        if keep or options.folder:
            say(f"logs and data: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


class _Run:
    """The parts of a run and its clock, whose seconds continue where an interrupted run has ended."""

    def __init__(self, options: RunOptions, home: Path, folder: Path, saved: SavedState, stop: StopRequest) -> None:
        self._options = options
        self._home = home
        self._folder = folder
        self._saved = saved
        self._stop = stop
        self._names = StreamNames()
        self._faults = schedule(options.seed, options.faults, options.gap_s, options.kinds, density=options.density)
        numbered = {fault.number: fault for fault in self._faults}
        self._before = [Injected.from_json(fields, numbered) for fields in saved.injected]
        self._samples = Samples(saved.points)
        self._stopping = threading.Event()
        self._saving = threading.Lock()
        self._began_s = time.monotonic()
        self._verified = 0
        self._finished = len(self._before)
        self._warm = False

    def execute(self) -> RunResult:
        """Return the result. Raises ChaosError if a part fails, InterruptedRunError after a signal."""
        with ExitStack() as ending:
            self._start_servers(ending)
            self._start_clients(ending)
            self._warm_up()
            self._start_faults(ending)
            with RunProgress(self._options.records, len(self._faults)) as progress:
                self._load(progress)
            self._end_faults()
            self._keeper.stop()
            self._feeder.stop()
            if self._stop.is_set():
                self._verifier.stop()
                self._fleet.stop()
                self._save()
                raise InterruptedRunError(self._how_to_continue())
            verdict = self._verifier.finish(_FINISH_S)
            self._early_counts.stop()
            self._early_counts.check()
            self._fleet.stop()
            return self._result(verdict)

    def _start_servers(self, ending: ExitStack) -> None:
        say("starting three Kafka brokers and Redis ...")
        self._cluster = KafkaCluster(self._home, self._folder / "kafka")
        ending.callback(self._cluster.stop)
        self._cluster.start()
        self._redis = RedisServers(self._folder / "redis")
        ending.callback(self._redis.close)
        self._cluster.create_topics(self._names)

    def _start_clients(self, ending: ExitStack) -> None:
        """Start feeder, verifier and workers."""
        options, direct = self._options, self._cluster.direct
        self._pace = Pace(options.records, len(self._faults), options.gap_s, self._now_s)
        self._feeder = Feeder(
            direct,
            self._names,
            options.seed,
            allowed=self._allowed,
            poison_share=options.poison_share,
            event_times=self._event_times(),
            state=self._saved.feeder,
            before_bomb=self._save,
        )
        ending.callback(self._feeder.stop)
        self._fed_before = 0
        self._feeder.start()
        self._fed_before = self._feeder.total
        self._verifier = StreamVerifier(
            direct,
            self._names,
            options.seed,
            self._feeder,
            redis=self._redis.client,
            poison_share=options.poison_share,
            strict=options.strict,
        )
        ending.callback(self._verifier.stop)
        if self._saved.verifier is not None:
            self._verifier.restore(self._saved.verifier)
        self._verifier.start()
        self._early_counts = EarlyCounts(direct, self._redis, self._names)
        ending.callback(self._early_counts.stop)
        if options.strict:
            self._early_counts.start()
        workers = self._folder / "workers"
        workers.mkdir(exist_ok=True)
        self._fleet = Fleet(program_of(options, workers), self._worker_settings(), workers)
        ending.callback(self._fleet.stop)
        self._fleet.start()

    def _warm_up(self) -> None:
        """Wait until the workers label records of every partition; a program that never does is judged all the same."""
        before = self._verifier.seen

        def warm() -> bool:
            return self._stop.is_set() or all(count > before[each] for each, count in self._verifier.seen.items())

        became_true(warm, _START_S)
        self._verifier.forget_pauses_of_start()

    def _start_faults(self, ending: ExitStack) -> None:
        around = Surroundings(
            self._cluster, self._redis, self._fleet, self._feeder, self._verifier, self._names, self._stopping
        )
        done = {each.fault.number for each in self._before}
        left = [fault for fault in self._faults if fault.number not in done]
        self._began_s = time.monotonic()
        self._warm = True
        self._lanes = Lanes(left, lambda fault: inject(around, fault), self._now_s, self._stopping)
        ending.callback(self._end_faults)
        self._lanes.start()
        self._keeper = Keeper(self._save, self._verifier.trim)
        ending.callback(self._keeper.stop)
        self._keeper.start()

    def _end_faults(self) -> None:
        self._stopping.set()
        self._lanes.join()

    def _worker_settings(self) -> dict[str, str]:
        return {
            **self._names.environment(bootstrap=self._cluster.bootstrap, redis_url=self._redis.url),
            "KAFKA_SESSION_TIMEOUT_MS": str(_SESSION_TIMEOUT_MS),
            "METRICS_PORT": "0",
        }

    def _load(self, progress: RunProgress) -> None:
        """Feed and inject until the last fault is over and every record is verified, or a signal comes.

        After the last fault, a stream without progress for _NO_PROGRESS_S has broken the promise. Other programs have
        more time: kafka-python's producer waits for two minutes before it gives a record up.
        """
        seen, moved_s = -1, time.monotonic()
        limit_s = _NO_PROGRESS_S if self._options.strict else _NO_PROGRESS_OF_OTHERS_S
        while True:
            self._look(progress)
            now_s, total, fed = time.monotonic(), self._verifier.total, self._feeder.total
            if total != seen or not self._lanes.ended:
                seen, moved_s = total, now_s
            complete = fed >= self._options.records and total >= fed
            if self._lanes.ended and (complete or now_s - moved_s > limit_s):
                return
            if self._stop.wait(_LOOK_S):
                return

    def _look(self, progress: RunProgress) -> None:
        """Take notice of the progress, and raise the error of a part that has failed."""
        for part in (self._lanes, self._fleet, self._feeder, self._verifier, self._early_counts, self._keeper):
            part.check()
        injected, seen = self._injected(), self._verifier.seen
        self._samples.add(self._now_s(), seen, self._feeder.fed, injected)
        present = [each.fault.kind for each in injected if each.ended_s is None]
        self._verified, self._finished = sum(seen.values()), len(injected) - len(present)
        progress.show(self._verified, self._finished, present)

    def _allowed(self) -> int:
        if not self._warm:
            return min(self._options.records, self._fed_before + _FIRST_RECORDS)
        return self._pace.allowed(verified=self._verified, finished=self._finished)

    def _injected(self) -> list[Injected]:
        return [*self._before, *self._lanes.injected]

    def _now_s(self) -> float:
        return self._saved.elapsed_s + time.monotonic() - self._began_s

    def _save(self) -> None:
        """Keep the state; what is under way counts as not done, and comes again in a resumed run."""
        with self._saving:
            reading = self._verifier.state()
            SavedState(
                options=self._options.as_json(),
                start_ms=self._saved.start_ms,
                elapsed_s=self._now_s(),
                injected=[each.as_json() for each in self._injected() if each.ended_s is not None],
                points=self._samples.points,
                exits={str(code): count for code, count in self._exits().items()},
                unexpected=self._unexpected(),
                verifier=reading,
                feeder=self._feeder.state(),
            ).write(self._folder)
            self._verifier.keep(reading)

    def _exits(self) -> Counter[int]:
        return self._fleet.exits + Counter({int(code): count for code, count in self._saved.exits.items()})

    def _unexpected(self) -> list[str]:
        return [*self._saved.unexpected, *self._fleet.unexpected, *self._early_counts.findings]

    def _event_times(self) -> EventTimes:
        """Return times that a resumed run continues, within the twelve hours before the start."""
        step_ms = _TIMES_MS // max(1, self._options.records // self._names.partitions)
        return EventTimes(start_ms=self._saved.start_ms, step_ms=max(1, min(200, step_ms)))

    def _how_to_continue(self) -> str:
        if self._options.folder is None:
            return "interrupted; only a run with --run FOLDER can be resumed"
        return f"interrupted; to continue: python -m chaos --run {self._options.folder} --resume"

    def _result(self, verdict: Verdict) -> RunResult:
        return RunResult(
            options=self._options,
            seconds=self._now_s(),
            verdict=verdict,
            findings=self._unexpected() if self._options.strict else [],
            injected=self._injected(),
            points=self._samples.points,
            exits=self._exits(),
        )
