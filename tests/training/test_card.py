"""The model card: every sentence is true of the model that the card describes, for any labels and any base model."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import pipeline

from tests.training.explained import LABELS, model_folder
from training.export.card import model_card
from training.learn.recipe import MINILM
from worker.settings import BUNDLED_MODEL

MEMBER = {"accuracy": 0.9, "macro_f1": 0.8, "best_epoch": 1}


@pytest.fixture
def metrics() -> dict[str, Any]:
    """Return the metrics of the bundled model, as of two stages on one data set without teachers and neutral.

    No previous model is described.
    """
    found: dict[str, Any] = json.loads((BUNDLED_MODEL / "metrics.json").read_text(encoding="utf-8"))
    found |= {"sets": {}, "mistakes": {}, "notes": []}
    for name in ("neutral", "label_passes", "training_rows", "unfamiliar_tokens", "before"):
        found.pop(name, None)
    run = {
        name: value
        for name, value in found["run"].items()
        if name not in ("teachers", "started_from", "averaged", "datasets")
    }
    run["recipe"] = {**run["recipe"], "seed": 13}
    start = {**run, "model_id": "first-1", "base": MINILM, "started_from": None}
    member = {"seed": 13, **MEMBER, "interpolated": MEMBER}
    found["run"] = {**run, "started_from": start, "averaged": {"share": 1.0, "seeds": [member]}}
    return found


def card(metrics: dict[str, Any]) -> str:
    return model_card(metrics, metrics["labels"])


def averaged(metrics: dict[str, Any], share: float, seeds: list[int], **more: Any) -> str:
    """Return the card of a run that averages seeds and was interpolated with this share."""
    changed = deepcopy(metrics)
    members = [{"seed": seed, **MEMBER, **more} for seed in seeds]
    changed["run"]["averaged"] = {"share": share, "seeds": members}
    changed["run"]["recipe"]["seed"] = seeds
    return card(changed)


def test_one_seed_is_written_as_a_number_and_several_seeds_as_a_list(metrics: dict[str, Any]) -> None:
    assert "max tokens 128, seed 13." in card(metrics)
    assert "max tokens 128, seeds 7, 13, 42." in averaged(metrics, 1.0, [7, 13, 42])
    assert "[" not in card(metrics).split("Recipe:")[1].split("\n")[0]


def test_weights_that_were_not_interpolated_are_the_trained_weights(metrics: dict[str, Any]) -> None:
    text = card(metrics)
    assert "Interpolation (WiSE-FT): not needed. The trained weights are kept" in text
    assert "100%" not in text.split("## Scores")[0]
    assert "of the weights of the start model" not in text


def test_weights_that_were_interpolated_have_their_share(metrics: dict[str, Any]) -> None:
    text = averaged(metrics, 0.7, [13], interpolated=MEMBER)
    assert "70% of the trained weights and 30% of the weights of the start model" in text
    assert "weights are kept" not in text


def test_a_mean_of_seeds_is_described_with_and_without_interpolation(metrics: dict[str, Any]) -> None:
    mean = "the mean of the weights of 2 seeds (model soup).\n"
    kept = averaged(metrics, 1.0, [7, 13], interpolated=MEMBER)
    assert f"{mean}- Interpolation (WiSE-FT): not needed. The averaged weights are kept" in kept
    interpolated = averaged(metrics, 0.4, [7, 13], interpolated=MEMBER)
    assert f"{mean}- Interpolation (WiSE-FT): 40% of the averaged weights and 60%" in interpolated
    alone = averaged(metrics, 1.0, [7, 13])
    assert f"{mean}- Normaliser" in alone
    assert "WiSE-FT" not in alone


def test_every_stage_of_the_training_is_described_in_order(metrics: dict[str, Any]) -> None:
    third = deepcopy(metrics)
    second = {**third["run"], "model_id": "second-1"}
    third["run"] = {**third["run"], "started_from": second}
    text = card(third)
    lines = ["Base model: sentence-transformers", "First stage, `first-1`", "Second stage, `second-1`"]
    places = [text.index(f"- {line}") for line in [*lines, "Third stage, this model", "Recipe"]]
    assert places == sorted(places)
    assert "the weights of the second stage (the start model)" in text


def test_a_teacher_is_described_and_its_share_is_part_of_the_recipe(metrics: dict[str, Any]) -> None:
    taught = deepcopy(metrics)
    taught["run"]["recipe"] |= {"teacher_share": 0.5, "teacher_temperature": 2.0}
    assert "teacher" not in card(taught)
    teacher = {**metrics["run"], "base": "mpnet", "best_epoch": 3}
    taught["run"]["teachers"] = [teacher]
    text = card(taught)
    assert "- Teacher of the second stage, not part of this model: sentence-transformers/all-mpnet-base-v2 (Ap" in text
    assert "teacher share 0.5, teacher temperature 2.0" in text.split("- Recipe:")[1].split("\n")[0]


def test_teachers_and_mean_of_an_earlier_stage_are_described(metrics: dict[str, Any]) -> None:
    start = metrics["run"]["started_from"]
    start["recipe"] |= {"teacher_share": 0.7, "teacher_temperature": 2.0, "seed": [13, 14]}
    start["teachers"] = [{**deepcopy(start), "base": "mpnet", "teachers": []}]
    members = [{"seed": seed, **MEMBER, "interpolated": MEMBER} for seed in (13, 14)]
    start["averaged"] = {"share": 0.8, "seeds": members}
    text = card(metrics)
    assert "- Teacher of the first stage, not part of this model: sentence-transformers/all-mpnet-base-v2" in text
    first = text.split("- First stage, ")[1].split("\n")[0]
    assert "teacher share 0.7, teacher temperature 2.0" in first
    assert "the mean of the weights of 2 seeds" in first
    assert "80% of the averaged weights and 20%" in first
    assert "teacher" not in text.split("- Recipe:")[1].split("\n")[0]


def test_the_previous_model_has_the_data_that_it_learnt_from(metrics: dict[str, Any]) -> None:
    run = {**metrics["run"], "add": "raw-tweets"}
    metrics["before"] = {"model_id": "old-1", "robustness": metrics["robustness"], "run": run}
    assert described_previous(metrics).endswith("Added data: raw-tweets.")
    run["datasets"] = [{"path": "emotion", "ratio": 1}, {"path": "goemotions", "ratio": 0.2}]
    line = described_previous(metrics)
    assert line.endswith("Data sets and their ratio: `emotion` 1, `goemotions` 0.2.")
    assert "Added data" not in line


def described_previous(metrics: dict[str, Any]) -> str:
    return card(metrics).split("Recipe of the previous model:")[1].split("\n")[0]


def test_an_unknown_base_model_is_not_given_a_licence(metrics: dict[str, Any]) -> None:
    known = card(metrics).split("## Licence")[1]
    assert "The code and the base model are Apache-2.0." in known
    other = deepcopy(metrics)
    other["run"]["started_from"]["base"] = "someone/else"
    assert "the base model has a licence of its own" in card(other).split("## Licence")[1]
    assert "- Base model: someone/else;" in card(other)


def test_a_model_of_other_data_has_no_sentence_about_the_six_emotions(metrics: dict[str, Any]) -> None:
    labels = ["glad", "low"]
    other = deepcopy(metrics)
    other |= {"labels": labels, "dataset": "moods", "robustness": {}}
    for split in ("train", "test"):
        other["run"]["data"][split]["sha256"] = "0" * 64
    for both in other["scores"].values():
        rows = list(both["int8"]["per_class"].values())
        both["int8"]["per_class"] = dict(zip(labels, rows, strict=False))
    text = card(other).split("## Use of the test split")[0]
    assert "Classifies texts as one of: glad, low." in text
    for word in ("English", "hashtags", "notebook", "sample"):
        assert word not in text


def test_texts_that_were_not_scored_are_not_explained(metrics: dict[str, Any]) -> None:
    without = deepcopy(metrics)
    for sample in ("sample", "sample-dev"):
        without["robustness"].pop(sample, None)
    assert "`sample`" not in card(without)
    assert "`shifted test` is the test split changed by code" in card(without)


def test_the_card_names_the_dtype_with_which_transformers_is_fast_on_a_cpu(metrics: dict[str, Any]) -> None:
    opened = card(metrics).rsplit("\n\n", 1)[1]
    assert opened.startswith('`transformers.pipeline("text-classification", model=<this folder>)` loads the model.')
    assert "On a CPU, also pass `dtype=torch.float32`" in opened


def test_the_call_of_the_card_computes_in_the_dtype_that_the_card_names(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    weights = {name: tensor.half() for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text()) | {"dtype": "float16"}
    (folder / "config.json").write_text(json.dumps(config))
    asked: Any = pipeline("text-classification", model=str(folder), dtype=torch.float32)
    unasked: Any = pipeline("text-classification", model=str(folder))
    assert (asked.model.dtype, unasked.model.dtype) == (torch.float32, torch.float16)
    assert asked("so glad")[0]["label"] in LABELS
