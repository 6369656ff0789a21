"""What a replay shows while it runs."""

import logging
import sys

import pytest

from producer.progress import Ticker, progress
from tests.clock import Clock


def test_progress_is_drawn_at_most_once_in_an_interval_with_the_rate_since_the_last_drawing() -> None:
    clock, drawn = Clock(), list[tuple[int, float]]()
    ticker = Ticker(lambda sent, rate: drawn.append((sent, rate)), interval_s=5, clock=clock)
    for now_s, sent in ((1.0, 10), (4.9, 20), (5.0, 30), (6.0, 40), (15.0, 80)):
        clock.now_s = now_s
        ticker.show(sent)
    assert drawn == [(30, 6.0), (80, 5.0)]


def test_the_last_drawing_has_the_rate_of_the_whole_replay() -> None:
    clock, drawn = Clock(), list[tuple[int, float]]()
    ticker = Ticker(lambda sent, rate: drawn.append((sent, rate)), interval_s=5, clock=clock)
    clock.now_s = 4.0
    ticker.finish(100)
    assert drawn == [(100, 25.0)]


def test_without_a_terminal_progress_is_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), progress(None, terminal=False) as shown:
        shown.finish(12)
    assert "sent 12 tweets" in caplog.text


@pytest.mark.parametrize("total", [20, None])
def test_the_bar_is_drawn_on_stderr_and_not_on_stdout(total: int | None, capsys: pytest.CaptureFixture[str]) -> None:
    with progress(total, terminal=True) as shown:
        shown.finish(12)
        sys.stdout.write("a result\n")
    captured = capsys.readouterr()
    assert captured.out == "a result\n"
    assert "12" in captured.err
