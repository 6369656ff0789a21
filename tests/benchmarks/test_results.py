"""The JSON line has every key; what was not measured is null and named with its reason."""

import json
from typing import Any

import pytest

from benchmarks.suite.drain import DrainResult
from benchmarks.suite.end_to_end import (
    AT_LEAST_ONCE,
    INSTANT,
    INSTANT_BEFORE,
    QUIX,
    WORKER,
    DrainMeasurement,
    DrainResults,
)
from benchmarks.suite.engines import INT8_CEILING, OURS, EngineResults
from benchmarks.suite.latency import Latency
from benchmarks.suite.measurement import Measurement
from benchmarks.suite.report import json_line, page, remarks
from benchmarks.suite.results import Results

KEYS = {
    "engine_tweets_per_second",
    "int8_ceiling_gops",
    "engine_share_of_ceiling",
    "pipeline_best_tweets_per_second",
    "engine_over_pipeline",
    "engine_over_openvino",
    "end_to_end_over_engine",
    "end_to_end_over_quix",
    "instant_engine_tweets_per_second",
    "exactly_once_over_at_least_once",
    "latency_p99_ms",
    "ready_s",
    "peak_mb",
}
CONTEXT: dict[str, Any] = {
    "profile": "quick",
    "dataset": "sample",
    "tweets": 700,
    "kafka": "embedded",
    "hardware": {"processor": "a processor", "cores": 2, "instructions": ["avx2"], "memory_gb": 8.0, "system": "Linux"},
    "versions": {"python": "3.11"},
    "peer_versions": {"infinity": {"transformers": "4"}, "transformers": {"transformers": "5"}},
    "load_before": 0.1,
    "commit": "abc",
    "before": None,
    "date": "2026-01-02",
}


def engines(**rounds: list[float]) -> EngineResults:
    measured = {name.replace("_", " "): values for name, values in rounds.items()}
    return EngineResults({name: Measurement(name, rounds=values) for name, values in measured.items()})


def drained(**rates: list[float]) -> DrainMeasurement:
    (values,) = rates.values()
    found = DrainMeasurement(Measurement(next(iter(rates))))
    for number, rate in enumerate(values):
        found.add(DrainResult(rate, 1.0, 150.0 + number, 2.0 + number))
    return found


def results() -> Results:
    end_to_end = DrainResults(
        {
            WORKER: drained(worker=[900, 930]),
            AT_LEAST_ONCE: drained(other=[1000]),
            QUIX: drained(quix=[30, 31]),
        },
        Measurement("engine alone", rounds=[900, 1000]),
    )
    instant = DrainResults({INSTANT: drained(instant=[6000]), INSTANT_BEFORE: drained(before=[2000])})
    found = engines(
        ours=[1000, 1100],
        pipeline_fp32_8=[100, 110],
        pipeline_bf16_32_sorted=[500],
        openvino_int8=[600],
        openvino_int8_sorted=[1000],
        int8_ceiling=[900, 1100],
    )
    latency = [Latency(50, 465.0, {50: 40.0, 95: 60.0, 99: 80.5})]
    return Results(22.0, 0.5e9, found, end_to_end, instant, latency)


def test_the_line_has_every_key_and_the_ratios_of_the_best_rounds() -> None:
    found = json.loads(json_line(results(), CONTEXT))
    assert found.keys() >= KEYS | CONTEXT.keys() | {"skipped", "disturbed"}
    assert found["engine_tweets_per_second"] == 1100
    assert found["engine_share_of_ceiling"] == 0.5
    assert found["engine_over_pipeline"] == 10.0
    assert found["engine_over_openvino"] == 1.1
    assert found["end_to_end_over_engine"] == 0.93
    assert found["end_to_end_over_quix"] == 30.0
    assert found["exactly_once_over_at_least_once"] == 0.93
    assert found["instant_engine_over_before"] == 3.0
    assert found["latency_p99_ms"] == {"25": None, "50": 80.5, "80": None}
    assert (found["ready_s"], found["peak_mb"]) == (2.5, 151.0)


def test_without_any_measurement_every_key_is_there_and_null() -> None:
    found = json.loads(json_line(Results(22.0, 0.5e9), CONTEXT))
    assert {name: found[name] for name in KEYS - {"latency_p99_ms"}} == dict.fromkeys(KEYS - {"latency_p99_ms"})
    assert found["latency_p99_ms"] == {"25": None, "50": None, "80": None}


@pytest.mark.parametrize(
    ("peer", "contender", "keys"),
    [
        ("openvino_int8", "openvino int8", {"engine_over_openvino"}),
        ("pipelines", INT8_CEILING, {"int8_ceiling_gops", "engine_share_of_ceiling"}),
        (OURS, OURS, {"engine_tweets_per_second", "engine_over_pipeline", "engine_share_of_ceiling"}),
    ],
)
def test_a_skipped_peer_is_named_and_its_keys_are_null(peer: str, contender: str, keys: set[str]) -> None:
    found = results()
    for name in [name for name in found.engines.measurements if name.startswith(contender)]:
        del found.engines.measurements[name]
    found.engines.skipped[peer] = "its packages do not install"
    line = json.loads(json_line(found, CONTEXT))
    assert {line[key] for key in keys} == {None}
    assert line["skipped"] == {peer: "its packages do not install"}
    assert f"skipped: {peer}: its packages do not install" in remarks(found, CONTEXT)


def test_a_disturbed_measurement_is_named_in_the_line_and_for_people() -> None:
    found = results()
    found.engines.measurements[OURS].rounds.append(500)
    assert json.loads(json_line(found, CONTEXT))["disturbed"] == [OURS]
    (remark,) = remarks(found, CONTEXT)
    assert remark.startswith("disturbed by other load: ours: its slowest round is 55 % slower")


def test_a_machine_that_was_busy_at_the_start_is_named() -> None:
    assert remarks(results(), CONTEXT | {"load_before": None}) == []
    (remark,) = remarks(results(), CONTEXT | {"load_before": 3.4})
    assert remark == "disturbed by other load: the load average was 3.4 at the start"


def test_the_page_has_every_figure_and_what_was_skipped() -> None:
    found = results()
    found.skipped["part scaling"] = "not asked for"
    text = page(found, CONTEXT | {"kafka": "apache"})
    assert "| engine_over_pipeline | 10.0 |" in text
    assert "2 cores, a processor" in text
    assert "Apache Kafka" in text
    assert "- skipped: part scaling: not asked for" in text
