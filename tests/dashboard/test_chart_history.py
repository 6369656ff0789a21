"""The chart's history: the output topic where it was read, else the minutes in Redis, else unknown."""

import pytest

from dashboard.chart_history import MinuteCounts, chart_history
from dashboard.stream_statistics import BUCKET_S, StreamSummary

FROM_S = 600_000.0
"""The beginning of minute 10,000."""


def history(joy: list[float | None], minutes: MinuteCounts, from_s: float = FROM_S) -> tuple[float, list[float | None]]:
    found = chart_history(StreamSummary(history_from_s=from_s, history={"joy": tuple(joy)}), minutes)
    return found["from"], found["series"]["joy"]


def test_minutes_fill_what_was_not_read_and_nothing_else() -> None:
    minutes = MinuteCounts(FROM_S + 500, {10_000: {"joy": 120}})
    assert history([None, 7.0, None], minutes) == (FROM_S, [2.0, 7.0, 2.0])


def test_the_history_begins_with_the_first_minute_that_redis_knows() -> None:
    minutes = MinuteCounts(FROM_S + 500, {10_001: {"joy": 60}})
    unread = [None] * 60
    assert history([*unread, 3.0], minutes) == (FROM_S + 60, [1.0] * 30 + [3.0])


@pytest.mark.parametrize("minutes", [MinuteCounts(), MinuteCounts(FROM_S + 500, {})])
def test_without_minutes_the_history_begins_with_the_first_bucket_that_was_read(minutes: MinuteCounts) -> None:
    assert history([None, None, 4.0, None, 5.0], minutes) == (FROM_S + 2 * BUCKET_S, [4.0, None, 5.0])
    assert history([None, None], minutes)[1] == []
    assert history([], minutes)[1] == []


def test_a_minute_without_counts_after_a_known_minute_is_zero() -> None:
    minutes = MinuteCounts(FROM_S + 500, {10_000: {"joy": 60}, 10_002: {"fear": 60}})
    assert history([None] * 90, minutes)[1] == [1.0] * 30 + [0.0] * 60


def test_the_minute_that_is_not_over_is_a_rate_since_its_beginning_and_its_end_is_unknown() -> None:
    minutes = MinuteCounts(FROM_S + 30, {10_000: {"joy": 60}})
    assert history([None] * 20, minutes)[1] == [2.0] * 16 + [None] * 4


def test_a_label_without_a_count_in_a_known_minute_is_zero() -> None:
    stream = StreamSummary(history_from_s=FROM_S, history={"joy": (None,), "fear": (None,)})
    found = chart_history(stream, MinuteCounts(FROM_S + 60, {10_000: {"joy": 60}}))
    assert found["series"] == {"joy": [1.0], "fear": [0.0]}
