"""Everything that was measured, and the JSON keys that are made of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from benchmarks.suite.end_to_end import (
    AT_LEAST_ONCE,
    INSTANT,
    INSTANT_AT_LEAST_ONCE,
    INSTANT_BEFORE,
    INSTANT_TWO,
    QUIX,
    WORKER,
    DrainResults,
)
from benchmarks.suite.engines import FP32_CEILING, INT8_CEILING, OURS, EngineResults
from benchmarks.suite.latency import LOADS, Latency
from benchmarks.suite.measurement import Measurement, fastest, ratio
from benchmarks.suite.profiling import ProfileItem
from benchmarks.suite.scaling import Scaling

_PIPELINE: Final = "pipeline "
_OPENVINO: Final = "openvino "
_SORTED: Final = " sorted"


@dataclass
class Results:
    """The results of all parts; a part that was not measured is empty."""

    tokens_per_tweet: float
    operations_per_tweet: float
    engines: EngineResults = field(default_factory=EngineResults)
    end_to_end: DrainResults = field(default_factory=DrainResults)
    instant: DrainResults = field(default_factory=DrainResults)
    latency: Sequence[Latency] = ()
    scaling: Sequence[Scaling] = ()
    profiles: dict[str, Sequence[ProfileItem]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    """Parts and profiles that were not measured, with the reason; skipped peers are in the parts' own results."""

    @property
    def engine(self) -> Measurement | None:
        """Our engine alone, in the rounds of the part engine."""
        return self.engines.measurements.get(OURS)

    @property
    def pipeline(self) -> Measurement | None:
        """The pipeline in its best setting, with the texts in the order in which they came."""
        return fastest(self.engines.measurements, _PIPELINE, without=_SORTED)

    def all_skipped(self) -> dict[str, str]:
        """Return everything that was not measured, with the reason."""
        return {**self.skipped, **self.engines.skipped, **self.end_to_end.skipped, **self.instant.skipped}

    def all_measurements(self) -> dict[str, Measurement]:
        """Return the measurements of all parts by name."""
        drained = [found.rates for part in (self.end_to_end, self.instant) for found in part.programs.values()]
        engine = [self.end_to_end.engine] if self.end_to_end.engine.rounds else []
        return {each.name: each for each in (*self.engines.measurements.values(), *engine, *drained)}

    def disturbed(self) -> list[str]:
        """Return the names of the measurements whose rounds differ too much."""
        return [name for name, each in self.all_measurements().items() if each.disturbed]

    def keys(self) -> dict[str, Any]:
        """Return the figures by the names that checks rely on; None where something was not measured."""
        found, drained, instant = self.engines.measurements, self.end_to_end, self.instant
        worker = drained.programs.get(WORKER)
        return {
            "engine_tweets_per_second": _best(self.engine),
            "int8_ceiling_gops": _best(found.get(INT8_CEILING)),
            "fp32_ceiling_gops": _best(found.get(FP32_CEILING)),
            "engine_share_of_ceiling": self._share_of_ceiling(),
            "pipeline_best_tweets_per_second": _best(self.pipeline),
            "engine_over_pipeline": ratio(self.engine, self.pipeline),
            "engine_over_openvino": ratio(self.engine, fastest(found, _OPENVINO)),
            "end_to_end_tweets_per_second": _best(drained.rates(WORKER)),
            "end_to_end_over_engine": ratio(drained.rates(WORKER), drained.engine if drained.engine.rounds else None),
            "end_to_end_over_quix": ratio(drained.rates(WORKER), drained.rates(QUIX)),
            "instant_engine_tweets_per_second": _best(instant.rates(INSTANT)),
            "instant_engine_two_processes_tweets_per_second": _best(instant.rates(INSTANT_TWO)),
            "instant_engine_over_before": ratio(instant.rates(INSTANT), instant.rates(INSTANT_BEFORE)),
            "exactly_once_over_at_least_once": ratio(drained.rates(WORKER), drained.rates(AT_LEAST_ONCE)),
            "instant_exactly_once_over_at_least_once": ratio(
                instant.rates(INSTANT), instant.rates(INSTANT_AT_LEAST_ONCE)
            ),
            "latency_p99_ms": self._latency_p99(),
            "ready_s": round(median(worker.ready_s), 2) if worker else None,
            "peak_mb": round(max(worker.peak_mb), 1) if worker else None,
        }

    def _share_of_ceiling(self) -> float | None:
        ceiling = self.engines.measurements.get(INT8_CEILING)
        if self.engine is None or ceiling is None:
            return None
        return round(self.engine.best * self.operations_per_tweet / 1e9 / ceiling.best, 3)

    def _latency_p99(self) -> dict[str, float | None]:
        found = {each.load_percent: each.milliseconds.get(99) for each in self.latency}
        return {str(load): found.get(load) for load in LOADS}


def _best(measurement: Measurement | None) -> float | None:
    return None if measurement is None else round(measurement.best, 1)
