"""`export`: from a training run to a model folder that the worker serves."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from safetensors.torch import save_file
from transformers import PreTrainedModel

from producer.datasets import dataset_name
from training.card import model_card
from training.data import TEST, TRAIN, VALIDATION, Split, read_split
from training.errors import TrainingError
from training.evaluate import measure
from training.finetune import predict
from training.folders import sha256, whole_folder, write_json, write_manifest
from training.golden import golden, most_telling, sample_texts
from training.onnx_graph import fused_graph
from training.progress import say
from training.quantize import measure_ranges, quantize, run_graph
from training.run_folder import Run, read_run
from training.scores import Probabilities, softmax
from training.tokens import encode
from worker.errors import Fatal
from worker.model_folder import CONFIG_FILE, GOLDEN_FILE, MANIFEST, ONNX_FILE, TOKENIZER_FILE
from worker.normalizer import NORMALIZERS

WEIGHTS_FILE, METRICS_FILE, CARD_FILE = "model.safetensors", "metrics.json", "README.md"
CALIBRATION_ROWS = 512


@dataclass(frozen=True, slots=True)
class _Data:
    """The splits an export needs; `test` is missing where the data set has none."""

    name: str
    train: Split
    validation: Split
    test: Split | None


def export(run_folder: Path, target: Path, *, dataset: str | None = None) -> dict[str, Any]:
    """Write the model folder of a run and return its summary; an existing model folder is replaced as a whole.

    `dataset` is where the run's data set lies now, if it has moved.
    """
    run = read_run(run_folder)
    data = _read_data(dataset or run.dataset, run)
    with whole_folder(target, replaces=MANIFEST) as folder:
        model_id = _write_model(folder, run, data)
        metrics = _measured(folder, run, data, model_id)
        write_json(folder / METRICS_FILE, metrics)
        (folder / CARD_FILE).write_text(model_card(metrics, run.labels), encoding="utf-8")
        _make_readable(folder)
        write_manifest(folder, MANIFEST)
    return _summary(target, metrics)


def _read_data(dataset: str, run: Run) -> _Data:
    train = read_split(dataset, TRAIN, run.labels, limit=run.record["limit"])
    validation = read_split(dataset, VALIDATION, run.labels)
    for split in (train, validation):
        if split.sha256() != run.record["data"][split.name]["sha256"]:
            raise TrainingError(
                f"data set {dataset!r}: split {split.name!r} is not the one this run was trained with; "
                "give that one with --dataset, or train again"
            )
    return _Data(dataset_name(dataset), train, validation, _test_split(dataset, run.labels))


def _test_split(dataset: str, labels: Sequence[str]) -> Split | None:
    try:
        return read_split(dataset, TEST, labels)
    except TrainingError as error:
        say(f"no scores on {TEST!r}: {error}")
        return None


# Weights, tokenizer, graph.


def _write_model(folder: Path, run: Run, data: _Data) -> str:
    """Write everything that is served, golden scores and a first manifest included; return the model's id."""
    _round_to_half(run.model)
    weights = {name: tensor.half().contiguous() for name, tensor in run.model.state_dict().items()}
    save_file(weights, folder / WEIGHTS_FILE, metadata={"format": "pt"})
    model_id = f"{run.name}-{sha256(folder / WEIGHTS_FILE)[:8]}"
    write_json(folder / CONFIG_FILE, _config(run, model_id))
    _write_tokenizer(folder, run)
    say("making the int8 model")
    graph = _int8_graph(folder, run, data.train.texts[:CALIBRATION_ROWS])
    onnx.save(graph, folder / ONNX_FILE)
    write_json(folder / GOLDEN_FILE, _golden(folder, run))
    write_manifest(folder, MANIFEST)
    return model_id


def _round_to_half(model: PreTrainedModel) -> None:
    """Make the model compute with the very weights that are saved."""
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight.half().float())


def _config(run: Run, model_id: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(run.model.config.to_json_string(use_diff=False))
    config.pop("_name_or_path", None)  # a folder of the machine that trained
    served = {
        "model_id": model_id,
        "normalizer": run.normalizer,
        "temperature": run.temperature,
        "max_tokens": run.max_tokens,
    }
    return {**{name: value for name, value in config.items() if value is not None}, "dtype": "float16", **served}


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


def _int8_graph(folder: Path, run: Run, calibration_texts: Sequence[str]) -> onnx.ModelProto:
    graph = fused_graph(run.model, folder)
    return quantize(graph, measure_ranges(graph, _ids(run, calibration_texts)))


def _golden(folder: Path, run: Run) -> dict[str, Any]:
    texts = sample_texts()
    ids = _ids(run, texts)
    exact = _probabilities(run, predict(run.model, ids, pad_id=0))
    chosen = most_telling(exact)
    texts, ids, exact = [texts[row] for row in chosen], [ids[row] for row in chosen], exact[chosen]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        bf16 = _probabilities(run, predict(run.model, ids, pad_id=0))
    int8 = _probabilities(run, run_graph((folder / ONNX_FILE).read_bytes(), ids))
    return golden(texts, exact, (int8, bf16), run.labels)


def _probabilities(run: Run, logits: Any) -> Probabilities:
    return softmax(logits, temperature=run.temperature)


# Measurement, through the worker's own classifier.


def _measured(folder: Path, run: Run, data: _Data, model_id: str) -> dict[str, Any]:
    splits = [split for split in (data.validation, data.test) if split is not None]
    try:
        scores = {split.name: _both_engines(folder, split, run.labels) for split in splits}
    except Fatal as error:
        raise TrainingError(f"the worker refuses the exported model: {error}") from error
    named = {"model_id": model_id, "labels": list(run.labels), "normalizer": run.normalizer}
    fitted = {"max_tokens": run.max_tokens, "temperature": run.temperature, "dataset": data.name}
    record = {**run.record, "data": {**run.record["data"], **_test_data(data)}}
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    return {**named, **fitted, "scores": scores, "bytes": sizes, "run": record}


def _both_engines(folder: Path, split: Split, labels: Sequence[str]) -> dict[str, Any]:
    say(f"scoring {split.name} with int8 and fp32")
    int8, int8_scores = measure(folder, split, labels, engine="onnx")
    fp32, fp32_scores = measure(folder, split, labels, engine="torch")
    same = int8.argmax(axis=1) == fp32.argmax(axis=1)
    return {
        "int8": int8_scores.as_dict(),
        "fp32": fp32_scores.as_dict(),
        "label_agreement": round(float(same.mean()), 6),
        "mean_score_difference": round(float(np.abs(int8 - fp32).mean()), 6),
    }


def _test_data(data: _Data) -> dict[str, Any]:
    return {} if data.test is None else {TEST: {"rows": len(data.test), "sha256": data.test.sha256()}}


def _make_readable(folder: Path) -> None:
    for path in folder.iterdir():
        os.chmod(path, 0o644)


def _summary(target: Path, metrics: dict[str, Any]) -> dict[str, Any]:
    figures = {
        f"{split}_{name}": both["int8"][name]
        for split, both in metrics["scores"].items()
        for name in ("accuracy", "macro_f1")
    }
    agreement = {f"{split}_label_agreement": both["label_agreement"] for split, both in metrics["scores"].items()}
    return {"model": str(target), "model_id": metrics["model_id"], **figures, **agreement}
