"""How good labels are, from how often each truth met each answer; as scikit-learn defines the scores. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClassificationScores:
    """Scores of `tweets` that said their emotion, by label where they are mappings; a ratio without a case is 0."""

    tweets: int
    accuracy: float
    macro_f1: float
    precision: Mapping[str, float]
    recall: Mapping[str, float]


def quality(pairs: Mapping[tuple[str, str], int]) -> ClassificationScores | None:
    """From (truth, answer) → count; None without any. Macro-F1's mean goes over every label on either side."""
    tweets = sum(pairs.values())
    if not tweets:
        return None
    hits: Counter[str] = Counter()
    truths: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    for (truth, answer), count in pairs.items():
        hits[truth] += count if truth == answer else 0
        truths[truth] += count
        answers[answer] += count
    labels = truths.keys() | answers.keys()
    f1 = [_ratio(2 * hits[label], truths[label] + answers[label]) for label in labels]
    return ClassificationScores(
        tweets=tweets,
        accuracy=hits.total() / tweets,
        macro_f1=sum(f1) / len(f1),
        precision={label: _ratio(hits[label], answers[label]) for label in labels},
        recall={label: _ratio(hits[label], truths[label]) for label in labels},
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
