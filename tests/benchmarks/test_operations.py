"""The operations of a tweet follow from the shape of the model and the tokens, whatever an engine skips."""

import json
from typing import Any

import pytest

from benchmarks.suite.operations import ModelShape, operations_per_tweet
from worker.settings import BUNDLED_MODEL

DISTILBERT: dict[str, Any] = {"n_layers": 6, "dim": 768, "hidden_dim": 3072, "id2label": {"0": "a", "1": "b"}}
BERT: dict[str, Any] = {
    "num_hidden_layers": 6,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "id2label": {"0": "a", "1": "b"},
}


def test_both_families_of_names_give_the_same_shape() -> None:
    assert ModelShape.of(DISTILBERT) == ModelShape.of(BERT) == ModelShape(6, 768, 3072, 2)


def test_the_operations_of_a_small_model_are_those_counted_by_hand() -> None:
    shape = ModelShape(layers=1, width=2, inner_width=3, labels=4)
    projections, inner, attention, head = 4 * 2 * 5 * 4, 2 * 2 * 5 * 2 * 3, 2 * 2 * 25 * 2, 2 * 2 * (2 + 4)
    assert shape.operations(5) == projections + inner + attention + head


def test_the_mean_is_over_tweets_because_attention_grows_with_the_square_of_the_length() -> None:
    shape = ModelShape(layers=1, width=4, inner_width=8, labels=2)
    assert operations_per_tweet(shape, [10, 30]) == (shape.operations(10) + shape.operations(30)) / 2
    assert operations_per_tweet(shape, [10, 30]) > shape.operations(20)


def test_a_tweet_of_23_tokens_takes_half_a_billion_operations_of_the_bundled_model() -> None:
    shape = ModelShape.of(json.loads((BUNDLED_MODEL / "config.json").read_text(encoding="utf-8")))
    assert shape.operations(23) == pytest.approx(0.5e9, rel=0.03)
