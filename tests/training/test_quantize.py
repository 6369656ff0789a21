"""The fused graph and the int8 graph compute what the PyTorch model computes."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from tests.training.moods import distilbert
from training.export.calibration import calibrate
from training.export.graph_edit import products
from training.export.graph_runs import run_graph, session
from training.export.onnx_graph import fused_graph
from training.export.quantize import quantize
from training.export.rounding import whole_weights
from training.export.token_major import token_major
from training.learn.predict import predict

PRODUCT: Final = "MatMulIntegerToFloat"
IDS = [
    [3, *(5 + (7 * row + 3 * column) % 90 for column in range(length)), 4] for row, length in enumerate([9, 2, 17, 5])
]


@pytest.fixture(scope="module")
def model() -> Any:
    model = distilbert(vocab_size=100, dim=32, hidden_dim=64, n_layers=2, n_heads=4, num_labels=3)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(4)  # initial weights are so small that an error would not show
    return model


@pytest.fixture(scope="module")
def fused(model: Any, tmp_path_factory: pytest.TempPathFactory) -> onnx.ModelProto:
    return fused_graph(model, tmp_path_factory.mktemp("graph"))


@pytest.fixture(scope="module")
def int8(fused: onnx.ModelProto) -> bytes:
    measured = calibrate(fused, IDS)
    model = quantize(fused, measured.ranges(0.01), whole_weights(fused, measured.moments))
    return bytes(model.SerializeToString())


def test_the_fused_graph_computes_what_torch_computes(model: Any, fused: onnx.ModelProto) -> None:
    assert np.allclose(run_graph(fused.SerializeToString(), IDS), predict(model, IDS, pad_id=0), atol=1e-4)


def test_gelu_and_norms_are_single_operators_and_attention_is_products(fused: onnx.ModelProto) -> None:
    kinds = [node.op_type for node in fused.graph.node]
    assert kinds.count("Gelu") == 2
    assert kinds.count("LayerNormalization") == 1 + 2 * 2
    assert kinds.count("FusedMatMul") == 2 * 2
    assert not {"Attention", "BiasGelu", "Softmax"} & set(kinds)


def test_the_last_layer_computes_only_the_first_token_but_keys_and_values(fused: onnx.ModelProto) -> None:
    watched = onnx.ModelProto()
    watched.CopyFrom(fused)
    norms = [node.output[0] for node in fused.graph.node if node.op_type == "LayerNormalization"]
    keys = [node.output[0] for node in fused.graph.node if node.output[0].endswith("_key")]
    names = [*norms, *keys]
    watched.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    ids = np.full((3, 7), 5, dtype=np.int64)
    values = session(watched.SerializeToString()).run(names, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
    assert [value.shape[0] for value in values] == [3, 7, 7, 1, 1, 7, 7]  # the first norm is before the transposition


@pytest.mark.parametrize("size", [1.0, 300.0])
def test_scores_of_every_size_give_finite_logits(size: float, tmp_path: Path) -> None:
    """Scores are clipped before exp: those of an unusual text must not become infinite."""
    model = distilbert(vocab_size=100, dim=32, hidden_dim=64, n_layers=2, n_heads=4, num_labels=3)
    with torch.no_grad():
        for layer in model.distilbert.transformer.layer:
            layer.attention.q_lin.weight.mul_(50 * size)
            layer.attention.k_lin.weight.mul_(50 * size)
    logits = run_graph(fused_graph(model, tmp_path).SerializeToString(), IDS)
    assert np.isfinite(logits).all()


def test_a_classifier_that_reads_all_tokens_keeps_its_attention() -> None:
    nodes = [
        helper.make_node("LayerNormalization", ["hidden", "scale"], ["norm"]),
        helper.make_node("Attention", ["norm", "weights", "bias"], ["mixed"], domain="com.microsoft", num_heads=2),
        helper.make_node("LayerNormalization", ["mixed", "scale"], ["logits"]),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 4]) for name in ("hidden", "logits")]
    model = helper.make_model(helper.make_graph(nodes, "mean", values[:1], values[1:]))
    assert token_major(model) is model


def test_int8_scores_are_close_to_full_precision(model: Any, int8: bytes) -> None:
    exact = predict(model, IDS, pad_id=0)
    assert np.abs(run_graph(int8, IDS) - exact).max() < 0.1 * np.abs(exact).max()


def test_a_text_has_the_same_logits_alone_and_in_any_batch_to_the_last_digit(int8: bytes) -> None:
    together = run_graph(int8, IDS, pass_tokens=10_000)
    alone = run_graph(int8, IDS, pass_tokens=1)
    assert np.array_equal(together, alone)


def test_products_have_no_zero_points_of_their_weights(int8: bytes) -> None:
    """ONNX Runtime would compute with them although they are zeros."""
    products = [node for node in onnx.load_model_from_string(int8).graph.node if node.op_type == PRODUCT]
    assert len(products) == 2 * 6
    assert {node.input[5] for node in products} == {""}
    assert all(node.input[6] for node in products), "each product adds its bias"


def test_the_rows_of_a_table_are_close_to_full_precision_whatever_their_size() -> None:
    table = np.array([[0.5, -2.0], [1e-3, 5e-4], [0.0, 0.0], [300.0, -1.0]], dtype=np.float32)
    values = [helper.make_tensor_value_info("rows", TensorProto.INT64, [4])]
    outputs = [helper.make_tensor_value_info("found", TensorProto.FLOAT, [4, 2])]
    lookup = helper.make_node("Gather", ["table", "rows"], ["found"])
    graph = helper.make_graph([lookup], "lookup", values, outputs, [numpy_helper.from_array(table, "table")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    opened = session(quantize(model, {}, {}).SerializeToString())
    (found,) = opened.run(None, {"rows": np.arange(4)})
    assert (np.abs(found - table) <= np.abs(table).max(axis=1, keepdims=True) / 200 + 1e-4).all()


def test_sums_of_whole_numbers_stay_as_they_are() -> None:
    """Sum takes no int64: other transformers add shapes and positions."""
    values = [helper.make_tensor_value_info(name, TensorProto.INT64, [2]) for name in ("one", "two")]
    output = helper.make_tensor_value_info("sum", TensorProto.INT64, [2])
    graph = helper.make_graph([helper.make_node("Add", ["one", "two"], ["sum"])], "add", values, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    opened = session(quantize(model, {}, {}).SerializeToString())
    (found,) = opened.run(None, {"one": np.array([1, 2]), "two": np.array([3, 4])})
    assert found.tolist() == [4, 6]


def test_every_large_weight_is_int8(fused: onnx.ModelProto, int8: bytes) -> None:
    assert products(fused.graph)
    tensors = onnx.load_model_from_string(int8).graph.initializer
    large = [tensor for tensor in tensors if np.prod(tensor.dims) > 32 * 64 - 1]
    assert len(large) >= 2 * 3
    assert {tensor.data_type for tensor in large} == {TensorProto.INT8}


def test_inputs_and_outputs_have_the_names_and_types_that_the_worker_expects(int8: bytes) -> None:
    graph = onnx.load_model_from_string(int8).graph
    kinds = {value.name: value.type.tensor_type.elem_type for value in [*graph.input, *graph.output]}
    assert kinds == {
        "input_ids": TensorProto.INT64,
        "attention_mask": TensorProto.INT64,
        "logits": TensorProto.FLOAT,
    }


def test_sums_of_two_products_fit_16_bits_on_every_processor(int8: bytes) -> None:
    """Without VNNI, x86 adds the u8 x s8 products of inputs 2n and 2n + 1 in 16 bits and saturates."""
    graph = onnx.load_model_from_string(int8).graph
    weights = {node.input[1] for node in graph.node if node.op_type == PRODUCT}
    assert len(weights) == 2 * 6
    for tensor in graph.initializer:
        if tensor.name in weights:
            sizes = np.abs(numpy_helper.to_array(tensor).astype(int))
            assert 255 * int((sizes[0::2] + sizes[1::2]).max()) <= 2**15 - 1
