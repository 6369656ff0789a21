"""The files of a model folder that a worker reads: weights, configuration, tokenizer, int8 graph, golden scores."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from safetensors.torch import save_file
from transformers import PreTrainedModel

from training.data.mapped_split import MappedSplit
from training.export.golden import golden, most_confident, sample_texts
from training.export.graph_runs import run_graph
from training.export.int8 import Reference, int8_model
from training.export.onnx_graph import fused_graph
from training.learn.predict import predict
from training.learn.run_folder import Run
from training.learn.tokens import encode
from training.learn.validation import Logits, label_logits, margins_of, validation_rows
from training.output.json_file import write_json
from training.output.manifest import write_manifest
from training.score.scores import Probabilities, softmax
from tweets.normalizer import NORMALIZERS
from worker.inference.manifest import sha256
from worker.inference.model_folder import CONFIG_FILE, GOLDEN_FILE, ONNX_FILE, TOKENIZER_FILE

WEIGHTS_FILE: Final = "model.safetensors"
_OF_THE_BASE: Final = ("_name_or_path", "model_id", "normalizer", "temperature", "max_tokens", "neutral")
"""Fields of the base's configuration that are not this model's: the path of a folder on the machine of the training,
and, of a base that is a model folder, what a worker reads of that model."""


def write_model(
    folder: Path, run: Run, validations: Sequence[MappedSplit], *, calibration: Sequence[str]
) -> list[dict[str, Any]]:
    """Write the files that a worker reads, with a first manifest; return the results of the int8 methods.

    `calibration` are the training texts that fix the scales of the int8 model. The int8 model is compared with full
    precision on the validation splits. Raises TrainingError if no int8 model keeps the limits of training.export.int8.
    """
    _round_to_half(run.model)
    weights = {name: tensor.half().contiguous() for name, tensor in run.model.state_dict().items()}
    save_file(weights, folder / WEIGHTS_FILE, metadata={"format": "pt"})
    model_id = f"{run.name}-{sha256(folder / WEIGHTS_FILE)[:8]}"
    write_json(folder / CONFIG_FILE, _config(run, model_id))
    _write_tokenizer(folder, run)
    graph, tried = _int8_graph(folder, run, validations, calibration)
    onnx.save(graph, folder / ONNX_FILE)
    write_json(folder / GOLDEN_FILE, _golden(folder, run))
    write_manifest(folder)
    return tried


def _round_to_half(model: PreTrainedModel) -> None:
    """Round the weights to fp16, so that the scores are measured with the weights that are saved."""
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight.half().float())


def _config(run: Run, model_id: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(run.model.config.to_json_string(use_diff=False))
    served = {
        "model_id": model_id,
        "normalizer": run.normalizer,
        "temperature": run.temperature,
        "max_tokens": run.max_tokens,
        **({} if run.neutral is None else {"neutral": run.neutral.as_dict()}),
    }
    kept = {name: value for name, value in config.items() if value is not None and name not in _OF_THE_BASE}
    return {**kept, "dtype": "float16", **served}


def _write_tokenizer(folder: Path, run: Run) -> None:
    run.tokenizer.save(str(folder / TOKENIZER_FILE))
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "sep", "pad", "cls", "mask")}
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": run.model.config.max_position_embeddings,
        "clean_up_tokenization_spaces": False,
        **special,
    }
    write_json(folder / "tokenizer_config.json", config)


def _ids(run: Run, texts: Sequence[str]) -> list[list[int]]:
    return encode(run.tokenizer, texts, normalize=NORMALIZERS[run.normalizer], max_tokens=run.max_tokens)


def _int8_graph(
    folder: Path, run: Run, validations: Sequence[MappedSplit], calibration: Sequence[str]
) -> tuple[onnx.ModelProto, list[dict[str, Any]]]:
    validation = validation_rows(validations, partial(_ids, run), run.labels)
    reference = Reference(validation, exact=predict(run.model, validation.ids), neutral=run.neutral)
    graph = fused_graph(run.model, folder)
    return int8_model(graph, _ids(run, calibration), reference)


def _golden(folder: Path, run: Run) -> dict[str, Any]:
    texts = sample_texts()
    ids = _ids(run, texts)
    exact = _probabilities(run, predict(run.model, ids))
    chosen = most_confident(exact[:, : len(run.labels)])
    texts, ids, exact = [texts[row] for row in chosen], [ids[row] for row in chosen], exact[chosen]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        bf16 = _probabilities(run, predict(run.model, ids))
    int8 = _probabilities(run, run_graph((folder / ONNX_FILE).read_bytes(), ids))
    return golden(texts, exact, (int8, bf16), run.labels)


def _probabilities(run: Run, logits: Logits) -> Probabilities:
    """Return the scores of the labels, and as last column the probability of neutral if the model has this output."""
    scores = softmax(label_logits(logits, run.labels), temperature=run.temperature)
    if run.neutral is None:
        return scores
    return np.column_stack((scores, run.neutral.probabilities(margins_of(logits, run.labels))))
