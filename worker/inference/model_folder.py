"""The model folder, which training writes and the worker reads: its files, and the checks before they are used."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tweets.emotions import NEUTRAL
from tweets.normalizer import NORMALIZERS
from worker.errors import ExitCode, FatalError
from worker.inference.bundled import BUNDLED_MANIFEST_SHA256
from worker.inference.manifest import MANIFEST, ManifestError, check_files, read_manifest, sha256
from worker.inference.model_config import (
    checked_max_tokens,
    checked_name,
    checked_share,
    checked_temperature,
    labels_of,
    read_json,
)
from worker.inference.neutral import NeutralCalibration
from worker.settings import BUNDLED_MODEL

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
        config = read_json(path / CONFIG_FILE)
        labels = labels_of(config["id2label"])
        neutral = _neutral(config, labels)
        return ModelFolder(
            path=path,
            model_id=checked_name(config["model_id"], "model_id"),
            labels=labels,
            normalizer=_known_normalizer(path, config["normalizer"]),
            temperature=checked_temperature(config["temperature"]),
            max_tokens=checked_max_tokens(config["max_tokens"], config.get("max_position_embeddings")),
            golden=_golden(read_json(path / GOLDEN_FILE), labels, neutral is not None),
            neutral=neutral,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unusable(
            path, f"{CONFIG_FILE} or {GOLDEN_FILE} cannot be read ({type(error).__name__}: {error}); export it again"
        ) from None


def _check_manifest(path: Path) -> None:
    """Check the files that the manifest lists, and that it lists every file that the worker reads."""
    try:
        sums = read_manifest(path)
        if path.resolve() == BUNDLED_MODEL.resolve() and sha256(path / MANIFEST) != BUNDLED_MANIFEST_SHA256:
            raise ManifestError(f"{MANIFEST} is not that of the model of this release")
        _require_listed(path, sums)
        check_files(path, sums)
    except ManifestError as error:
        raise _unusable(path, f"{error}; copy or export the folder again") from None


def _require_listed(path: Path, names: Collection[str]) -> None:
    for name in _READ_BY_THE_WORKER:
        if name not in names and (name not in _WEIGHTS or (path / name).exists()):
            raise ManifestError(f"{MANIFEST} does not list {name}")


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
        tolerance=checked_share(fields["tolerance"], "tolerance"),
        texts=[_text(entry["text"]) for entry in texts],
        scores=[
            {name: checked_share(score, "a golden score") for name, score in entry["scores"].items()} for entry in texts
        ],
        neutral=[checked_share(entry["neutral"], "a golden probability") for entry in texts] if with_neutral else None,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a golden text is not a string")
    return value


def _unusable(path: Path, why: str) -> FatalError:
    return FatalError(f"MODEL_PATH={path}: {why}", ExitCode.MODEL)
