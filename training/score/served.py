"""The probabilities that a model folder serves: through the worker's own classifier, in the worker's own batches."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from training.output.errors import TrainingError
from training.output.progress import progress
from training.score.scores import Probabilities
from worker.inference.classifier import Classifier, load_classifier

BATCH_TWEETS: Final = 512
"""The worker's default batch: texts are cut in input order, so that scores are the ones that it would publish."""


def served(folder: Path, texts: Sequence[str], *, engine: str, title: str) -> Probabilities:
    """Return the probabilities [texts, labels] that a worker with this model folder and engine would publish.

    `title` names the texts. Raises FatalError where the worker itself would refuse the folder, TrainingError
    where the model's output is no number.
    """
    classifier = load_classifier(folder, device="cpu", engine=engine)
    try:
        return in_batches(classifier, texts, title=f"{title}, {engine}")
    except FloatingPointError as error:
        raise TrainingError(f"{folder}: {error} for some rows of {title!r}; train the model anew") from error


def in_batches(classifier: Classifier, texts: Sequence[str], *, title: str) -> Probabilities:
    """Return the probabilities [texts, labels], computed in batches as the worker cuts them."""
    starts = range(0, len(texts), BATCH_TWEETS)
    parts: list[Probabilities] = []
    with progress(title, len(starts)) as advance:
        for start in starts:
            parts.append(classifier.scores(texts[start : start + BATCH_TWEETS]))
            advance("")
    return np.concatenate(parts)
