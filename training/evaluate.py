"""`evaluate`: a model folder against a labelled split, through the same classifier that the worker runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.data import Split, read_split
from training.errors import TrainingError
from training.progress import progress
from training.scores import Probabilities, Scores, score
from worker.classifier import load_classifier
from worker.errors import Fatal

BATCH_TWEETS = 512
"""The worker's default batch: texts are cut in input order, so that scores are the ones that it would publish."""


def evaluate(folder: Path, dataset: str, split: str, *, engine: str = "onnx") -> tuple[dict[str, Any], Scores]:
    """Score a model folder on one split; return the JSON summary and the scores."""
    try:
        labels = load_classifier(folder, device="cpu", engine="onnx").labels
        rows = read_split(dataset, split, labels)
        _, scores = measure(folder, rows, labels, engine=engine)
    except Fatal as error:
        raise TrainingError(str(error)) from error
    named = {"model": str(folder), "dataset": dataset, "split": split, "engine": engine}
    return {**named, **scores.as_dict()}, scores


def measure(folder: Path, split: Split, labels: Sequence[str], *, engine: str) -> tuple[Probabilities, Scores]:
    """Return the served probabilities [rows, labels] of a split, and what they are worth.

    Raises worker.errors.Fatal where the worker itself would refuse the folder.
    """
    classifier = load_classifier(folder, device="cpu", engine=engine)
    starts = range(0, len(split), BATCH_TWEETS)
    parts: list[Probabilities] = []
    with progress(f"{split.name}, {engine}", len(starts)) as advance:
        for start in starts:
            parts.append(classifier.scores(split.texts[start : start + BATCH_TWEETS]))
            advance("")
    probabilities = np.concatenate(parts)
    return probabilities, score(probabilities, split.targets, labels)
