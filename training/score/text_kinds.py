"""Kinds of text: by length, punctuation, words and characters; and the accuracy of a model on each kind."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

_LINK: Final = r"https?://\S+"
_MENTION: Final = r"@\w+"
_HASHTAG: Final = r"#\w+"
_EMOJI: Final = re.compile("[\u2600-\u27bf\u2b50-\u2b55\U0001f1e6-\U0001faff]")
_AROUND: Final = re.compile(f"{_LINK}|{_MENTION}")
"""Parts of a text that are no words of the author."""
_NEGATION: Final = re.compile(
    r"\b(?:not?|never|none|nothing|nobody|nowhere|neither|nor|cannot|without|hardly|"
    r"(?:do|does|did|is|are|was|were|has|have|had|ca|could|wo|would|should|must|need|ai)n['\u2019]?t)\b",
    re.IGNORECASE,
)
_STRETCHED: Final = re.compile(r"([^\W\d_])\1\1")
_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_MIN_CAPITALS: Final = 4
"""Letters of a text in capitals: a shorter text may be a name such as "UK"."""
_LENGTHS: Final = {"1 to 3 words": 3, "4 to 8 words": 8, "9 to 16 words": 16, "17 to 30 words": 30}
"""Each class of length and its largest number of words; longer texts are of the class _LONG."""
_LONG: Final = "more than 30 words"


def _is_in_capitals(text: str) -> bool:
    letters = [letter for letter in _AROUND.sub(" ", text) if letter.isalpha()]
    return len(letters) >= _MIN_CAPITALS and all(map(str.isupper, letters))


def _has_only_emoji(text: str) -> bool:
    bare = _AROUND.sub(" ", text)
    return bool(_EMOJI.search(bare)) and not any(map(str.isalnum, bare))


def _has_only_hashtags(text: str) -> bool:
    bare = _AROUND.sub(" ", text)
    return bool(re.search(_HASHTAG, bare)) and not any(map(str.isalnum, re.sub(_HASHTAG, " ", bare)))


_KINDS: Final[dict[str, Callable[[str], object]]] = {
    "question mark": lambda text: "?" in _AROUND.sub(" ", text),
    "exclamation mark": lambda text: "!" in _AROUND.sub(" ", text),
    "negation": _NEGATION.search,
    "all capitals": _is_in_capitals,
    "repeated letters": lambda text: _STRETCHED.search(_AROUND.sub(" ", text)),
    "emoji": _EMOJI.search,
    "emoji only": _has_only_emoji,
    "hashtag": re.compile(_HASHTAG).search,
    "hashtag only": _has_only_hashtags,
    "mention": re.compile(_MENTION).search,
    "link": re.compile(_LINK).search,
}
KINDS: Final = (*_LENGTHS, _LONG, *_KINDS)
"""The kinds that are found in the characters of a text, in the order of a table."""


def kinds_of(text: str) -> tuple[str, ...]:
    """Return the kinds of a text: one class of length, and every other kind that fits.

    Mentions and links are no words.
    """
    words = len(_WORD.findall(_AROUND.sub(" ", text)))
    length = next((name for name, most in _LENGTHS.items() if words <= most), _LONG)
    return (length, *(name for name, fits in _KINDS.items() if fits(text)))


def accuracy_by_kind(kinds: Iterable[Sequence[str]], right: Iterable[bool]) -> dict[str, dict[str, Any]]:
    """Return rows and accuracy of each kind, JSON-ready: those of KINDS in their order, then others alphabetically.

    `kinds` are the kinds of each row, `right` whether the row's predicted label is correct.
    """
    rows: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for its_kinds, hit in zip(kinds, right, strict=True):
        rows.update(its_kinds)
        hits.update(its_kinds if hit else ())
    order = [kind for kind in KINDS if kind in rows] + sorted(set(rows) - set(KINDS))
    return {kind: {"rows": rows[kind], "accuracy": round(hits[kind] / rows[kind], 6)} for kind in order}
