"""How good the labels are: accuracy, precision, recall and macro-F1, as scikit-learn defines them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of a sequence of pairs (true label, predicted label); a ratio without any case counts as 0."""

    accuracy: float
    macro_f1: float
    precision: dict[str, float]
    recall: dict[str, float]


def score(pairs: Sequence[tuple[str, str]]) -> Scores | None:
    """None without pairs. The macro average goes over every label that occurs, as truth or as prediction."""
    if not pairs:
        return None
    hits = Counter(truth for truth, predicted in pairs if truth == predicted)
    truths = Counter(truth for truth, _ in pairs)
    predictions = Counter(predicted for _, predicted in pairs)
    labels = truths.keys() | predictions.keys()
    f1 = {label: _ratio(2 * hits[label], truths[label] + predictions[label]) for label in labels}
    return Scores(
        accuracy=hits.total() / len(pairs),
        macro_f1=sum(f1.values()) / len(labels),
        precision={label: _ratio(hits[label], predictions[label]) for label in labels},
        recall={label: _ratio(hits[label], truths[label]) for label in labels},
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
