"""How good the labels are, from how often each pair of label and emotion occurred."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quality:
    """Of `tweets` that said their emotion: how many were labelled so, and the mean of the labels' F1 scores."""

    tweets: int
    accuracy: float
    macro_f1: float


def quality(pairs: Mapping[tuple[str, str], int]) -> Quality | None:
    """From (label, emotion) → count; None without any. The mean goes over every label that occurs, on either side."""
    tweets = sum(pairs.values())
    if not tweets:
        return None
    hits: Counter[str] = Counter()
    occurrences: Counter[str] = Counter()
    for (label, emotion), count in pairs.items():
        hits[label] += count if label == emotion else 0
        occurrences[label] += count
        occurrences[emotion] += count
    f1 = [2 * hits[label] / both for label, both in occurrences.items()]
    return Quality(tweets, hits.total() / tweets, sum(f1) / len(f1))
