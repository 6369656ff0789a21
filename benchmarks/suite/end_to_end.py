"""The parts *end to end* and *worker*: programs that read the same backlog from the same broker, in turn."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.suite.drain import DrainResult, drain
from benchmarks.suite.engines import OURS
from benchmarks.suite.errors import BenchmarkError, SkippedError
from benchmarks.suite.measurement import Measurement
from benchmarks.suite.peer import OwnEngineError, Peer, peer_command
from benchmarks.suite.profiles import Profile
from benchmarks.suite.programs import Program, kafka_loop, quix_streams, worker
from benchmarks.suite.progress import say
from benchmarks.suite.servers import Servers
from benchmarks.suite.texts import Texts
from benchmarks.suite.topics import Backlog, fill
from deploy.local.errors import LocalError

WORKER: Final = "worker"
AT_LEAST_ONCE: Final = "worker, at least once"
ENGINE_ALONE: Final = "engine alone"
QUIX: Final = "quix streams"
KAFKA_LOOP: Final = "kafka-python loop"
INSTANT: Final = "instant engine"
INSTANT_AT_LEAST_ONCE: Final = "instant engine, at least once"
INSTANT_TWO: Final = "instant engine, two processes"
INSTANT_BEFORE: Final = "instant engine, the commit before"

#: Quix Streams commits every five seconds: a rate between commits needs several.
_QUIX_FACTOR: Final = 2

#: The backlog lasts so much longer than a round at the engine's speed. A larger backlog would slow down the worker:
#: the embedded Kafka writes all its records to a file once a second.
_BACKLOG_MARGIN_S: Final = 4.0


@dataclass
class DrainMeasurement:
    """Rates of a program's rounds, and the medians' companions: each list has one value a round."""

    rates: Measurement
    processor_s_per_1000: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    ready_s: list[float] = field(default_factory=list)

    def add(self, result: DrainResult) -> None:
        """Add a round."""
        self.rates.rounds.append(result.tweets_per_second)
        self.processor_s_per_1000.append(result.processor_s_per_1000)
        self.peak_mb.append(result.peak_mb)
        self.ready_s.append(result.ready_s)

    def as_json(self) -> dict[str, Any]:
        """Return the fields for the JSON line: the least processor time, the largest memory, the median start."""
        return {
            **self.rates.as_json(),
            "processor_s_per_1000": round(min(self.processor_s_per_1000), 3),
            "peak_mb": round(max(self.peak_mb), 1),
            "ready_s": round(median(self.ready_s), 2),
        }


@dataclass
class DrainResults:
    """Measurements by program, our engine alone between them, and skipped programs with the reason."""

    programs: dict[str, DrainMeasurement] = field(default_factory=dict)
    engine: Measurement = field(default_factory=lambda: Measurement(ENGINE_ALONE))
    skipped: dict[str, str] = field(default_factory=dict)

    def rates(self, name: str) -> Measurement | None:
        """Return the rates of a program, or None if it was not measured."""
        found = self.programs.get(name)
        return None if found is None else found.rates


def measure_end_to_end(
    profile: Profile, texts: Texts, servers: Servers, model: Path, folder: Path, *, pipeline: tuple[str, int]
) -> DrainResults:
    """Measure the worker, its at-least-once variant and the peers; `pipeline` is the dtype and batch of the loop."""
    results = DrainResults()
    dtype, batch_size = pipeline
    programs: list[Program] = [worker(WORKER), worker(AT_LEAST_ONCE, "--delivery", "at-least-once")]
    makers: dict[str, Callable[[], Program]] = {
        KAFKA_LOOP: partial(kafka_loop, model, dtype=dtype, batch_size=batch_size),
        QUIX: partial(quix_streams, model),
    }
    for name, make in makers.items():
        try:
            programs.append(make())
        except SkippedError as skipped:
            _skip(results, name, str(skipped))
    with ExitStack() as stack:
        engine = stack.enter_context(Peer(peer_command(OURS), folder / "engine-alone.log", OwnEngineError))
        engine.load(model, [])
        first = engine.round(OURS, [text.raw for text in texts.distinct(200)]).rate
        count = max(200, round(first * profile.engine_round_s))
        tweets = round(first * (profile.end_to_end_s + _BACKLOG_MARGIN_S))
        backlog = fill(servers, (text.raw for text in texts.distinct(tweets)))
        for number in range(profile.end_to_end_rounds):
            say(f"end to end: round {number + 1} of {profile.end_to_end_rounds}")
            for program in list(programs):
                results.engine.rounds.append(engine.round(OURS, [text.raw for text in texts.distinct(count)]).rate)
                seconds = profile.end_to_end_s * (_QUIX_FACTOR if program.name == QUIX else 1)
                if not _measure(program, backlog, folder, results, seconds=seconds):
                    programs.remove(program)
    return results


def measure_instant(
    profile: Profile, backlog: Backlog, folder: Path, *, before: Path | None = None, two_processes: bool = False
) -> DrainResults:
    """Measure the worker with an engine that answers at once, and in turn the same of another checkout, `before`."""
    instant = ("--engine", "instant")
    programs = [worker(INSTANT, *instant), worker(INSTANT_AT_LEAST_ONCE, *instant, "--delivery", "at-least-once")]
    if two_processes:
        programs.append(worker(INSTANT_TWO, *instant, processes=2))
    if before is not None:
        programs.append(worker(INSTANT_BEFORE, *instant, checkout=before))
    results = DrainResults()
    for number in range(profile.instant_rounds):
        say(f"instant engine: round {number + 1} of {profile.instant_rounds}")
        for program in list(programs):
            if not _measure(program, backlog, folder, results, seconds=profile.instant_s):
                programs.remove(program)
    return results


def _measure(program: Program, backlog: Backlog, folder: Path, results: DrainResults, *, seconds: float) -> bool:
    """Run a round; return whether the program takes part in the next. A peer may fail, our own worker must not."""
    try:
        result = drain(program, backlog, folder, seconds=seconds)
    except (LocalError, BenchmarkError) as error:
        if program.name in (WORKER, INSTANT):
            raise
        results.programs.pop(program.name, None)
        _skip(results, program.name, one_line(error))
        return False
    say(f"  {program.name}: {result.tweets_per_second:,.0f} tweets/s")
    results.programs.setdefault(program.name, DrainMeasurement(Measurement(program.name))).add(result)
    return True


def one_line(error: Exception) -> str:
    """Return the text of an error, and the last line of the log that explains it, where there is one."""
    log = getattr(error, "log", "").strip().splitlines()
    return f"{error}: {log[-1].strip()[:200]}" if log else str(error)


def _skip(results: DrainResults, name: str, reason: str) -> None:
    results.skipped[name] = reason
    say(f"skipped: {name}: {reason}")
