"""Accuracy, macro-F1, precision and recall from confusion counts, as scikit-learn defines them. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClassificationScores:
    """Scores of `tweets` labelled tweets; `precision` and `recall` are by label. A ratio with denominator 0 is 0."""

    tweets: int
    accuracy: float
    macro_f1: float
    precision: Mapping[str, float]
    recall: Mapping[str, float]


def classification_scores(confusion: Mapping[tuple[str, str], int]) -> ClassificationScores | None:
    """Return the scores of (true label, predicted label) → count; None if all counts are 0.

    Macro-F1 is the mean over every label that is a true or a predicted one.
    """
    tweets = sum(confusion.values())
    if not tweets:
        return None
    hits: Counter[str] = Counter()
    truths: Counter[str] = Counter()
    predictions: Counter[str] = Counter()
    for (truth, prediction), count in confusion.items():
        hits[truth] += count if truth == prediction else 0
        truths[truth] += count
        predictions[prediction] += count
    labels = truths.keys() | predictions.keys()
    f1 = [_ratio(2 * hits[label], truths[label] + predictions[label]) for label in labels]
    return ClassificationScores(
        tweets=tweets,
        accuracy=hits.total() / tweets,
        macro_f1=sum(f1) / len(f1),
        precision={label: _ratio(hits[label], predictions[label]) for label in labels},
        recall={label: _ratio(hits[label], truths[label]) for label in labels},
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
