"""The neutral output: its loss, its place in the weights, its calibration, and what export writes of it."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForSequenceClassification, MPNetConfig, MPNetForSequenceClassification

from tests.training.mixed import LABELS, two_data_sets
from tests.training.moods import distilbert
from training.__main__ import main
from training.data.mapped_split import MappedSplit
from training.data.recorded_data import recorded_validations
from training.export.model_files import write_model
from training.learn.calibration import calibrated_neutral, calibrated_temperature
from training.learn.loss import BatchTargets, batch_loss
from training.learn.neutral import add_neutral_output, has_neutral_output, remove_neutral_output
from training.learn.recipe import Recipe
from training.learn.run_folder import read_run
from training.learn.validation import ValidationRows, neutral_margins

RECIPE = ["--epochs", "4", "--learning-rate", "1e-2", "--batch-size", "16", "--ema-decay", "0.5", "--r-drop", "1"]


def targets(classes: list[list[float]], *, knows: list[bool], teacher: torch.Tensor | None = None) -> BatchTargets:
    rows = len(classes)
    soft = torch.zeros(rows, 0) if teacher is None else teacher
    return BatchTargets(torch.tensor(classes), torch.tensor(knows), torch.ones(rows), soft)


def tiny(**sizes: int) -> Any:
    return distilbert(**{"vocab_size": 50, "dim": 32, "hidden_dim": 64, "n_layers": 1, "n_heads": 4, **sizes})


# The loss.


def test_a_row_that_says_nothing_about_neutral_has_the_softmax_over_the_labels() -> None:
    logits = torch.tensor([[1.0, 0.5, 3.0]], requires_grad=True)
    loss = batch_loss(Recipe(r_drop=0.0), None)(logits, targets([[1.0, 0.0, 0.0]], knows=[False]))
    assert torch.isclose(loss, -logits[0, :2].log_softmax(dim=0)[0])
    torch.autograd.backward(loss)
    assert logits.grad is not None
    assert logits.grad[0, 2] == 0


def test_a_row_that_knows_neutral_has_the_softmax_over_all_outputs() -> None:
    logits = torch.tensor([[1.0, 0.5, 3.0], [0.0, 1.0, 2.0]])
    loss = batch_loss(Recipe(r_drop=0.0), None)(logits, targets([[0, 0, 1.0], [0.5, 0.5, 0]], knows=[True, True]))
    logs = logits.log_softmax(dim=1)
    assert torch.isclose(loss, -(logs[0, 2] + (logs[1, 0] + logs[1, 1]) / 2) / 2)


def test_smoothing_views_and_class_weights_leave_masked_rows_finite() -> None:
    logits = torch.randn(4, 3, requires_grad=True)
    recipe = Recipe(r_drop=1.0, label_smoothing=0.1)
    loss = batch_loss(recipe, torch.tensor([1.0, 2.0, 3.0]))(
        logits, targets([[1.0, 0, 0], [0, 0, 1.0]], knows=[False, True])
    )
    torch.autograd.backward(loss)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert logits.grad[[0, 2], 2].eq(0).all()
    assert logits.grad[[1, 3], 2].ne(0).all()


def test_smoothing_spreads_over_the_outputs_that_take_part() -> None:
    logits = torch.tensor([[2.0, 0.0, 5.0]])
    found = batch_loss(Recipe(r_drop=0.0, label_smoothing=0.2), None)(logits, targets([[1.0, 0, 0]], knows=[False]))
    usual = torch.nn.functional.cross_entropy(logits[:, :2], torch.tensor([0]), label_smoothing=0.2)
    assert torch.isclose(found, usual)


# The model.


def test_the_output_is_one_more_logit_and_the_others_stay() -> None:
    model = tiny(num_labels=3)
    ids = torch.tensor([[3, 7, 4]])
    before = model(input_ids=ids).logits
    add_neutral_output(model)
    after = model(input_ids=ids).logits
    assert after.shape == (1, 4)
    assert torch.equal(after[:, :3], before)
    remove_neutral_output(model)
    assert model(input_ids=ids).logits.shape == (1, 3)


def test_a_copy_of_the_model_uses_the_weights_of_the_copy() -> None:
    model = tiny(num_labels=3)
    add_neutral_output(model)
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.neutral.bias.fill_(100.0)
    ids = torch.tensor([[3, 7, 4]])
    assert other(input_ids=ids).logits[0, 3] > 90
    assert model(input_ids=ids).logits[0, 3] < 10


def test_a_model_with_a_head_of_several_layers_can_have_the_output() -> None:
    config: Any = MPNetConfig
    model: Any = MPNetForSequenceClassification(
        config(
            vocab_size=50,
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=4,
            intermediate_size=64,
            num_labels=3,
        )
    )
    add_neutral_output(model)
    assert model.eval()(input_ids=torch.tensor([[0, 7, 2]])).logits.shape == (1, 4)


# Calibration.


def split_of(neutral: int, labelled: int) -> MappedSplit:
    rows = neutral + labelled
    marks = ((3,),) * neutral + ((0,),) * labelled
    return MappedSplit(
        "validation", "comments", LABELS, True, tuple(range(rows)), ("text",) * rows, marks, (True,) * rows
    )


def test_scale_and_shift_make_the_probability_of_neutral_honest() -> None:
    rng = np.random.default_rng(0)
    split = split_of(500, 1500)
    margins = np.concatenate([rng.normal(3.0, 4.0, 500), rng.normal(-3.0, 4.0, 1500)])  # too sure by far
    logits = np.zeros((2000, 4), np.float32)
    logits[:, 3] = margins + np.log(3)
    found = calibrated_neutral(ValidationRows([[]] * 2000, (split,), LABELS), logits)
    assert found is not None
    assert 0 < found.scale < 0.7
    exact = neutral_margins(split, logits)
    assert exact is not None
    assert found.probabilities(exact[0]).mean() == pytest.approx(0.25, abs=0.01)


def test_without_neutral_rows_the_softmax_over_all_outputs_stays() -> None:
    rows = ValidationRows([[]] * 4, (split_of(0, 4),), LABELS)
    assert calibrated_neutral(rows, np.zeros((4, 4), np.float32)) == (1.0, 0.0)
    assert calibrated_neutral(rows, np.zeros((4, 3), np.float32)) is None


def test_the_temperature_counts_each_data_set_the_same() -> None:
    sure, unsure = split_of(0, 1000), split_of(0, 10)
    logits = np.zeros((1010, 3), np.float32)
    logits[:, 0] = 1.0
    logits[1000:1005, 0] = -3.0  # half of the small set is wrong
    rows = ValidationRows([[]] * 1010, (sure, unsure), LABELS)
    assert calibrated_temperature(rows, logits) > calibrated_temperature(
        ValidationRows([[]] * 1010, (split_of(0, 1010),), LABELS), logits
    )


# From training to the model folder.


@pytest.fixture
def run(tmp_path: Path, tiny_base: str) -> Path:
    """Train on two data sets, of which one knows neutral."""
    file = two_data_sets(tmp_path)
    where = ["--data", str(file), "--data-root", str(tmp_path), "--labels", ",".join(LABELS)]
    made = tmp_path / "run"
    assert main(["train", *where, "--base", tiny_base, "--run", str(made), "--no-export", *RECIPE]) == 0
    return made


def test_a_run_on_two_data_sets_learns_both_and_neutral(run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    best = record["epochs"][record["best_epoch"] - 1]
    assert best["others"]["comments"]["neutral_auc"] > 0.8
    assert {"accuracy", "macro_f1", "loss"} <= set(best["others"]["comments"])
    assert record["neutral"]["scale"] > 0
    assert set(record["data"]) == {"train", "validation", "comments train", "comments validation"}
    assert [entry["path"] for entry in record["datasets"]] == ["moods", "comments"]


def test_the_saved_run_opens_with_and_without_the_output(run: Path) -> None:
    opened = read_run(run)
    ids = torch.tensor([[3, 40, 4]])
    model: Any = opened.model
    with_neutral = model(input_ids=ids).logits
    loader: Any = AutoModelForSequenceClassification
    plain = loader.from_pretrained(run).eval()(input_ids=ids).logits
    assert with_neutral.shape == (1, 4)
    assert torch.allclose(with_neutral[:, :3], plain, atol=1e-6)


def test_a_second_stage_and_the_mean_of_seeds_keep_the_output(run: Path, tmp_path: Path) -> None:
    where = ["--data", str(tmp_path / "data.yaml"), "--data-root", str(tmp_path), "--labels", ",".join(LABELS)]
    seeds = [tmp_path / f"seed-{seed}" for seed in (1, 2)]
    for seed, folder in enumerate(seeds, start=1):
        more = ["--seed", str(seed), "--epochs", "1", "--learning-rate", "1e-4"]
        assert main(["train", *where, "--base", str(run), "--run", str(folder), "--no-export", *RECIPE, *more]) == 0
    mean = tmp_path / "mean"
    assert main(["average", *map(str, seeds), "--towards", str(run), "--run", str(mean)]) == 0
    opened = read_run(mean)
    assert has_neutral_output(opened.model)
    assert opened.neutral is not None
    assert opened.record["averaged"]["others"]["comments"]["neutral_auc"] > 0.5


def test_export_writes_the_output_into_weights_graph_configuration_and_golden_scores(run: Path, tmp_path: Path) -> None:
    opened = read_run(run)
    folder = tmp_path / "model"
    folder.mkdir()
    validations = recorded_validations(opened.record, LABELS, dataset=opened.dataset)
    tried = write_model(folder, opened, validations, calibration=[text for one in validations for text in one.texts])
    config = json.loads((folder / "config.json").read_text())
    assert config["neutral"] == json.loads((run / "run.json").read_text())["neutral"]
    assert list(config["id2label"].values()) == list(LABELS)
    with safe_open(folder / "model.safetensors", framework="np") as weights:
        assert weights.get_tensor("neutral.weight").shape == (1, 32)
        assert weights.get_tensor("classifier.weight").shape == (3, 32)
    session = ort.InferenceSession(folder / "model.int8.onnx")
    feed = {"input_ids": np.array([[3, 40, 4]]), "attention_mask": np.ones((1, 3), np.int64)}
    (logits,) = session.run(["logits"], feed)
    assert logits.shape == (1, 4)
    golden = json.loads((folder / "golden.json").read_text())
    assert all(0 <= entry["neutral"] <= 1 and set(entry["scores"]) == set(LABELS) for entry in golden["texts"])
    assert tried[-1]["neutral_difference"] <= 0.02
