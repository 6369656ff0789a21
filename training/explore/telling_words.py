"""The words that are typical of a class: log-odds ratios with an informative Dirichlet prior, as z-scores.

Monroe, Colaresi and Quinn 2008, "Fightin' Words", Political Analysis 16 (4), 372-403. Plain ratios favour words that
occur twice, plain differences favour "the". The prior moves rare words towards no difference. Dividing a difference by
its standard error ranks the words by the certainty of the difference. The prior has the word frequencies of the whole
split, scaled to the mean number of words of a class. With a much smaller prior, the standard error of a word that
hardly occurs in other classes is large, and the word ranks below words that are frequent everywhere. With a much larger
prior, small classes have no typical words.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from training.data.splits import Split

Floats = npt.NDArray[np.float64]

MIN_OCCURRENCES: Final = 5
"""Rarer words are left out: the normal approximation of the z-score needs about five occurrences."""
MIN_Z: Final = 1.96
"""The two-sided 95 % quantile of the normal distribution: differences with a lower z-score may be chance."""

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def telling_words(
    split: Split, labels: Sequence[str], *, normalize: Callable[[str], str], limit: int
) -> dict[str, list[dict[str, Any]]]:
    """Return up to `limit` typical words of each label, the highest z-score first.

    Each entry has `word`, `z`, `count` (in the class) and `count_in_all` (in all classes). Words are taken from the
    normalised text in lower case.
    """
    per_class = _word_counts(zip(map(normalize, split.texts), split.targets, strict=True), len(labels))
    in_all = sum(per_class, Counter[str]())
    words = sorted(word for word, count in in_all.items() if count >= MIN_OCCURRENCES)
    counts = np.array([[counter[word] for word in words] for counter in per_class], np.float64)
    scores = z_scores(counts) if len(words) > 1 else np.zeros_like(counts)
    return {
        label: [
            {"word": words[n], "z": round(float(z[n]), 2), "count": counter[words[n]], "count_in_all": in_all[words[n]]}
            for n in np.argsort(-z, kind="stable")[:limit]
            if z[n] >= MIN_Z
        ]
        for label, z, counter in zip(labels, scores, per_class, strict=True)
    }


def z_scores(counts: Floats) -> Floats:
    """Return the z-score of each word in each class against all other classes, from counts, both [classes, words].

    A positive score means that the class has the word more often. At least two words are required, and each word must
    occur in some class. A class without words has scores of 0.
    """
    in_all = counts.sum(axis=0)
    prior = in_all / len(counts)
    inside, outside = counts + prior, in_all - counts + prior
    difference = _log_odds(inside) - _log_odds(outside)
    scores: Floats = difference / np.sqrt(1 / inside + 1 / outside)
    return scores


def _log_odds(pseudo_counts: Floats) -> Floats:
    odds: Floats = pseudo_counts / (pseudo_counts.sum(axis=1, keepdims=True) - pseudo_counts)
    return np.log(odds)


def _word_counts(rows: Iterable[tuple[str, int]], classes: int) -> list[Counter[str]]:
    counters = [Counter[str]() for _ in range(classes)]
    for text, target in rows:
        counters[target].update(_WORD.findall(text.lower()))
    return counters
