"""`make bench`: measure the parts of a profile and report."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kafka.errors import KafkaError

from benchmarks.suite import machine
from benchmarks.suite.end_to_end import INSTANT, WORKER, measure_end_to_end, measure_instant
from benchmarks.suite.engines import measure_engines
from benchmarks.suite.environments import pinned_versions
from benchmarks.suite.errors import BenchmarkError, SkippedError
from benchmarks.suite.latency import measure_latency
from benchmarks.suite.operations import ModelShape, operations_per_tweet
from benchmarks.suite.profiles import PARTS, Profile
from benchmarks.suite.profiling import profile
from benchmarks.suite.programs import worker
from benchmarks.suite.progress import say
from benchmarks.suite.results import Results
from benchmarks.suite.scaling import measure_scaling
from benchmarks.suite.servers import Servers, check_kafka_home, running_servers
from benchmarks.suite.texts import Texts
from benchmarks.suite.topics import Backlog, fill
from deploy.local.errors import LocalError
from worker.inference.model_config import read_json

#: The pipeline of the kafka-python loop where the part engine, which finds the fastest setting, is not measured.
_USUAL_PIPELINE: Final = ("fp32", 32)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure. `before` is a checkout of an earlier commit; `profiled` adds the profiles by py-spy."""

    profile: Profile
    texts: Texts
    model: Path
    parts: tuple[str, ...] = PARTS
    before: Path | None = None
    profiled: bool = False


def checked(plan: Plan) -> Plan:
    """Return the plan. Raises BenchmarkError or FatalError with one line if something that it names is not there."""
    check_kafka_home()
    if plan.before is not None and not (plan.before / "worker" / "__main__.py").is_file():
        raise BenchmarkError(f"--before {plan.before}: not a checkout of this project")
    if "latency" in plan.parts and "end-to-end" not in plan.parts:
        raise BenchmarkError("--parts: latency is measured at shares of the end-to-end rate; measure end-to-end too")
    return plan


def measure(plan: Plan) -> tuple[Results, dict[str, Any]]:
    """Return the results, and what was measured on what.

    Raises BenchmarkError, LocalError or FatalError, each with one line, if this project's own part of it fails.
    """
    lengths, load_before = plan.texts.lengths, machine.load()
    shape = _shape(plan.model)
    results = Results(sum(lengths) / len(lengths), operations_per_tweet(shape, lengths))
    results.skipped |= {f"part {part}": "not asked for" for part in PARTS if part not in plan.parts}
    kafka = None
    with tempfile.TemporaryDirectory(prefix="emotion-bench-") as folder:
        if "engine" in plan.parts:
            results.engines = measure_engines(plan.profile, plan.texts, plan.model, Path(folder))
        if set(plan.parts) - {"engine"} or plan.profiled:
            try:
                kafka = _measure_on_kafka(plan, results, Path(folder))
            except KafkaError as error:
                raise BenchmarkError(f"Kafka failed: {error}") from error
    return results, {
        "profile": plan.profile.name,
        "dataset": plan.texts.dataset,
        "tweets": len(lengths),
        "tokens_per_tweet": round(results.tokens_per_tweet, 2),
        "operations_per_tweet_gop": round(results.operations_per_tweet / 1e9, 4),
        "kafka": kafka,
        "hardware": machine.hardware(),
        "load_before": load_before,
        "versions": machine.versions(),
        "peer_versions": results.engines.versions | pinned_versions("quixstreams", "kafka-python"),
        "commit": machine.commit(),
        "before": machine.commit(plan.before) if plan.before else None,
        "date": machine.date(),
    }


def _shape(model: Path) -> ModelShape:
    try:
        return ModelShape.of(read_json(model / "config.json"))
    except KeyError as error:
        raise BenchmarkError(f"{model}: config.json lacks {error}, a size from which operations are counted") from None


def _measure_on_kafka(plan: Plan, results: Results, folder: Path) -> str:
    """Measure the parts that need servers; return which Kafka it was.

    Each part has servers of its own: the embedded Kafka writes all its records to a file once a second while something
    changes, and needs about a tenth of a core for each 60,000 tweets on its topics.
    """
    kafka = ""
    if "end-to-end" in plan.parts:
        with running_servers() as servers:
            kafka = servers.kafka
            results.end_to_end = measure_end_to_end(
                plan.profile, plan.texts, servers, plan.model, folder, pipeline=_pipeline_setting(results)
            )
    if {"worker", "scaling"} & set(plan.parts) or plan.profiled:
        with running_servers() as servers:
            kafka = servers.kafka
            _measure_on_backlog(plan, results, servers, folder)
    if "latency" in plan.parts:
        top = results.end_to_end.programs[WORKER].rates
        results.latency = measure_latency(plan.texts, folder, top_rate=top.best, seconds=plan.profile.latency_s)
    say(f"Kafka was {'an Apache Kafka' if kafka == 'apache' else 'the embedded one'}")
    return kafka


def _measure_on_backlog(plan: Plan, results: Results, servers: Servers, folder: Path) -> None:
    """Measure the parts with an engine that answers at once, which needs a large backlog."""
    backlog = fill(servers, (text.raw for text in plan.texts.distinct(plan.profile.backlog)))
    if "worker" in plan.parts:
        two = plan.profile.everything
        results.instant = measure_instant(plan.profile, backlog, folder, before=plan.before, two_processes=two)
    if "scaling" in plan.parts and not plan.profile.everything:
        results.skipped["part scaling"] = "only with PROFILE=full"
    elif "scaling" in plan.parts:
        results.scaling = measure_scaling(plan.profile, servers, plan.texts, backlog, folder)
    if plan.profiled:
        _profile(results, backlog, folder)


def _pipeline_setting(results: Results) -> tuple[str, int]:
    """Return dtype and batch size of the pipeline that was fastest."""
    if results.pipeline is None:
        return _USUAL_PIPELINE
    _, dtype, batch_size = results.pipeline.name.split()[:3]
    return dtype, int(batch_size)


def _profile(results: Results, backlog: Backlog, folder: Path) -> None:
    for program in (worker(WORKER), worker(INSTANT, "--engine", "instant")):
        say(f"profile: {program.name}")
        try:
            results.profiles[program.name] = profile(program, backlog, folder)
        except (SkippedError, BenchmarkError, LocalError) as skipped:  # what was measured before must not be lost
            results.skipped[f"profile of {program.name}"] = str(skipped)
            return
