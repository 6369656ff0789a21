"""The interpolation keeps the largest share of the trained weights that scores no worse than the base."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.training.moods import distilbert
from training.average.interpolate import interpolate
from training.data.mapped_split import mapped
from training.data.splits import Split
from training.learn.validation import ValidationRows

LABELS = ("glad", "low", "cross")
TARGETS = (0, 1, 2, 0)
VALIDATION = ValidationRows(
    [[3, 4]] * 4, (mapped(Split("validation", (0, 1, 2, 3), ("a", "b", "c", "d"), TARGETS), LABELS),), LABELS
)


class PredictFromBias:
    """Logits on which as many rows are correct as the rounded first bias of the model."""

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
        (2.0, 4.0, 1.0),  # better at each share: all of the trained weights
        (4.0, 2.0, 0.2),  # 4 - 0.2 x 2 still rounds to 4 right rows, 4 - 0.3 x 2 does not
        (4.0, -6.0, 0.0),  # worse at each share above 0
    ],
)
def test_the_largest_share_that_scores_no_worse_than_the_base_is_kept(
    model: Any, base: float, trained: float, share: float
) -> None:
    start = weights_with(model, base)
    model.load_state_dict(weights_with(model, trained))
    found = interpolate(model, start, PredictFromBias(model), VALIDATION)
    assert found.share == share
    assert float(model.classifier.bias[0].detach()) == pytest.approx(base + share * (trained - base))
    assert (found.logits == PredictFromBias(model)()).all()


def test_without_a_base_the_trained_weights_stay_unchanged(model: Any) -> None:
    model.load_state_dict(weights_with(model, -6.0))
    assert interpolate(model, None, PredictFromBias(model), VALIDATION).share == 1.0
    assert float(model.classifier.bias[0].detach()) == -6.0


def test_a_given_share_is_kept_without_a_search_and_recorded_as_given(model: Any) -> None:
    start = weights_with(model, 4.0)
    model.load_state_dict(weights_with(model, 2.0))
    found = interpolate(model, start, PredictFromBias(model), VALIDATION, share=0.5)
    assert model.classifier.bias[0].item() == pytest.approx(3.0)
    assert found.as_dict()["share"] == 0.5
    assert found.as_dict()["given"] is True
