"""An int8 model is used only if it keeps the limits: the labels and the macro-F1 of full precision."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.training.moods import distilbert
from training.data.mapped_split import mapped
from training.data.splits import Split
from training.export import int8
from training.export.int8 import Reference, int8_model
from training.export.onnx_graph import fused_graph
from training.learn.predict import predict
from training.learn.validation import ValidationRows
from training.output.errors import TrainingError

ALL = 2 + 2 * 6
"""Two tables, and six products in each of two layers."""

LABELS = ("glad", "low", "cross")
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


def reference_of(model: Any) -> Reference:
    exact = predict(model, IDS)
    targets = tuple(exact.argmax(axis=1).tolist())
    split = Split("validation", tuple(range(len(IDS))), ("text",) * len(IDS), targets)
    return Reference(ValidationRows(IDS, (mapped(split, LABELS),), LABELS), exact)


def int8_weights(made: Any) -> int:
    return sum(tensor.name.endswith("_int8") for tensor in made.graph.initializer)


def test_the_fastest_method_that_passes_is_used(model: Any, graph: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8, "MIN_LABEL_AGREEMENT", 0.5)
    monkeypatch.setattr(int8, "MAX_MACRO_F1_LOST", 1.0)
    made, tried = int8_model(graph, IDS[:8], reference_of(model))
    assert [method["passes"] for method in tried] == [True]
    assert int8_weights(made) == ALL


def test_a_method_that_fails_is_reported_and_the_next_more_exact_one_is_tried(
    model: Any, graph: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    agreements = iter([0.98, 0.994, 0.994, 0.994, 0.994, 0.996])
    compare = int8._result
    monkeypatch.setattr(int8, "_result", lambda method, made, _: int8._MethodResult(method, next(agreements), 0.0))
    made, tried = int8_model(graph, IDS[:8], reference_of(model))
    assert [method["passes"] for method in tried] == [False] * 5 + [True]
    assert "98.00% of the labels are those of fp32, macro F1 +0.0000; below the limits" in capsys.readouterr().err
    assert compare("again", made, reference_of(model)).label_agreement > 0.9
    assert int8_weights(made) == ALL - 2  # the second feed-forward product of each layer stays fp32


@pytest.mark.parametrize(("agreement", "lost"), [(0.9949, 0.0), (1.0, 0.0021)])
def test_a_model_is_refused_if_no_method_keeps_the_limits(
    model: Any, graph: Any, monkeypatch: pytest.MonkeyPatch, agreement: float, lost: float
) -> None:
    monkeypatch.setattr(int8, "_result", lambda method, made, _: int8._MethodResult(method, agreement, lost))
    with pytest.raises(TrainingError, match="no int8 model keeps the limits"):
        int8_model(graph, IDS[:8], reference_of(model))


def test_a_result_compares_labels_and_macro_f1(model: Any, graph: Any) -> None:
    reference = reference_of(model)
    result = int8._result("fp32 itself", graph, reference)
    assert (result.label_agreement, result.macro_f1_lost) == (1.0, 0.0)
    wrong = Reference(reference.validation, np.roll(reference.exact, 1, axis=1))
    assert int8._result("another model", graph, wrong).label_agreement < 0.5
    assert int8._result("a better model", graph, wrong).macro_f1_lost < 0
