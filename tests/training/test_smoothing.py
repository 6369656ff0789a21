"""Outlier channels are divided down, and the graph computes the same."""

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from tests.training.moods import distilbert
from training.export.calibration import calibrate, measure_peaks
from training.export.graph_runs import run_graph, session
from training.export.onnx_graph import fused_graph
from training.export.quantize import quantize
from training.export.rounding import whole_weights
from training.export.smoothing import OUTLIER, smoothed

IDS = [[3, *(5 + (7 * row + 3 * column) % 90 for column in range(2 + row % 9)), 4] for row in range(40)]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> onnx.ModelProto:
    """Return a graph with channels far beyond the others, as in trained transformers."""
    model: Any = distilbert(vocab_size=100, dim=32, hidden_dim=64, n_layers=2, n_heads=4, num_labels=3)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(4)
        for layer in model.distilbert.transformer.layer:
            layer.ffn.lin1.bias[7] += 400
            layer.ffn.lin2.weight[:, 7] /= 400
    return fused_graph(model, tmp_path_factory.mktemp("graph"))


@pytest.fixture(scope="module")
def even(graph: onnx.ModelProto) -> onnx.ModelProto:
    return smoothed(graph, measure_peaks(graph, IDS))


def test_the_graph_computes_the_same(graph: onnx.ModelProto, even: onnx.ModelProto) -> None:
    exact = run_graph(graph.SerializeToString(), IDS)
    assert np.allclose(run_graph(even.SerializeToString(), IDS), exact, rtol=1e-4, atol=1e-4)


def test_no_channel_that_a_product_reads_is_far_beyond_the_others(
    graph: onnx.ModelProto, even: onnx.ModelProto
) -> None:
    before = [float(peak.max() / np.median(peak)) for peak in measure_peaks(graph, IDS).values()]
    assert max(before) > 2 * OUTLIER
    assert all(peak.max() <= OUTLIER * np.median(peak) * 1.001 for peak in measure_peaks(even, IDS).values())


def test_activations_without_outliers_get_no_operator(graph: onnx.ModelProto) -> None:
    peaks = {name: np.ones_like(peak) for name, peak in measure_peaks(graph, IDS).items()}
    assert [node.op_type for node in smoothed(graph, peaks).graph.node] == [node.op_type for node in graph.graph.node]


def test_a_channel_that_is_never_used_divides_nothing_by_zero(graph: onnx.ModelProto) -> None:
    peaks = {name: np.zeros_like(peak) for name, peak in measure_peaks(graph, IDS).items()}
    exact = run_graph(graph.SerializeToString(), IDS)
    assert np.allclose(run_graph(smoothed(graph, peaks).SerializeToString(), IDS), exact)


def test_activations_that_share_weights_have_their_own_factors() -> None:
    """As the layers of ALBERT: the weights are one constant, and each activation has other outliers."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 6]) for name in ("one", "two")]
    outputs = [helper.make_tensor_value_info(f"from_{name}", TensorProto.FLOAT, [1, 2]) for name in ("one", "two")]
    nodes = [helper.make_node("MatMul", [name, "weights"], [f"from_{name}"]) for name in ("one", "two")]
    weights = np.arange(12, dtype=np.float32).reshape(6, 2)
    constant = numpy_helper.from_array(weights, "weights")
    model = helper.make_model(helper.make_graph(nodes, "shared", values, outputs, [constant]), ir_version=8)
    peaks = {"one": np.array([1, 1, 90, 1, 1, 1], np.float32), "two": np.array([40, 1, 1, 1, 1, 1], np.float32)}
    feed = {name: peak[None] for name, peak in peaks.items()}
    found = session(smoothed(model, peaks).SerializeToString()).run(["from_one", "from_two"], feed)
    for product, rows in zip(found, feed.values(), strict=True):
        assert np.allclose(product, rows @ weights, rtol=1e-5)


def test_int8_is_closer_to_full_precision(graph: onnx.ModelProto, even: onnx.ModelProto) -> None:
    exact = run_graph(graph.SerializeToString(), IDS)
    differences = []
    for one in (graph, even):
        measured = calibrate(one, IDS)
        int8 = quantize(one, measured.ranges(0.0), whole_weights(one, measured.moments))
        differences.append(float(np.abs(run_graph(int8.SerializeToString(), IDS) - exact).mean()))
    assert differences[1] < differences[0] / 2
