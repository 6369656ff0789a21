"""The fused graph and the int8 graph compute what the PyTorch model computes."""

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper

from tests.training.moods import distilbert
from training.export.onnx_graph import fused_graph
from training.export.quantize import measure_ranges, quantize, quantized_tensors, run_graph
from training.learn.predict import predict

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
    return bytes(quantize(fused, measure_ranges(fused, IDS, clipped=0.01)).SerializeToString())


def test_the_fused_graph_computes_what_torch_computes(model: Any, fused: onnx.ModelProto) -> None:
    assert np.allclose(run_graph(fused.SerializeToString(), IDS), predict(model, IDS, pad_id=0), atol=1e-4)


def test_attention_gelu_and_norms_are_single_operators(fused: onnx.ModelProto) -> None:
    kinds = [node.op_type for node in fused.graph.node]
    assert kinds.count("Attention") == 2
    assert kinds.count("BiasGelu") == 2
    assert kinds.count("LayerNormalization") == 1 + 2 * 2


def test_int8_scores_are_close_to_full_precision(model: Any, int8: bytes) -> None:
    exact = predict(model, IDS, pad_id=0)
    assert np.abs(run_graph(int8, IDS) - exact).max() < 0.1 * np.abs(exact).max()


def test_a_text_has_the_same_logits_alone_and_in_any_batch(int8: bytes) -> None:
    together = run_graph(int8, IDS, pass_tokens=10_000)
    alone = run_graph(int8, IDS, pass_tokens=1)
    assert np.allclose(together, alone, atol=1e-5)


def test_every_large_weight_is_int8(fused: onnx.ModelProto, int8: bytes) -> None:
    assert quantized_tensors(fused.graph)
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
    """Without VNNI, x86 adds u8 x s8 products in pairs of 16 bits and saturates."""
    products = {"MatMulIntegerToFloat", "QAttention"}
    graph = onnx.load_model_from_string(int8).graph
    weights = {node.input[1] for node in graph.node if node.op_type in products}
    assert len(weights) == 2 * 4
    for tensor in graph.initializer:
        if tensor.name in weights:
            assert 2 * 255 * int(np.abs(numpy_helper.to_array(tensor).astype(int)).max()) <= 2**15 - 1
