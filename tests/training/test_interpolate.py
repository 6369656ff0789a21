"""Training that goes on from a trained model can be pulled back towards it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.moods import distilbert
from tests.training.test_commands import PLAIN
from training.__main__ import main
from training.interpolate import interpolate

LABELS = ("glad", "low", "cross")
TARGETS = [0, 1, 2, 0]


class Judge:
    """Logits that are right for so many rows as the model's first bias says."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __call__(self) -> Any:
        right = round(float(self._model.classifier.bias[0].detach()))
        logits = np.full((4, 3), -1.0, np.float32)
        for row, target in enumerate(TARGETS):
            logits[row, target if row < right else (target + 1) % 3] = 1.0
        return logits


def weights_with(model: Any, bias: float) -> dict[str, torch.Tensor]:
    weights = {name: weight.detach().clone() for name, weight in model.state_dict().items()}
    weights["classifier.bias"] = torch.full_like(weights["classifier.bias"], bias)
    return weights


@pytest.fixture
def model() -> Any:
    return distilbert(vocab_size=20, dim=32, hidden_dim=64, n_layers=1, n_heads=4, num_labels=3)


@pytest.mark.parametrize(
    ("base", "trained", "share"),
    [
        (2.0, 4.0, 1.0),  # better throughout: all of what was learnt
        (4.0, 2.0, 0.2),  # 4 - 0.2 x 2 still rounds to 4 right rows, 4 - 0.3 x 2 does not
        (4.0, -6.0, 0.0),  # anything learnt does harm
    ],
)
def test_the_largest_share_that_validation_judges_no_worse_than_the_base_is_kept(
    model: Any, base: float, trained: float, share: float
) -> None:
    start = weights_with(model, base)
    model.load_state_dict(weights_with(model, trained))
    found = interpolate(model, start, Judge(model), TARGETS, LABELS)
    assert found.share == share
    assert float(model.classifier.bias[0].detach()) == pytest.approx(base + share * (trained - base))
    assert (found.logits == Judge(model)()).all()


def test_a_second_stage_goes_on_from_the_first_and_tells_it(tmp_path: Path, moods: str, tiny_base: str) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    common = ["train", "--dataset", moods, "--learning-rate", "1e-3", "--batch-size", "8", *PLAIN, "--epochs", "1"]
    assert main([*common, "--base", tiny_base, "--run", str(first), "--no-export"]) == 0
    assert main([*common, "--base", str(first), "--run", str(second), "--interpolate", "--seed", "5"]) == 0
    made = json.loads((second / "run.json").read_text())
    assert made["name"] == json.loads((first / "run.json").read_text())["name"]
    assert made["started_from"]["recipe"]["seed"] == 13
    assert 0 <= made["interpolated"]["share"] <= 1
    card = (tmp_path / "second-model" / "README.md").read_text()
    assert "First stage" in card
    assert "Then interpolated" in card


def test_a_base_whose_head_is_new_cannot_be_gone_back_to(
    tmp_path: Path, moods: str, tiny_base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--dataset", moods, "--base", tiny_base, "--interpolate", "--run", str(tmp_path / "a")]) == 2
    assert "its head does not know glad, low, cross" in capsys.readouterr().err
