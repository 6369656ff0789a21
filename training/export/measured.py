"""The metrics of an exported model: scores with the worker's classifier, and scores of other models and seeds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from training.data.splits import Split
from training.export.robustness import robustness
from training.learn.run_folder import Run, read_run, require_siblings, validation_scores
from training.output.errors import TrainingError
from training.output.progress import say
from training.score.scores import score
from training.score.served import served
from tweets.datasets import dataset_name
from worker.errors import FatalError
from worker.inference.model_folder import MANIFEST, open_model_folder

METRICS_FILE: Final = "metrics.json"


@dataclass(frozen=True, slots=True)
class CardReferences:
    """Other models, runs and sentences that the card shows besides the model's own scores."""

    before: Path | None = None
    """The previous model folder, which is scored on the same texts."""
    siblings: Sequence[Path] = ()
    """Training runs of the same recipe with other seeds: the card shows mean and standard deviation on validation."""
    notes: Sequence[str] = ()
    """Sentences for the card, such as an earlier evaluation on the test split."""


def measured(folder: Path, run: Run, splits: tuple[Split, Split | None]) -> dict[str, Any]:
    """Return the metrics of a model folder: scores, sizes in bytes and the record of the run.

    `splits` are validation and test; test is None if the data set has no such split. Raises TrainingError if the
    worker would refuse the folder.
    """
    _, test = splits
    try:
        scores = {split.name: _both_engines(folder, split, run.labels) for split in splits if split is not None}
        model_id = open_model_folder(folder).model_id
    except FatalError as error:
        raise TrainingError(f"the worker refuses the exported model: {error}") from error
    return {
        "model_id": model_id,
        "labels": list(run.labels),
        "normalizer": run.normalizer,
        "max_tokens": run.max_tokens,
        "temperature": run.temperature,
        "dataset": dataset_name(run.dataset),
        "scores": scores,
        "robustness": robustness(folder, test),
        "bytes": {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.name != MANIFEST},
        "run": {**run.record, "data": {**run.record["data"], **_digest(test)}},
    }


def _digest(test: Split | None) -> dict[str, Any]:
    return {} if test is None else {test.name: {"rows": len(test), "sha256": test.sha256()}}


def compared(run: Run, test: Split | None, comparisons: CardReferences) -> dict[str, Any]:
    """Return the metrics of the other models and seeds, and the notes."""
    found: dict[str, Any] = {"notes": list(comparisons.notes), "seeds": _seeds(run, comparisons.siblings)}
    if comparisons.before is not None:
        found["before"] = _before(comparisons.before, test)
    return found


def _seeds(run: Run, siblings: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the validation scores by seed: of the run, of its siblings, and of the seeds of an averaged run."""
    records = [run.record]
    for folder in siblings:
        records.append(read_run(folder).record)
        require_siblings(run.record, records[-1], folder)
    return [seed for record in records for seed in _seeds_of(record)]


def _seeds_of(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "averaged" in record:
        seeds: list[dict[str, Any]] = record["averaged"]["seeds"]
        return seeds
    return [{"seed": record["recipe"]["seed"], "best_epoch": record["best_epoch"], **validation_scores(record)}]


def _before(folder: Path, test: Split | None) -> dict[str, Any]:
    """Score the previous model folder on raw tweets, and add the record of its run if there is one."""
    found: dict[str, Any] = {"model_id": open_model_folder(folder).model_id}
    if (folder / METRICS_FILE).is_file():
        found["run"] = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8"))["run"]
    return {**found, "robustness": robustness(folder, test)}


def _both_engines(folder: Path, split: Split, labels: Sequence[str]) -> dict[str, Any]:
    say(f"scoring {split.name} with int8 and fp32")
    int8, fp32 = (served(folder, split.texts, engine=engine, title=split.name) for engine in ("onnx", "torch"))
    same = int8.argmax(axis=1) == fp32.argmax(axis=1)
    return {
        "int8": score(int8, split.targets, labels).as_dict(),
        "fp32": score(fp32, split.targets, labels).as_dict(),
        "label_agreement": round(float(same.mean()), 6),
        "mean_score_difference": round(float(np.abs(int8 - fp32).mean()), 6),
    }
