"""Which words tell one class from the others: log-odds with an informative Dirichlet prior, as z-scores.

Monroe, Colaresi and Quinn 2008, "Fightin' Words", Political Analysis 16 (4), 372-403. Plain ratios favour words that
occur twice, plain differences favour "the". The prior draws rare words towards no difference, and dividing by the
standard error ranks a difference by how sure it is. The prior's words are the split's own, as much text as a class has
on average: with much less, a word that hardly ever stands elsewhere ranks below one that often does, its error being
large; with much more, a small class has no telling words at all.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from training.data.splits import Split

Floats = npt.NDArray[np.float64]

LEAST_OCCURRENCES: Final = 5
LEAST_Z: Final = 1.96
"""Weaker words may well be chance."""

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def telling_words(
    split: Split, labels: Sequence[str], *, normalize: Callable[[str], str], most: int
) -> dict[str, list[dict[str, Any]]]:
    """Return for each label its most telling words, the best first: `word`, `z`, and `count` in the class and in all.

    Words are single, in lower case, of normalised text; those that occur fewer than LEAST_OCCURRENCES times are left
    out.
    """
    per_class = _word_counts(zip(map(normalize, split.texts), split.targets, strict=True), len(labels))
    in_all = sum(per_class, Counter[str]())
    words = sorted(word for word, count in in_all.items() if count >= LEAST_OCCURRENCES)
    counts = np.array([[counter[word] for word in words] for counter in per_class], np.float64)
    scores = z_scores(counts) if len(words) > 1 else np.zeros_like(counts)
    return {
        label: [
            {"word": words[n], "z": round(float(z[n]), 2), "count": counter[words[n]], "count_in_all": in_all[words[n]]}
            for n in np.argsort(-z, kind="stable")[:most]
            if z[n] >= LEAST_Z
        ]
        for label, z, counter in zip(labels, scores, per_class, strict=True)
    }


def z_scores(counts: Floats) -> Floats:
    """Return how sure it is that a class uses a word more often than all others do, [classes, words], from counts.

    There must be two words or more, each of which occurs somewhere. A class without any words has scores of 0.
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
