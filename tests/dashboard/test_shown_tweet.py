"""Records of the output topic: a worker's record is read, every other record is skipped."""

import json
from typing import Any

import pytest

from dashboard.shown_tweet import TEXT_SHOWN_CHARS, ShownTweet, read_shown_tweet

FIELDS: dict[str, Any] = {
    "id": "1",
    "text": "so happy",
    "emotion": "joy",
    "confidence": 0.9,
    "scores": {"joy": 0.9, "fear": 0.1},
    "model": "fake-1",
    "classified_at": "1970-01-01T00:00:02.000Z",
}


def read(*, neutral_is_a_label: bool = False, **changes: Any) -> ShownTweet | None:
    return read_shown_tweet(
        json.dumps(FIELDS | changes).encode(),
        place="3@7",
        timestamp_ms=2_000,
        neutral_is_a_label=neutral_is_a_label,
    )


def test_a_labelled_tweet_is_read() -> None:
    shown = read()
    assert shown is not None
    assert shown.as_json() == {
        "place": "3@7",
        "at": 2.0,
        "text": "so happy",
        "emotion": "joy",
        "confidence": 0.9,
        "scores": {"joy": 0.9, "fear": 0.1},
        "neutral": None,
        "label": None,
        "topics": [],
    }
    assert shown.latency_s is None


def test_the_first_ten_tweet_topics_are_shown() -> None:
    shown = read(topics=[f"t{number}" for number in range(12)])
    assert shown is not None
    assert shown.as_json()["topics"] == [f"t{number}" for number in range(10)]


def test_a_label_counts_only_if_the_model_knows_it() -> None:
    known, unknown = read(label="fear"), read(label="boredom")
    assert known is not None
    assert unknown is not None
    assert (known.label, unknown.label) == ("fear", None)


@pytest.mark.parametrize(
    ("neutral_is_a_label", "changes", "label"),
    [
        (True, {"neutral": 0.2}, "neutral"),
        (True, {}, None),
        (False, {"neutral": 0.2}, None),
        (False, {"scores": {"joy": 0.9, "neutral": 0.1}}, "neutral"),
    ],
)
def test_the_label_neutral_counts_only_where_a_prediction_can_be_neutral(
    neutral_is_a_label: bool, changes: dict[str, Any], label: str | None
) -> None:
    shown = read(neutral_is_a_label=neutral_is_a_label, label="neutral", **changes)
    assert shown is not None
    assert shown.label == label


def test_scores_and_neutral_are_sent_in_tenths_of_a_percent() -> None:
    shown = read(scores={"joy": 0.899_6, "fear": 0.100_4}, neutral=0.123_456)
    assert shown is not None
    assert (shown.as_json()["scores"], shown.as_json()["neutral"]) == ({"joy": 0.9, "fear": 0.1}, 0.123)


def test_the_time_of_the_input_record_is_read_from_the_header() -> None:
    def read_with(*headers: tuple[str, bytes | None]) -> float | None:
        shown = read_shown_tweet(json.dumps(FIELDS).encode(), place="3@7", timestamp_ms=2_000, headers=headers)
        assert shown is not None
        return shown.input_at_s

    assert read_with(("trace", b"1"), ("emotion.input.timestamp", b"1500")) == 1.5
    assert read_with(("emotion.input.timestamp", b"soon")) is None
    assert read_with(("emotion.input.timestamp", b"1500"), ("emotion.replay.round", b"1")) is None
    assert read_with() is None


def test_latency_runs_from_created_at_to_the_record() -> None:
    tweet = read(created_at="1970-01-01T00:00:01.500Z")
    assert tweet is not None
    assert tweet.latency_s == pytest.approx(0.5)


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"{", b"[]", b"7", b'{"text":"x"}', b"[" * 100_000])
def test_a_record_that_no_worker_wrote_is_skipped(value: bytes | None) -> None:
    assert read_shown_tweet(value, place="0@0", timestamp_ms=0) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"scores": None, "label": "joy"},
        {"created_at": "yesterday"},
        {"confidence": "x"},
        {"confidence": float("nan")},
        {"neutral": 1.5},
        {"text": "\ud800"},
        {"text": 7},
        {"classified_at": None},
    ],
)
def test_a_record_with_a_wrong_field_is_skipped(changes: dict[str, Any]) -> None:
    assert read(**changes) is None


def test_a_long_text_is_cut_for_the_page() -> None:
    tweet = read(text="a" * 5_000)
    assert tweet is not None
    assert tweet.as_json()["text"] == "a" * TEXT_SHOWN_CHARS + "…"
