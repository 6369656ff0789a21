"""The loss and the optimizer of a step, and a batch that does not fit into the GPU's memory."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.moods import MakeBase, distilbert
from tests.training.test_resume import command, logits
from training.__main__ import main
from training.learn import fine_tuning
from training.learn.imbalance import Imbalance
from training.learn.loss import BatchTargets, batch_loss, divergence
from training.learn.optimizer import optimizer
from training.learn.recipe import Recipe


class TooSmallMemory:
    """A GPU whose memory holds at most `rows` rows of one view."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, rows: int) -> None:
        gradients_of_all = fine_tuning._FineTuning._gradients

        def gradients(run: fine_tuning._FineTuning, batch: Any) -> torch.Tensor:
            if len(batch[2].chunk(run._progress.pieces)[0]) > rows:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return gradients_of_all(run, batch)

        monkeypatch.setattr(fine_tuning._FineTuning, "_gradients", gradients)


def test_a_batch_that_does_not_fit_is_halved_until_it_fits_and_a_line_reports_it(
    tmp_path: Path, moods: str, tiny_base: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    TooSmallMemory(monkeypatch, rows=2)
    assert main(command(tmp_path / "run", moods, tiny_base)) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "out of GPU memory" in line]
    assert [line.split("computed in ")[1].split(" parts")[0] for line in lines] == ["2", "4"]


def test_a_batch_in_parts_gives_the_gradients_of_the_whole(
    tmp_path: Path, moods: str, make_base: MakeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Train without dropout, which draws other masks for other shapes."""
    none = {"dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0}
    base = make_base(dim=32, hidden_dim=64, n_layers=2, n_heads=4, max_position_embeddings=64, **none)
    plain = ["--r-drop", "0", "--imbalance", "class-weights", "--epochs", "1"]
    assert main(command(tmp_path / "whole", moods, base, *plain)) == 0
    TooSmallMemory(monkeypatch, rows=3)
    assert main(command(tmp_path / "parts", moods, base, *plain)) == 0
    whole, parts = (np.frombuffer(logits(tmp_path / name), np.float32) for name in ("whole", "parts"))
    assert np.allclose(whole, parts, atol=1e-3)


def test_a_single_row_that_does_not_fit_ends_the_run_with_a_one_line_error(
    tmp_path: Path, moods: str, tiny_base: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    TooSmallMemory(monkeypatch, rows=0)
    assert main(command(tmp_path / "run", moods, tiny_base)) == 2
    assert "the GPU's memory does not hold 1 rows; give a smaller --batch-size" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_stops_early_when_macro_f1_no_longer_rises(
    tmp_path: Path, moods: str, tiny_base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(tmp_path / "run", moods, tiny_base, "--epochs", "50", "--patience", "2", "--r-drop", "0")) == 0
    epochs = [line for line in capsys.readouterr().err.splitlines() if "validation accuracy" in line]
    assert 3 <= len(epochs) < 50
    assert (tmp_path / "run" / "learning.png").read_bytes().startswith(b"\x89PNG")


def labelled(*numbers: int) -> BatchTargets:
    """Make the targets of rows with one label each, of two."""
    classes = torch.eye(2)[list(numbers)]
    return BatchTargets(
        classes, torch.ones(len(numbers), dtype=torch.bool), torch.ones(len(numbers)), torch.zeros(len(numbers), 0)
    )


def test_r_drop_adds_the_divergence_of_the_two_views() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.5, 1.0]])
    targets = labelled(0, 1)
    without = batch_loss(Recipe(r_drop=0.0), None)(logits, targets)
    added = batch_loss(Recipe(r_drop=2.0), None)(logits, targets) - without
    one, other = logits.softmax(dim=-1).chunk(2)
    by_hand = ((one - other) * (one.log() - other.log())).sum(dim=1).mean() / 2
    assert torch.isclose(divergence(logits), by_hand)
    assert torch.isclose(added, 2 * by_hand)


def test_focal_loss_reduces_the_loss_of_confident_rows() -> None:
    targets = labelled(0)
    focal, plain = (batch_loss(Recipe(r_drop=0.0, imbalance=way), None) for way in (Imbalance.FOCAL, Imbalance.NONE))
    sure, unsure = torch.tensor([[4.0, 0.0]]), torch.tensor([[0.1, 0.0]])
    assert focal(sure, targets) / plain(sure, targets) < 0.001
    assert focal(unsure, targets) / plain(unsure, targets) > 0.2


def test_class_weights_scale_each_rows_loss() -> None:
    logits, weights = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0.5, 3.0])
    weighted = batch_loss(Recipe(r_drop=0.0, imbalance=Imbalance.CLASS_WEIGHTS), weights)
    plain = batch_loss(Recipe(r_drop=0.0), None)
    parts = [plain(logits[row : row + 1], labelled(row)) * weights[row] for row in (0, 1)]
    assert torch.isclose(weighted(logits, labelled(0, 1)), sum(parts, torch.tensor(0.0)) / 2)


def test_lower_layers_have_lower_learning_rates_and_norms_have_no_weight_decay() -> None:
    model = distilbert(vocab_size=50, dim=32, hidden_dim=64, n_layers=2, n_heads=4, num_labels=3)
    made = optimizer(model, Recipe(learning_rate=1.0, layer_decay=0.5, weight_decay=0.1))
    name_of = {id(weight): name for name, weight in model.named_parameters()}
    found = {
        name_of[id(weight)]: (group["lr"], group["weight_decay"])
        for group in made.param_groups
        for weight in group["params"]
    }
    assert len(found) == len(name_of)
    assert found["classifier.weight"] == (1.0, 0.1)
    assert found["distilbert.transformer.layer.1.ffn.lin1.weight"] == (0.5, 0.1)
    assert found["distilbert.transformer.layer.0.ffn.lin1.bias"] == (0.25, 0.0)
    assert found["distilbert.embeddings.word_embeddings.weight"] == (0.125, 0.1)
