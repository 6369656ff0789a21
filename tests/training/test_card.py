"""The model card: every sentence is true of the model that it describes, whatever labels the model has."""

import json
from copy import deepcopy
from typing import Any

import pytest

from training.export.card import model_card
from worker.settings import BUNDLED_MODEL

MEMBER = {"accuracy": 0.9, "macro_f1": 0.8, "best_epoch": 1}


@pytest.fixture
def metrics() -> dict[str, Any]:
    """The bundled model's: one seed, the whole way from the start to what was trained."""
    found: dict[str, Any] = json.loads((BUNDLED_MODEL / "metrics.json").read_text(encoding="utf-8"))
    return found


def card(metrics: dict[str, Any]) -> str:
    return model_card(metrics, metrics["labels"])


def averaged(metrics: dict[str, Any], share: float, seeds: list[int], **more: Any) -> str:
    """Return the card of a mean of seeds."""
    changed = deepcopy(metrics)
    members = [{"seed": seed, **MEMBER, **more} for seed in seeds]
    changed["run"]["averaged"] = {"share": share, "seeds": members}
    changed["run"]["recipe"]["seed"] = seeds
    return card(changed)


def test_one_seed_is_a_number_and_several_are_a_list_of_numbers(metrics: dict[str, Any]) -> None:
    assert "max tokens 128, seed 13." in card(metrics)
    assert "max tokens 128, seeds 7, 13, 42." in averaged(metrics, 1.0, [7, 13, 42])
    assert "[" not in card(metrics).split("Recipe:")[1].split("\n")[0]


def test_weights_that_went_no_way_back_are_as_trained(metrics: dict[str, Any]) -> None:
    text = card(metrics)
    assert "The weights stay as trained" in text
    assert "100%" not in text.split("## Scores")[0]
    assert "Then interpolated" not in text


def test_weights_that_went_some_way_back_say_how_far(metrics: dict[str, Any]) -> None:
    text = averaged(metrics, 0.7, [13], interpolated=MEMBER)
    assert "Then interpolated: 70% of the way from the start to the trained weights" in text
    assert "The weights stay" not in text


def test_a_mean_of_seeds_is_told_with_its_way_back_or_without(metrics: dict[str, Any]) -> None:
    mean = "the mean of the weights of 2 seeds (model soup)."
    kept = averaged(metrics, 1.0, [7, 13], interpolated=MEMBER)
    assert f"{mean} The weights stay as averaged" in kept
    assert f"{mean} Then interpolated: 40%" in averaged(metrics, 0.4, [7, 13], interpolated=MEMBER)
    alone = averaged(metrics, 1.0, [7, 13])
    assert f"{mean}\n" in alone
    assert "WiSE-FT" not in alone


def test_a_model_of_other_data_claims_nothing_about_the_six_emotions(metrics: dict[str, Any]) -> None:
    labels = ["glad", "low"]
    other = deepcopy(metrics)
    other |= {"labels": labels, "dataset": "moods", "robustness": {}}
    other["run"]["data"]["train"]["sha256"] = "0" * 64
    for both in other["scores"].values():
        rows = list(both["int8"]["per_class"].values())
        both["int8"]["per_class"] = dict(zip(labels, rows, strict=False))
    text = card(other).split("## Looks")[0]
    assert "Classifies texts as one of: glad, low." in text
    for word in ("English", "hashtags", "notebook", "sample"):
        assert word not in text


def test_texts_that_were_not_scored_are_not_explained(metrics: dict[str, Any]) -> None:
    without = deepcopy(metrics)
    del without["robustness"]["sample"]
    without.pop("before")
    assert "`sample`" not in card(without)
    assert "`shifted test` is the test split with" in card(without)
