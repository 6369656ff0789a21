"""The seconds of the stages of `bundle`, over interrupted and repeated calls."""

from collections.abc import Callable
from pathlib import Path

import pytest

from training.bundle.clock import SECONDS_FILE, Clock
from training.output.json_file import write_json


class Time:
    """A clock that the test moves; the seconds of a call start elsewhere than those of the last call."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def opened(runs: Path, time: Time, *stages: str) -> Clock:
    return Clock(runs, stages or ("first", "last"), time)


def spend(clock: Clock, time: Time, stage: str, seconds: float, then: Callable[[], None]) -> None:
    with clock.of(stage):
        time.now_s += seconds
        then()


def finish(runs: Path, stage: str, content: str = "{}") -> Callable[[], None]:
    def write() -> None:
        (runs / stage).mkdir(parents=True, exist_ok=True)
        (runs / stage / "new").write_text(content)
        (runs / stage / "new").replace(runs / stage / "run.json")

    return write


def interrupt() -> None:
    raise KeyboardInterrupt


def test_the_seconds_before_an_interruption_count_without_a_checkpoint(tmp_path: Path) -> None:
    runs, time = tmp_path / "runs", Time()
    with pytest.raises(KeyboardInterrupt):
        spend(opened(runs, time), time, "first", 5, interrupt)
    assert opened(runs, time).seconds == {}
    clock = opened(runs, time)
    spend(clock, time, "first", 7, finish(runs, "first"))
    assert clock.seconds == opened(runs, time).seconds == {"first": 12.0}


def test_a_kept_run_keeps_its_seconds_and_a_new_one_replaces_them(tmp_path: Path) -> None:
    time = Time()
    spend(opened(tmp_path, time), time, "first", 5, finish(tmp_path, "first"))
    spend(opened(tmp_path, time), time, "first", 1, lambda: None)
    assert opened(tmp_path, time).seconds == {"first": 5.0}
    spend(opened(tmp_path, time), time, "first", 3, finish(tmp_path, "first"))
    assert opened(tmp_path, time).seconds == {"first": 3.0}


def test_runs_that_are_no_stage_any_more_are_not_summed_and_the_export_is(tmp_path: Path) -> None:
    time = Time()
    spend(opened(tmp_path, time, "old"), time, "old", 100, finish(tmp_path, "old"))
    clock = opened(tmp_path, time)
    spend(clock, time, "first", 5, finish(tmp_path, "first"))
    spend(clock, time, "last", 6, finish(tmp_path, "last"))
    sentence = clock.sentence_at_the_end_of("export")
    time.now_s += 20
    assert sentence().startswith("`make train` took 31 s (first 5 s, last 6 s, export 20 s) on ")


def test_a_stage_of_unknown_time_is_named(tmp_path: Path) -> None:
    time = Time()
    finish(tmp_path, "first")()
    clock = opened(tmp_path, time)
    spend(clock, time, "first", 1, lambda: None)
    spend(clock, time, "last", 6, finish(tmp_path, "last"))
    text = clock.sentence_at_the_end_of("export")()
    assert text.startswith("`make train` took 6 s, without first, whose time is unknown, (last 6 s, export 0 s) on ")


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"seconds": 3}', '{"seconds": {"first": "x"}}', "[" * 100_000])
def test_a_damaged_file_does_not_end_the_command(tmp_path: Path, content: str) -> None:
    (tmp_path / SECONDS_FILE).write_text(content)
    assert opened(tmp_path, Time()).seconds == {}


def test_a_crash_while_json_is_written_leaves_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "some.json"
    write_json(file, {"a": 1})
    before = file.read_text()

    def fail(self: Path, *_: object) -> Path:
        raise OSError("the machine stops here")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="stops here"):
        write_json(file, {"a": 2})
    assert file.read_text() == before
