"""Compute the probabilities that a worker would publish: the worker's classifier on batches of the worker's size."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from training.output.errors import TrainingError
from training.output.progress import progress
from training.score.calibration import Floats
from training.score.scores import Probabilities
from worker.inference.classifier import Classifier, load_classifier

BATCH_TWEETS: Final = 512
"""The worker's default batch size; batches are cut in input order, so the scores equal those of a worker."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a worker would publish for some texts."""

    scores: Probabilities
    """The softmax over the labels, [texts, labels]."""
    neutral: Floats | None
    """The probability of neutral, [texts]; None for a model without a neutral output."""


def served(folder: Path, texts: Sequence[str], *, engine: str, title: str) -> Served:
    """Return the probabilities that a worker with this model folder and engine would publish.

    `title` names the texts in progress lines. Raises FatalError if the worker would refuse the folder, TrainingError if
    the model's output is not a finite number.
    """
    classifier = load_classifier(folder, device="cpu", engine=engine)
    try:
        return in_batches(classifier, texts, title=f"{title}, {engine}")
    except FloatingPointError as error:
        raise TrainingError(f"{folder}: {error} for some rows of {title!r}; train the model again") from error


def in_batches(classifier: Classifier, texts: Sequence[str], *, title: str) -> Served:
    """Return the probabilities of at least one text, computed in batches of the worker's size."""
    starts = range(0, len(texts), BATCH_TWEETS)
    scores: list[Probabilities] = []
    neutral: list[Floats] = []
    with progress(title, len(starts)) as advance:
        for start in starts:
            of_labels, of_neutral = classifier.scores_and_neutral(texts[start : start + BATCH_TWEETS])
            scores.append(of_labels)
            neutral += [] if of_neutral is None else [of_neutral]
            advance("")
    return Served(np.concatenate(scores), np.concatenate(neutral) if neutral else None)
