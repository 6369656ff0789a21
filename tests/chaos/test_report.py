"""What a run prints: the JSON line with its keys, the table, the picture."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from chaos.fault_log import Injected
from chaos.options import RunOptions
from chaos.report.picture import draw, pauses, thinned
from chaos.report.table import rows, show
from chaos.result import RunResult
from chaos.schedule import Fault
from chaos.stream.verdict import Verdict

KEYS = {
    "records", "faults", "lost", "doubled", "out_of_order", "redis_difference", "stuck", "longest_pause_s", "seed",
}  # fmt: skip


def injected(number: int, kind: str, pause_s: float, not_injected: str | None = None) -> Injected:
    return Injected(Fault(number, 0.0, kind, 0, 0.0), 10.0 * number, 10.0 * number + 3, pause_s, not_injected)


def verdict(*broken: str) -> Verdict:
    return Verdict(
        fed=1_120,
        labelled=1_100,
        dead_letters={"not_json": 20},
        lost=len(broken),
        doubled=0,
        out_of_order=0,
        changed=0,
        unknown=0,
        redis_difference=0,
        offsets_difference=0,
        checkpoint_difference=0,
        stuck=0,
        longest_pause_s=4.0,
        longest_partition_pause_s=9.0,
        broken=broken,
    )


def result(*broken: str, findings: Sequence[str] = ()) -> RunResult:
    return RunResult(
        options=RunOptions(seed=7, records=1_000, faults=4, gap_s=5.0),
        seconds=61.26,
        verdict=verdict(*broken),
        findings=findings,
        injected=[
            injected(0, "redis_wipe", 0.5),
            injected(1, "kill", 2.0),
            injected(2, "kill", 4.0),
            injected(3, "scale_up", 0.0, "no room"),
        ],
        points=[(float(second), min(second, 20) * 10) for second in range(60)],
        exits={-9: 2, 0: 3},
    )


def test_the_json_line_has_every_key_and_counts_the_injected_faults_by_kind() -> None:
    line = json.loads(result().line())
    assert set(line) > KEYS
    assert line["faults"] == {"kill": 2, "redis_wipe": 1}
    assert line["not_injected"] == {"3": "scale_up: no room"}
    assert line["worker_exits"] == {"-9": 2, "0": 3}
    assert (line["seed"], line["longest_pause_s"], line["records"]) == (7, 4.0, 1_120)


def test_findings_about_workers_and_kinds_without_any_fault_break_the_promise_too() -> None:
    assert result("lost: 1", findings=["worker-0 ended with exit code 70"]).broken == [
        "lost: 1",
        "worker-0 ended with exit code 70",
        "scale_up: injected not once (no room)",
    ]
    assert result().broken == ["scale_up: injected not once (no room)"]


def test_the_table_has_a_row_for_each_kind_that_was_injected() -> None:
    assert rows(result().injected) == [["kill", "2", "3.0", "4.0"], ["redis_wipe", "1", "0.5", "0.5"]]


def test_what_broke_is_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    show(result("lost: 1, tweets[3]@17"))
    written = capsys.readouterr()
    assert written.out == ""
    assert "broken: lost: 1, tweets[3]@17" in written.err
    assert "not injected: fault 3, scale_up: no room" in written.err
    assert "1,120 records, 3 faults, seed 7: 1 lost" in re.sub(r"\s+", " ", written.err)


def test_the_picture_marks_the_groups_of_faults_and_is_the_same_for_the_same_result(tmp_path: Path) -> None:
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    draw(result(), first)
    draw(result(), second)
    assert first.read_bytes() == second.read_bytes()
    text = first.read_text(encoding="utf-8")
    assert all(word in text for word in ("worker", "redis", "records verified", "seed 7"))
    assert "settings" not in text


def test_pauses_are_the_longer_times_without_a_verified_record() -> None:
    points = [(0.0, 0), (1.0, 5), (2.0, 5), (3.0, 5), (4.5, 9), (5.0, 10), (6.0, 11)]
    assert pauses(points) == [(1.0, 4.5)]
    assert pauses([]) == []


def test_many_points_are_thinned_and_the_last_one_is_kept() -> None:
    points = [(float(n), n) for n in range(100_000)]
    kept = thinned(points)
    assert len(kept) < 3_000
    assert kept[-1] == points[-1]
    assert thinned(points[:3]) == points[:3]
