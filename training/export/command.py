"""`export`: from a training run to a model folder that the worker serves."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import torch
from safetensors.torch import save_file
from transformers import PreTrainedModel

from training.data.splits import TEST, TRAIN, VALIDATION, Split, read_other_split, read_split
from training.export.card import model_card
from training.export.golden import golden, most_telling, sample_texts
from training.export.int8 import Gate, int8_model
from training.export.manifest import sha256, write_manifest
from training.export.measured import METRICS_FILE, Comparisons, compared, measured
from training.export.onnx_graph import fused_graph
from training.export.quantize import run_graph
from training.learn.predict import predict
from training.learn.run_folder import Run, read_run
from training.learn.tokens import encode
from training.output.errors import TrainingError
from training.output.json_file import write_json
from training.output.progress import say
from training.output.whole_folder import whole_folder
from training.score.scores import Probabilities, softmax
from worker.model_folder import CONFIG_FILE, GOLDEN_FILE, MANIFEST, ONNX_FILE, TOKENIZER_FILE
from worker.normalizer import NORMALIZERS

WEIGHTS_FILE, CARD_FILE = "model.safetensors", "README.md"


@dataclass(frozen=True, slots=True)
class _Data:
    """The splits an export needs; `test` is missing where the data set has none."""

    train: Split
    validation: Split
    test: Split | None


def export(
    run_folder: Path,
    target: Path,
    *,
    dataset: str | None = None,
    calibration_rows: int = 512,
    comparisons: Comparisons | None = None,
) -> dict[str, Any]:
    """Write the model folder of a run and return its summary; an existing model folder is replaced as a whole.

    `dataset` is where the run's data set lies now, if it has moved; so many of its training rows fix the int8 scales.
    Raises TrainingError where no int8 model labels as full precision does.
    """
    run = read_run(run_folder)
    data = _read_data(dataset or run.dataset, run)
    with whole_folder(target, replaces=MANIFEST) as folder:
        tried = _write_model(folder, run, data, calibration_rows)
        metrics = {**measured(folder, run, (data.validation, data.test)), "quantization": tried}
        metrics |= compared(run, data.test, comparisons or Comparisons())
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
    return _Data(train, validation, _test_split(dataset, run.labels))


def _test_split(dataset: str, labels: Sequence[str]) -> Split | None:
    test = read_other_split(dataset, TEST, labels)
    if test is None:
        say(f"no scores on {TEST!r}: data set {dataset!r} has no such split")
    return test


# Weights, tokenizer, graph.


def _write_model(folder: Path, run: Run, data: _Data, calibration_rows: int) -> list[dict[str, Any]]:
    """Write everything that is served, golden scores and a first manifest included; return how int8 was tried."""
    _round_to_half(run.model)
    weights = {name: tensor.half().contiguous() for name, tensor in run.model.state_dict().items()}
    save_file(weights, folder / WEIGHTS_FILE, metadata={"format": "pt"})
    model_id = f"{run.name}-{sha256(folder / WEIGHTS_FILE)[:8]}"
    write_json(folder / CONFIG_FILE, _config(run, model_id))
    _write_tokenizer(folder, run)
    graph, tried = _int8_graph(folder, run, data, calibration_rows)
    onnx.save(graph, folder / ONNX_FILE)
    write_json(folder / GOLDEN_FILE, _golden(folder, run))
    write_manifest(folder, MANIFEST)
    return tried


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


def _int8_graph(
    folder: Path, run: Run, data: _Data, calibration_rows: int
) -> tuple[onnx.ModelProto, list[dict[str, Any]]]:
    ids = _ids(run, data.validation.texts)
    gate = Gate(ids, data.validation.targets, exact=predict(run.model, ids))
    graph = fused_graph(run.model, folder)
    return int8_model(graph, _ids(run, data.train.texts[:calibration_rows]), gate)


def _golden(folder: Path, run: Run) -> dict[str, Any]:
    texts = sample_texts()
    ids = _ids(run, texts)
    exact = _probabilities(run, predict(run.model, ids))
    chosen = most_telling(exact)
    texts, ids, exact = [texts[row] for row in chosen], [ids[row] for row in chosen], exact[chosen]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        bf16 = _probabilities(run, predict(run.model, ids))
    int8 = _probabilities(run, run_graph((folder / ONNX_FILE).read_bytes(), ids))
    return golden(texts, exact, (int8, bf16), run.labels)


def _probabilities(run: Run, logits: Any) -> Probabilities:
    return softmax(logits, temperature=run.temperature)


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
