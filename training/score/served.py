"""Compute the probabilities that a worker would publish: the worker's classifier on batches of the worker's size."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from training.output.errors import TrainingError
from training.output.progress import progress
from training.score.scores import Probabilities
from worker.inference.classifier import Classifier, load_classifier

BATCH_TWEETS: Final = 512
"""The worker's default batch size; batches are cut in input order, so the scores equal those of a worker."""


def served(folder: Path, texts: Sequence[str], *, engine: str, title: str) -> Probabilities:
    """Return the probabilities [texts, labels] that a worker with this model folder and engine would publish.

    `title` names the texts in progress lines. Raises FatalError if the worker would refuse the folder, TrainingError if
    the model's output is not a finite number.
    """
    classifier = load_classifier(folder, device="cpu", engine=engine)
    try:
        return in_batches(classifier, texts, title=f"{title}, {engine}")
    except FloatingPointError as error:
        raise TrainingError(f"{folder}: {error} for some rows of {title!r}; train the model again") from error


def in_batches(classifier: Classifier, texts: Sequence[str], *, title: str) -> Probabilities:
    """Return the probabilities [texts, labels], computed in batches of the worker's size."""
    starts = range(0, len(texts), BATCH_TWEETS)
    parts: list[Probabilities] = []
    with progress(title, len(starts)) as advance:
        for start in starts:
            parts.append(classifier.scores(texts[start : start + BATCH_TWEETS]))
            advance("")
    return np.concatenate(parts)
