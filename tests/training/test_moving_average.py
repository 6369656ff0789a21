"""The moving average of the weights follows the model."""

import pytest
import torch

from training.learn.moving_average import MovingAverage


def weight_of(average: MovingAverage) -> float:
    return float(next(average.module.parameters()).sum())


def test_the_first_update_copies_the_weights_and_later_ones_move_towards_them() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    average = MovingAverage(model, 0.5)
    with torch.no_grad():
        model.weight.fill_(4.0)
    average.update(list(model.parameters()), 0)
    assert weight_of(average) == pytest.approx(4.0)
    with torch.no_grad():
        model.weight.fill_(8.0)
    average.update(list(model.parameters()), 1)  # decay (1 + 1) / (10 + 1), below the highest
    assert weight_of(average) == pytest.approx(8.0 - 4.0 * 2 / 11)
    average.update(list(model.parameters()), 100)
    assert weight_of(average) == pytest.approx(8.0 - 4.0 * 2 / 11 * 0.5)


def test_a_highest_decay_of_0_keeps_the_latest_weights() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    average = MovingAverage(model, 0.0)
    for updates, value in enumerate((3.0, 5.0)):
        with torch.no_grad():
            model.weight.fill_(value)
        average.update(list(model.parameters()), updates)
        assert weight_of(average) == pytest.approx(value)
