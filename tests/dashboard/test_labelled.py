"""Records of the output topic: what a worker wrote is read, everything else is passed over."""

import json
from typing import Any

import pytest

from dashboard.labelled import TEXT_SHOWN_CHARS, Labelled, read_labelled

FIELDS: dict[str, Any] = {
    "id": "1",
    "text": "so happy",
    "emotion": "joy",
    "confidence": 0.9,
    "scores": {"joy": 0.9, "fear": 0.1},
    "model": "fake-1",
}


def read(**changes: Any) -> Labelled | None:
    return read_labelled(json.dumps(FIELDS | changes).encode(), place="3@7", timestamp_ms=2_000)


def test_a_labelled_tweet_is_read() -> None:
    assert read() == Labelled("3@7", 2.0, "so happy", "joy", 0.9)


def test_a_label_counts_only_if_the_model_knows_it() -> None:
    known, unknown = read(label="fear"), read(label="boredom")
    assert known is not None
    assert unknown is not None
    assert (known.label, unknown.label) == ("fear", None)


def test_latency_runs_from_created_at_to_the_record() -> None:
    tweet = read(created_at="1970-01-01T00:00:01.500Z")
    assert tweet is not None
    assert tweet.latency_s == pytest.approx(0.5)


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"{", b"[]", b"7", b'{"text":"x"}', b"[" * 100_000])
def test_what_no_worker_wrote_is_passed_over(value: bytes | None) -> None:
    assert read_labelled(value, place="0@0", timestamp_ms=0) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"scores": None, "label": "joy"},
        {"created_at": "yesterday"},
        {"confidence": "x"},
        {"confidence": float("nan")},
        {"text": "\ud800"},
    ],
)
def test_a_field_of_a_wrong_kind_passes_the_record_over(changes: dict[str, Any]) -> None:
    assert read(**changes) is None


def test_a_long_text_is_cut_for_the_page() -> None:
    tweet = read(text="a" * 5_000)
    assert tweet is not None
    assert tweet.as_json()["text"] == "a" * TEXT_SHOWN_CHARS + "…"
