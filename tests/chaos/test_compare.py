"""The comparison: the same options for each program, a table and one JSON line, and peers that may be missing."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from benchmarks.suite.errors import SkippedError
from benchmarks.suite.programs import Program
from chaos import compare
from chaos.compare import FAULTS, RECORDS, compare_programs, options_for
from chaos.kinds import FOR_ANY_PROGRAM
from chaos.options import KAFKA_LOOP, OURS, QUIX, RunOptions
from chaos.result import RunResult
from chaos.schedule import schedule
from chaos.stream.verdict import Verdict


def result(options: RunOptions, **figures: Any) -> RunResult:
    nothing: dict[str, Any] = {field.name: 0 for field in fields(Verdict)} | {"dead_letters": {}, "broken": ()}
    return RunResult(
        options,
        seconds=61.2,
        verdict=Verdict(**nothing | {"longest_pause_s": 3.21, "longest_partition_pause_s": 4.5} | figures),
    )


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "peer", lambda name, _folder: Program(name, ("true",)))


def test_one_round_of_faults_has_each_kind_of_the_comparison() -> None:
    options = options_for(7, gap_s=5.0)
    faults = schedule(options.seed, options.faults, options.gap_s, options.kinds)
    assert (options.records, options.faults) == (RECORDS, FAULTS)
    assert {fault.kind for fault in faults} == set(FOR_ANY_PROGRAM)


@pytest.mark.usefixtures("installed")
def test_each_program_has_the_same_faults_and_records_and_no_poison() -> None:
    seen: list[RunOptions] = []

    def run(options: RunOptions) -> RunResult:
        seen.append(options)
        return result(options)

    compare_programs(options_for(7, gap_s=5.0), run)
    assert [options.program for options in seen] == [OURS, KAFKA_LOOP, QUIX]
    assert {(o.seed, o.records, o.faults, o.gap_s, tuple(o.kinds), o.poison_share) for o in seen} == {
        (7, RECORDS, FAULTS, 5.0, FOR_ANY_PROGRAM, 0.0)
    }


@pytest.mark.usefixtures("installed")
def test_the_table_and_the_json_line_have_the_figures_of_each_program() -> None:
    figures = {OURS: {}, KAFKA_LOOP: {"doubled": 12_345, "redis_difference": 600}, QUIX: {"redis_difference": 7}}
    found = compare_programs(options_for(7, gap_s=5.0), lambda each: result(each, **figures[each.program]))
    rows = [line for line in found.markdown().splitlines()[2:] if line]
    assert [row.split(" | ")[1:] for row in rows] == [
        ["0", "0", "0", "0", "3.2", "4.5", "0 |"],
        ["0", "12,345", "0", "600", "3.2", "4.5", "0 |"],
        ["0", "0", "0", "7", "3.2", "4.5", "0 |"],
    ]
    line = json.loads(found.line())
    assert line["seed"] == 7
    assert line["programs"][KAFKA_LOOP]["doubled"] == 12_345
    assert line["programs"][QUIX]["redis_difference"] == 7


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("program", "kept"), [(OURS, False), (KAFKA_LOOP, True), (QUIX, True)])
def test_only_this_projects_worker_must_keep_the_promise(program: str, kept: bool) -> None:
    def run(options: RunOptions) -> RunResult:
        return result(options, broken=("lost: 1",) if options.program == program else ())

    assert compare_programs(options_for(7, gap_s=5.0), run).kept is kept


def test_a_peer_that_cannot_be_installed_is_named_and_the_others_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, _folder: Path) -> Program:
        if name == QUIX:
            raise SkippedError("its packages do not install (no index)")
        return Program(name, ("true",))

    monkeypatch.setattr(compare, "peer", missing)
    found = compare_programs(options_for(7, gap_s=5.0), result)
    assert list(found.results) == [OURS, KAFKA_LOOP]
    assert "Not run: Quix Streams, exactly-once: its packages do not install (no index)" in found.markdown()
    assert json.loads(found.line())["skipped"] == {QUIX: "its packages do not install (no index)"}
