"""Attributions equal known answers of simple models, and add up to the difference of the logits of a transformer."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.training.moods import distilbert
from training.explain.attribution import integrated_gradients

IDS, BASELINE = torch.tensor([3, 7, 9, 4]), torch.tensor([3, 0, 0, 4])


class Formula(torch.nn.Module):
    """A model whose two logits are a function of the embeddings, [rows, tokens, units] to [rows]."""

    def __init__(self, logit: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.table = torch.nn.Embedding(10, 3)
        self._logit = logit

    def get_input_embeddings(self) -> torch.nn.Embedding:
        return self.table

    def forward(self, inputs_embeds: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        logit = self._logit(inputs_embeds)
        return SimpleNamespace(logits=torch.stack([torch.zeros_like(logit), logit], dim=1))


def attributions(model: Any, *, label: int = 1, steps: int = 64) -> Any:
    return integrated_gradients(model, IDS, BASELINE, label=label, steps=steps)


def test_attributions_of_a_linear_model_are_the_change_by_each_token() -> None:
    weights = torch.tensor([1.0, -2.0, 0.5])
    model = Formula(lambda embeddings: (embeddings @ weights).sum(dim=1))
    change = (model.table(IDS) - model.table(BASELINE)).detach() @ weights
    found = attributions(model)
    assert found.of_tokens.tolist() == pytest.approx(change.tolist(), abs=1e-5)
    assert found.logit - found.baseline_logit == pytest.approx(float(change.sum()), abs=1e-5)


def test_each_factor_of_a_product_has_half_of_the_change() -> None:
    model = Formula(lambda embeddings: embeddings[:, 1, 0] * embeddings[:, 2, 0])
    with torch.no_grad():
        model.table.weight[0] = 0
        product = float(model.table.weight[7, 0] * model.table.weight[9, 0])
    assert attributions(model).of_tokens.tolist() == pytest.approx([0, product / 2, product / 2, 0], abs=1e-6)


def test_attributions_are_those_of_the_chosen_label() -> None:
    model = Formula(lambda embeddings: embeddings.sum(dim=(1, 2)))
    assert attributions(model, label=0).of_tokens.tolist() == [0, 0, 0, 0]


def test_the_middle_of_each_step_is_taken() -> None:
    model = Formula(lambda embeddings: (embeddings[:, 1, 0]) ** 3)
    with torch.no_grad():
        model.table.weight[0], model.table.weight[7] = 0, 2
    assert attributions(model, steps=1).of_tokens[1] == pytest.approx(2 * 3 * 1**2)
    assert attributions(model, steps=2).of_tokens[1] == pytest.approx(2 * 3 * (0.5**2 + 1.5**2) / 2)


def test_attributions_of_a_transformer_add_up_to_the_change_of_the_logit() -> None:
    model = distilbert(vocab_size=10, dim=32, hidden_dim=64, n_layers=2, n_heads=4, num_labels=3, initializer_range=0.3)
    found = attributions(model)
    gained = found.logit - found.baseline_logit
    assert abs(gained) > 0.1
    assert found.of_tokens.sum() == pytest.approx(gained, abs=0.01 * abs(gained))
    assert found.completeness_gap == pytest.approx(found.of_tokens.sum() - gained)
    assert abs(found.completeness_gap) < abs(attributions(model, steps=4).completeness_gap)
    assert found.of_tokens[[0, 3]].tolist() == [0, 0]  # [CLS] and [SEP] are in the baseline too


def test_the_model_is_unchanged() -> None:
    model = distilbert(vocab_size=10, dim=32, hidden_dim=64, n_layers=1, n_heads=4)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    attributions(model)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())
