"""Channels that are much larger than all others are divided before they are quantised, and nothing else changes."""

from typing import Any

import numpy as np
import onnx
import pytest
import torch

from tests.training.moods import distilbert
from training.export.onnx_graph import fused_graph
from training.export.outlier_channels import _parts, with_divided_channels
from training.export.quantize import measure_ranges, products, quantize, quantized_tensors, run_graph
from training.learn.predict import predict

IDS = [[3, *(5 + (7 * row + 3 * column) % 90 for column in range(2 + row % 9)), 4] for row in range(40)]
OUTLIER = 5


def _model(factor: float) -> Any:
    """Return a model in which one channel of the input of each feed-forward layer is `factor` times as large."""
    model = distilbert(vocab_size=100, dim=32, hidden_dim=64, n_layers=2, n_heads=4, num_labels=3)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(4)
        for layer in model.distilbert.transformer.layer:
            layer.sa_layer_norm.weight[OUTLIER] *= factor
            layer.ffn.lin1.weight[:, OUTLIER] /= factor
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tmp_path_factory.mktemp("graph")


def _divided(graph: onnx.ModelProto) -> set[str]:
    return {node.output[0] for node in graph.graph.node if node.output[0].endswith("_divided")}


def test_the_divided_graph_computes_the_same_in_full_precision(folder: Any) -> None:
    graph = fused_graph(_model(15.0), folder)
    divided = with_divided_channels(graph, IDS)
    assert any("layer.0/sa_layer_norm" in name for name in _divided(divided))
    before, after = (run_graph(one.SerializeToString(), IDS) for one in (graph, divided))
    assert np.allclose(before, after, atol=1e-3 * np.abs(before).max())


def test_the_range_of_an_activation_with_an_outlier_channel_shrinks(folder: Any) -> None:
    graph = fused_graph(_model(15.0), folder)
    divided = with_divided_channels(graph, IDS)
    (name,) = [name for name in quantized_tensors(graph.graph) if "layer.0/sa_layer_norm" in name]
    (low, high) = measure_ranges(graph, IDS, clipped=0.0)[name]
    (divided_low, divided_high) = measure_ranges(divided, IDS, clipped=0.0)[f"{name}_divided"]
    assert divided_high - divided_low < (high - low) / 5


def test_int8_scores_come_closer_to_full_precision(folder: Any) -> None:
    model = _model(15.0)
    graph = fused_graph(model, folder)
    exact = predict(model, IDS)

    def error(fp32: onnx.ModelProto) -> float:
        ranges = measure_ranges(fp32, IDS, clipped=0.0)
        int8 = quantize(fp32, ranges, chosen=lambda shape: shape[0] < shape[1])  # those that read the outliers
        return float(np.abs(run_graph(int8.SerializeToString(), IDS) - exact).mean())

    assert error(with_divided_channels(graph, IDS)) < 0.7 * error(graph)


def test_an_activation_without_outlier_channels_stays_as_it_is(folder: Any) -> None:
    graph = fused_graph(_model(1.0), folder)
    names = {node.input[0] for node in products(with_divided_channels(graph, IDS).graph)}
    assert any("sa_layer_norm" in name and not name.endswith("_divided") for name in names)


def test_channels_that_are_always_zero_have_no_parts_and_do_not_make_parts_of_others_without_limit() -> None:
    assert _parts(np.zeros(8)).tolist() == [1] * 8
    assert _parts(np.array([0.0] * 7 + [3.0])).tolist() == [1] * 7 + [16]


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [([1.0] * 100, [1] * 100), ([1.0] * 99 + [1.4], [1] * 100), ([1.0] * 99 + [4.6], [1] * 99 + [5])],
)
def test_a_channel_becomes_as_many_parts_as_it_is_larger_than_the_ordinary_ones(
    sizes: list[float], parts: list[int]
) -> None:
    assert _parts(np.array(sizes)).tolist() == parts
