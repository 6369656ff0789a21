"""The soft labels of a run: the probabilities of teachers for the training texts, computed once and kept in a file.

Teachers see the texts without augmentation, through their own normaliser and tokenizer.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from training.learn.fine_tuning import has_bf16
from training.learn.neutral import has_neutral_output
from training.learn.predict import predict
from training.learn.run_folder import WEIGHTS_FILE, Run, read_record, read_run
from training.learn.tokens import encode
from training.output.errors import TrainingError, reason_of
from training.output.progress import progress, say
from tweets.normalizer import NORMALIZERS

SoftLogs = npt.NDArray[np.float16]
"""Logarithms of probabilities, [texts, outputs]: in float16 they keep small probabilities that a float16 would round to
0."""

_DIGEST_CHARACTERS: Final = 12
"""Of a SHA-256, in the name of a file of soft labels: enough that two runs in one folder never share a name."""
_TEXTS_OF_PART: Final = 4096
"""Texts whose soft labels are kept together: a few minutes of a large teacher on a CPU are lost at most."""


@dataclass(frozen=True, slots=True)
class SoftLabels:
    """The mean of the teachers' probabilities, and the record of the teachers for `run.json`."""

    logs: SoftLogs
    record: dict[str, Any]

    def sha256(self) -> str:
        """Return the SHA-256 of the soft labels."""
        return hashlib.sha256(self.logs.tobytes()).hexdigest()


def soft_labels(
    teachers: Sequence[Path], texts: Sequence[str], labels: Sequence[str], *, neutral: bool, kept_in: Path
) -> SoftLabels:
    """Return the mean probabilities of the teachers over all outputs, as logarithms.

    Each teacher's are kept in a file in the folder `kept_in` and read from there by later runs with the same texts.
    `neutral` is whether the model has a neutral output. Raises TrainingError if a teacher has other outputs or is no
    training run.
    """
    each = [_of_teacher(teacher, texts, labels, neutral=neutral, kept_in=kept_in) for teacher in teachers]
    mean = np.mean([np.exp(logs.astype(np.float32)) for logs in each], axis=0)
    logs = np.log(np.maximum(mean, np.finfo(np.float32).tiny)).astype(np.float16)
    return SoftLabels(logs, {"teachers": [_about(teacher) for teacher in teachers]})


def _about(teacher: Path) -> dict[str, Any]:
    record = read_record(teacher)
    return {name: record[name] for name in _ABOUT if name in record}


_ABOUT: Final = (
    "name",
    "base",
    "recipe",
    "datasets",
    "averaged",
    "best_epoch",
    "epochs",
    "training_seconds",
    "hardware",
    "precision",
)
"""The fields of a teacher's run.json that its pupil's run.json repeats."""


def _of_teacher(
    teacher: Path, texts: Sequence[str], labels: Sequence[str], *, neutral: bool, kept_in: Path
) -> SoftLogs:
    file = kept_in / f"soft-labels-{_digest(teacher, texts, labels, neutral=neutral)}.npy"
    if file.is_file():
        say(f"soft labels of {teacher} are read from {file}")
        return _kept(file, len(texts))
    run = read_run(teacher)
    if tuple(run.labels) != tuple(labels) or has_neutral_output(run.model) != neutral:
        raise TrainingError(
            f"--teacher {teacher}: the teacher's outputs are "
            f"{_outputs(run.labels, has_neutral_output(run.model))}, but the model's are "
            f"{_outputs(labels, neutral)}; train the teacher with the same --data and --labels"
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    return _computed(run, texts, file)


def _kept(file: Path, rows: int) -> SoftLogs:
    try:
        kept: SoftLogs = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise TrainingError(f"{file}: soft labels cannot be read ({reason_of(error)}); delete the file") from error
    if kept.ndim != 2 or len(kept) != rows:
        raise TrainingError(f"{file}: has not the soft labels of {rows} texts; delete the file")
    return kept


def _computed(run: Run, texts: Sequence[str], file: Path) -> SoftLogs:
    """Compute the soft labels part by part, each kept in a file until all are: an interrupted command continues."""
    model: Any = run.model
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    starts = range(0, len(texts), _TEXTS_OF_PART)
    parts = [file.with_name(f"{file.stem}.{start}.npy") for start in starts]
    with progress(f"the teacher {run.name} labels {len(texts)} texts", len(starts)) as advance:
        for start, part in zip(starts, parts, strict=True):
            if not part.is_file():
                _save(_logs(run, texts[start : start + _TEXTS_OF_PART]), part)
            advance("")
    logs: SoftLogs = np.concatenate([np.load(part, allow_pickle=False) for part in parts])
    _save(logs, file)
    for part in parts:
        part.unlink()
    return logs


def _save(logs: SoftLogs, file: Path) -> None:
    """Write a file as a whole: an interruption leaves no incomplete file of this name."""
    unfinished = file.with_name(f".{file.name}")
    with unfinished.open("wb") as opened:
        np.save(opened, logs, allow_pickle=False)
    unfinished.replace(file)


def _outputs(labels: Sequence[str], neutral: bool) -> str:
    return ", ".join(labels) + (" and neutral" if neutral else "")


def _logs(run: Run, texts: Sequence[str]) -> SoftLogs:
    model: Any = run.model
    ids = encode(run.tokenizer, texts, normalize=NORMALIZERS[run.normalizer], max_tokens=run.max_tokens)
    with torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=has_bf16()):
        logits = predict(model, ids, pad_id=run.model.config.pad_token_id or 0)
    return torch.from_numpy(logits).log_softmax(dim=-1).half().numpy()


def _digest(teacher: Path, texts: Sequence[str], labels: Sequence[str], *, neutral: bool) -> str:
    """Return the start of a SHA-256 of the teacher's weights, the texts and the outputs."""
    digest = hashlib.sha256(json.dumps([list(labels), neutral]).encode())
    try:
        digest.update((teacher / WEIGHTS_FILE).read_bytes())
    except OSError as error:
        raise TrainingError(
            f"--teacher {teacher}: not a training run ({error.strerror}); give a folder that `train` wrote"
        ) from error
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()[:_DIGEST_CHARACTERS]
