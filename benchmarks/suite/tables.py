"""The results as tables: rows of text for the terminal and for docs/benchmarks.md alike."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.suite.end_to_end import DrainResults
from benchmarks.suite.latency import PERCENTILES
from benchmarks.suite.measurement import Measurement
from benchmarks.suite.results import Results


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a title; every cell is text."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(results: Results) -> Iterator[Table]:
    """Yield the tables of the parts that were measured."""
    yield Table("Figures", ["figure", "value"], [[name, _value(value)] for name, value in results.keys().items()])
    if results.engines.measurements:
        ranked = sorted(results.engines.measurements.values(), key=lambda each: (each.unit, -each.best), reverse=False)
        yield Table("Engine: from texts to labels, without Kafka", _RATES, [_rates(each) for each in ranked])
    if results.engines.once:
        once = sorted(results.engines.once.items(), key=lambda each: -each[1])
        yield Table(
            "Settings of the pipelines, one round each", ["setting", "tweets/s"], [[n, f"{r:,.0f}"] for n, r in once]
        )
    for title, part in (
        ("End to end: the same backlog on the same broker", results.end_to_end),
        ("Worker with an engine that answers at once", results.instant),
    ):
        if part.programs:
            yield Table(title, [*_RATES, "CPU s per 1,000 tweets", "peak MB", "first commit s"], list(_drained(part)))
    if results.latency:
        head = ["load", "tweets/s", *(f"p{percent} ms" for percent in PERCENTILES)]
        yield Table("Latency from a record's timestamp to its commit", head, list(_latency(results)))
    if results.scaling:
        rows = [
            [each.dimension, each.variant, each.failure or f"{each.tweets_per_second or 0:,.0f}"]
            for each in results.scaling
        ]
        yield Table("Scaling, one run each", ["what changes", "value", "tweets/s"], rows)
    for name, items in results.profiles.items():
        rows = [[item.function, f"{100 * item.share:.1f} %"] for item in items]
        yield Table(f"Profile: {name}", ["innermost Python function", "share of the samples"], rows)


_RATES = ("contender", "unit", "best", "median", "spread")


def _rates(each: Measurement) -> list[str]:
    spread = f"{100 * each.spread:.0f} %{' (disturbed)' if each.disturbed else ''}"
    return [each.name, each.unit, f"{each.best:,.0f}", f"{each.median:,.0f}", spread]


def _drained(part: DrainResults) -> Iterator[list[str]]:
    if part.engine.rounds:
        yield [*_rates(part.engine), "", "", ""]
    for each in sorted(part.programs.values(), key=lambda each: -each.rates.best):
        fields = each.as_json()
        processor, peak, ready = fields["processor_s_per_1000"], fields["peak_mb"], fields["ready_s"]
        yield [*_rates(each.rates), f"{processor:.2f}", f"{peak:.0f}", f"{ready:.1f}"]


def _latency(results: Results) -> Iterator[list[str]]:
    for each in results.latency:
        found = [f"{each.milliseconds[p]:.0f}" if p in each.milliseconds else "–" for p in PERCENTILES]
        yield [f"{each.load_percent} %", f"{each.tweets_per_second:,.0f}", *found]


def _value(value: Any) -> str:
    if value is None:
        return "not measured"
    if isinstance(value, dict):
        return ", ".join(f"{name} %: {_value(each)}" for name, each in value.items())
    return f"{value:,}"
