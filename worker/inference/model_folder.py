"""The model folder, which training writes and the worker reads: its files, and the checks before they are used."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tweets.emotions import NEUTRAL
from tweets.normalizer import NORMALIZERS
from worker.errors import ExitCode, FatalError
from worker.inference.neutral import NeutralCalibration

MANIFEST: Final = "SHA256SUMS"
ONNX_FILE: Final = "model.int8.onnx"
SAFETENSORS_FILE: Final = "model.safetensors"
TOKENIZER_FILE: Final = "tokenizer.json"
CONFIG_FILE: Final = "config.json"
GOLDEN_FILE: Final = "golden.json"

_WEIGHTS: Final = (ONNX_FILE, SAFETENSORS_FILE)  # one of them is enough for the worker
_READ_BY_THE_WORKER: Final = (CONFIG_FILE, TOKENIZER_FILE, GOLDEN_FILE, *_WEIGHTS)


@dataclass(frozen=True)
class Golden:
    """Texts with their scores in full precision; each score of an engine may differ by `tolerance`.

    `neutral` is the probability of neutral for each text; None for a model without a neutral output.
    """

    tolerance: float
    texts: Sequence[str]
    scores: Sequence[dict[str, float]]
    neutral: Sequence[float] | None = None


@dataclass(frozen=True)
class ModelFolder:
    """A checked model folder.

    `labels` are in the order of the model's outputs; `max_tokens` per text includes the special tokens. With
    `neutral`, the model has one more output, the neutral logit, after those of the labels.
    """

    path: Path
    model_id: str
    labels: tuple[str, ...]
    normalizer: str
    temperature: float
    max_tokens: int
    golden: Golden
    neutral: NeutralCalibration | None = None


def open_model_folder(path: Path) -> ModelFolder:
    """Check every file against the manifest and read the configuration of the model.

    Raises FatalError with one line if the folder is missing, damaged or not made by `python -m training`.
    """
    if not path.is_dir():
        raise _unusable(path, "there is no such folder; set MODEL_PATH, or train a model with python -m training train")
    _check_manifest(path)
    try:
        config = json.loads((path / CONFIG_FILE).read_text(encoding="utf-8"))
        labels = tuple(config["id2label"][str(i)] for i in range(len(config["id2label"])))
        neutral = _neutral(config, labels)
        return ModelFolder(
            path=path,
            model_id=str(config["model_id"]),
            labels=labels,
            normalizer=_known_normalizer(path, config["normalizer"]),
            temperature=float(config["temperature"]),
            max_tokens=int(config["max_tokens"]),
            golden=_golden(json.loads((path / GOLDEN_FILE).read_text(encoding="utf-8")), labels, neutral is not None),
            neutral=neutral,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unusable(
            path, f"{CONFIG_FILE} or {GOLDEN_FILE} cannot be read ({type(error).__name__}: {error}); export it again"
        ) from None


def _check_manifest(path: Path) -> None:
    try:
        lines = (path / MANIFEST).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        raise _unusable(
            path, f"there is no {MANIFEST} that can be read; export it again with python -m training export"
        ) from None
    sums = {name: expected for expected, _, name in (line.partition("  ") for line in lines)}
    for name in _READ_BY_THE_WORKER:
        if name not in sums and (name not in _WEIGHTS or (path / name).exists()):
            raise _unusable(path, f"{MANIFEST} does not list {name}; export the folder again")
    for name, expected in sums.items():
        try:
            with (path / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            raise _unusable(path, f"{name} is missing; copy or export the folder again") from None
        if found != expected:
            raise _unusable(path, f"{name} does not have the SHA-256 in {MANIFEST}; copy or export the folder again")


def _known_normalizer(path: Path, name: str) -> str:
    if name not in NORMALIZERS:
        raise _unusable(path, f"the model needs the normalizer {name}, this worker has {', '.join(NORMALIZERS)}")
    return name


def _neutral(config: dict[str, Any], labels: Sequence[str]) -> NeutralCalibration | None:
    if "neutral" not in config:
        return None
    if NEUTRAL in labels:
        raise ValueError("the model has a label called neutral and a neutral output; a model can have one of them")
    return NeutralCalibration.of_config(config["neutral"])


def _golden(fields: dict[str, Any], labels: Sequence[str], with_neutral: bool) -> Golden:
    texts = fields["texts"]
    if not texts or any(set(entry["scores"]) != set(labels) for entry in texts):
        raise ValueError("the golden scores are not for the model's labels")
    if with_neutral and any("neutral" not in entry for entry in texts):
        raise ValueError("the golden texts lack the probability of neutral")
    return Golden(
        tolerance=float(fields["tolerance"]),
        texts=[str(entry["text"]) for entry in texts],
        scores=[{name: float(score) for name, score in entry["scores"].items()} for entry in texts],
        neutral=[float(entry["neutral"]) for entry in texts] if with_neutral else None,
    )


def _unusable(path: Path, why: str) -> FatalError:
    return FatalError(f"MODEL_PATH={path}: {why}", ExitCode.MODEL)
