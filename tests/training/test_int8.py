"""An int8 model is only handed over if it labels as full precision does."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.moods import distilbert
from training.export import int8
from training.export.int8 import Gate, int8_model
from training.export.onnx_graph import fused_graph
from training.learn.predict import predict
from training.output.errors import TrainingError

ALL = 2 + 2 * 4
"""Two tables, and four products in each of two layers."""

IDS = [[3, *(5 + (7 * row + 3 * column) % 90 for column in range(2 + row % 9)), 4] for row in range(40)]


@pytest.fixture(scope="module")
def model() -> Any:
    model = distilbert(vocab_size=100, dim=32, hidden_dim=64, n_layers=2, n_heads=4, num_labels=3)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(4)
    return model


@pytest.fixture(scope="module")
def graph(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return fused_graph(model, tmp_path_factory.mktemp("graph"))


def gate_of(model: Any, targets: Sequence[int] | None = None) -> Gate:
    exact = predict(model, IDS)
    return Gate(IDS, exact.argmax(axis=1).tolist() if targets is None else targets, exact)


def int8_weights(made: Any) -> int:
    return sum(tensor.name.endswith("_int8") for tensor in made.graph.initializer)


def test_the_fastest_way_that_passes_is_taken(model: Any, graph: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8, "LEAST_AGREEMENT", 0.5)
    monkeypatch.setattr(int8, "MOST_F1_LOST", 1.0)
    made, tried = int8_model(graph, IDS[:8], gate_of(model))
    assert [way["passes"] for way in tried] == [True]
    assert int8_weights(made) == ALL


def test_a_way_that_fails_is_told_and_the_next_more_exact_one_tried(
    model: Any, graph: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    agreements = iter([0.98, 0.994, 0.996])
    judge = int8._judge
    monkeypatch.setattr(int8, "_judge", lambda way, made, gate: int8._GateResult(way, next(agreements), 0.0))
    made, tried = int8_model(graph, IDS[:8], gate_of(model))
    assert [way["passes"] for way in tried] == [False, False, True]
    assert "98.00% of the labels as in fp32, macro F1 +0.0000; not good enough" in capsys.readouterr().err
    assert judge("again", made, gate_of(model)).label_agreement > 0.9
    assert int8_weights(made) == ALL - 2  # the second feed-forward product of each layer stays fp32


@pytest.mark.parametrize(("agreement", "lost"), [(0.9949, 0.0), (1.0, 0.0021)])
def test_a_model_that_no_way_makes_good_enough_is_refused(
    model: Any, graph: Any, monkeypatch: pytest.MonkeyPatch, agreement: float, lost: float
) -> None:
    monkeypatch.setattr(int8, "_judge", lambda way, made, gate: int8._GateResult(way, agreement, lost))
    with pytest.raises(TrainingError, match="no int8 model passes the gates"):
        int8_model(graph, IDS[:8], gate_of(model))


def test_the_judge_counts_labels_and_macro_f1(model: Any, graph: Any) -> None:
    gate = gate_of(model)
    result = int8._judge("fp32 itself", graph, gate)
    assert (result.label_agreement, result.macro_f1_lost) == (1.0, 0.0)
    wrong = Gate(gate.ids, gate.targets, np.roll(gate.exact, 1, axis=1))
    assert int8._judge("another model", graph, wrong).label_agreement < 0.5
    assert int8._judge("a better model", graph, wrong).macro_f1_lost < 0
