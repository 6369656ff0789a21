"""Counts of one split: rows by class, lengths of texts, kinds of text, characters."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from training.data.splits import Split
from training.explore.repeats import places, within

Lengths = npt.NDArray[np.int64]
"""The length of each text, int64 [texts], in tokens or in words."""

_FEEL = re.compile(r"\bfeel", re.IGNORECASE)
_EMOJI = re.compile("[\u2600-\u27bf\u2b50-\u2b55\U0001f1e6-\U0001faff]")
_KINDS_OF_TEXT: Final[dict[str, Callable[[str], object]]] = {
    'a word that begins with "feel"': _FEEL.search,
    "a capital": lambda text: any(map(str.isupper, text)),
    "a digit": lambda text: any(map(str.isdigit, text)),
    "@": lambda text: "@" in text,
    "#": lambda text: "#" in text,
    "an emoji": _EMOJI.search,
    "anything but a to z and blanks": re.compile("[^a-z ]").search,
    "nothing but blanks": lambda text: not text.strip(),
}
_MAX_CHARACTERS: Final = 500
"""Characters that are listed: more than any alphabet with its punctuation, but not every sign of Chinese."""


def split_facts(
    splits: Sequence[Split], labels: Sequence[str], token_counts: Lengths, *, max_tokens: int
) -> dict[str, Any]:
    """Return the counts of these splits together; `max_tokens` is the length at which the model cuts a text."""
    texts = [text for split in splits for text in split.texts]
    targets = Counter(chain.from_iterable(split.targets for split in splits))
    rows = {label: targets[number] for number, label in enumerate(labels)}
    return {
        "rows": len(texts),
        "classes": {label: _counted(count, len(texts)) for label, count in rows.items()},
        "imbalance_ratio": round(max(rows.values()) / min(rows.values()), 2) if all(rows.values()) else None,
        "tokens": _spread(token_counts),
        "over_max_tokens": _counted(int((token_counts > max_tokens).sum()), len(texts)),
        "words": _spread(np.array([len(text.split()) for text in texts])),
        "rows_with": {
            kind: _counted(sum(map(bool, map(is_kind, texts))), len(texts)) for kind, is_kind in _KINDS_OF_TEXT.items()
        },
        "characters": _characters(texts),
        **within(places(splits, labels)),
    }


def _counted(rows: int, of: int) -> dict[str, float]:
    return {"rows": rows, "share": round(rows / of, 5)}


def _spread(lengths: Lengths) -> dict[str, float]:
    return {
        "mean": round(float(lengths.mean()), 2),
        "median": float(np.median(lengths)),
        "p95": round(float(np.percentile(lengths, 95)), 1),
        "max": int(lengths.max()),
    }


def _characters(texts: Sequence[str]) -> dict[str, Any]:
    """Return the number of different characters, and the most frequent printable characters."""
    counted = Counter(chain.from_iterable(texts))
    common = [character for character, _ in counted.most_common(_MAX_CHARACTERS) if character.isprintable()]
    return {"different": len(counted), "common": "".join(sorted(common))}
