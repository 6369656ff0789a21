"""Tiny model folders and an engine that counts tokens: everything about the classifier but a trained network."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from tweets.emotions import EMOTIONS, NEUTRAL
from worker.inference.token_batch import TokenBatch

WORDS = ("i", "feel", "fine", "sad", "happy", "angry", "tweet")
MAX_TOKENS = 12

SIGNAL_WORDS: Final = {
    "sadness": "sad",
    "joy": "happy",
    "love": "adore",
    "anger": "angry",
    "fear": "scared",
    "surprise": "wow",
    NEUTRAL: "rain",
}
"""Output → the word that raises its logit in the network of `write_word_folder`."""

SIGNAL: Final = 6.0
"""What each word adds to the logit of its output: one word of an output is 0.99 of the softmax over the labels."""


class CountingEngine:
    """Logits from the sum of a text's tokens; `batches` are the tokens of each text of each call."""

    name = "counting"
    device = "cpu"

    def __init__(self, labels: int = len(EMOTIONS)) -> None:
        self.batches: list[list[int]] = []
        self._labels = labels

    def logits(self, tokens: TokenBatch) -> NDArray[np.float32]:
        self.batches.append(tokens.lengths.tolist())
        sums = np.array([ids.sum() for ids in np.split(tokens.ids, np.cumsum(tokens.lengths)[:-1])])
        logits: NDArray[np.float32] = np.stack([np.cos(sums + label) for label in range(self._labels)], axis=1)
        return logits.astype(np.float32)


def write_folder(
    path: Path,
    *,
    config: Mapping[str, Any] | None = None,
    golden: Sequence[Mapping[str, Any]] = (),
    tolerance: float = 0.05,
) -> Path:
    """Write a model folder whose network gives every text the same scores; `config` replaces some of its fields."""
    path.mkdir(parents=True, exist_ok=True)
    fields = _config("tiny-1")
    texts = golden or [{"text": "i feel fine", "scores": dict.fromkeys(EMOTIONS, 1 / len(EMOTIONS))}]
    _tokenizer(WORDS).save(str(path / "tokenizer.json"))
    onnx.save(_uniform_network(), path / "model.int8.onnx")
    return describe(path, fields | dict(config or {}), golden=texts, tolerance=tolerance)


def write_word_folder(path: Path, *, neutral: Mapping[str, Any] | None = None, graph_outputs: int = 7) -> Path:
    """Write a model folder whose network counts SIGNAL_WORDS; `neutral` is the model's calibration of neutral.

    A folder without `neutral` has no neutral output, if `graph_outputs` is 6.
    """
    path.mkdir(parents=True, exist_ok=True)
    words = tuple(SIGNAL_WORDS.values())
    tokenizer = _tokenizer(words)
    tokenizer.save(str(path / "tokenizer.json"))
    weights = np.zeros((tokenizer.get_vocab_size(), graph_outputs), dtype=np.float32)
    for output, word in enumerate(words[:graph_outputs]):
        weights[tokenizer.token_to_id(word), output] = SIGNAL
    onnx.save(_word_network(weights), path / "model.int8.onnx")
    config = _config("words-1")
    golden: dict[str, Any] = {"text": "hm", "scores": dict.fromkeys(EMOTIONS, 1 / 6)}
    if neutral is not None:
        config["neutral"] = dict(neutral)
        golden["neutral"] = 1 / (1 + math.exp(neutral["scale"] * math.log(6) - neutral["shift"]))
    return describe(path, config, golden=[golden], tolerance=0.001)


def _config(model_id: str) -> dict[str, Any]:
    return {
        "model_id": model_id,
        "id2label": {str(number): emotion for number, emotion in enumerate(EMOTIONS)},
        "normalizer": "tweet-v1",
        "temperature": 1.0,
        "max_tokens": MAX_TOKENS,
    }


def describe(
    path: Path, config: Mapping[str, Any], *, golden: Sequence[Mapping[str, Any]], tolerance: float = 1.0
) -> Path:
    """Write the configuration, the golden texts and the manifest of a folder that has a network and a tokenizer."""
    (path / "config.json").write_text(json.dumps(dict(config)))
    (path / "golden.json").write_text(json.dumps({"tolerance": tolerance, "texts": list(golden)}))
    sign(path)
    return path


def sign(path: Path) -> None:
    """Write the manifest of the files that the folder holds now."""
    files = sorted(file for file in path.iterdir() if file.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (path / "SHA256SUMS").write_text("".join(lines))


def _tokenizer(words: Sequence[str]) -> Tokenizer:
    vocabulary = {word: number for number, word in enumerate(("[PAD]", "[UNK]", "[CLS]", "[SEP]", *words))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer


def _uniform_network() -> onnx.ModelProto:
    """[rows, tokens] to zeros of [rows, labels]."""
    nodes = [
        helper.make_node("Mul", ["input_ids", "attention_mask"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "axis"], ["sums"], keepdims=1),
        helper.make_node("Cast", ["sums"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["floats", "zeros"], ["logits"]),
    ]
    zeros = np.zeros((1, len(EMOTIONS)), dtype=np.float32)
    return _network(nodes, len(EMOTIONS), {"axis": np.array([1], dtype=np.int64), "zeros": zeros})


def _word_network(weights: NDArray[np.float32]) -> onnx.ModelProto:
    """[rows, tokens] to the sum of the `weights`, [vocabulary, outputs], of the tokens."""
    nodes = [
        helper.make_node("Gather", ["weights", "input_ids"], ["gathered"]),
        helper.make_node("Cast", ["attention_mask"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["floats", "last"], ["mask"]),
        helper.make_node("Mul", ["gathered", "mask"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "axis"], ["logits"], keepdims=0),
    ]
    axes = {"axis": np.array([1], dtype=np.int64), "last": np.array([2], dtype=np.int64)}
    return _network(nodes, weights.shape[1], {"weights": weights, **axes})


def _network(nodes: Sequence[onnx.NodeProto], outputs: int, constants: Mapping[str, NDArray[Any]]) -> onnx.ModelProto:
    shape = ["rows", "tokens"]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["rows", outputs])],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
