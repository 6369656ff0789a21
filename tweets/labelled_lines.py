"""Text files: a tweet on each line, or, as Kaggle publishes dair-ai/emotion, a tweet, a semicolon and its label."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

Line = tuple[int, str]
"""The number of a line as an editor shows it, and the line."""

LABELLED_SHARE: Final = 0.95
"""From this share of lines on, a separator and a short word at the end are no accident of plain text."""

_WORDS: Final = 50
"""Different words at the ends of lines that may be labels; GoEmotions has 28."""

_WORD: Final = r'"?(?P<word>\w[\w.-]{0,29})"?'
_LAST: Final = re.compile(rf"(?P<text>.*)(?:[;\t] *|(?P<other>\| *|,)){_WORD};?\s*")
_FIRST: Final = re.compile(rf"\s*{_WORD}(?:[;\t|]|,\S)")


class NotALabelledLineError(ValueError):
    """Most lines of a file have a label, and this line has none that is known; `number` is the line's number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"line {number}")
        self.number = number


def texts_and_labels(
    lines: Callable[[], Iterable[Line]], names: Collection[str], is_label: Callable[[str], bool]
) -> Iterator[tuple[str, str | None]]:
    """Yield the text and the label of each line; a file of plain text has no labels. `lines` opens the file again.

    `names` are the names of labels, `is_label` also knows their ids. Raises NotALabelledLineError: a file of labelled
    lines is never read as plain text, because the labels would change the emotions of the texts.
    """
    if not _are_labelled(lines(), names):
        yield from ((line, None) for _, line in lines())
        return
    for number, line in lines():
        found = _LAST.fullmatch(line)
        if found is None or found["other"] or not is_label(found["word"]):
            raise NotALabelledLineError(number)
        yield _unquoted(found["text"]), found["word"]


def _are_labelled(lines: Iterable[Line], names: Collection[str]) -> bool:
    """Return whether nearly all lines end in a separator and one of a few short words, or begin so.

    A comma, a bar and a word at the beginning are signs of a label only if the word is the name of a label.
    """
    total, at_end, at_start, words = 0, 0, 0, set[str]()
    for _, line in lines:
        total += 1
        last, first = _LAST.fullmatch(line), _FIRST.match(line)
        if last and (not last["other"] or last["word"] in names):
            at_end += 1
            if len(words) <= _WORDS:
                words.add(last["word"])
        at_start += bool(first and first["word"] in names)
    few = len(words) <= _WORDS
    return total > 0 and max(at_end * few, at_start) >= LABELLED_SHARE * total


def _unquoted(text: str) -> str:
    """Return a text without the quotes that a program put around it."""
    inner = text.strip()[1:-1].replace('""', "")
    quoted = len(text.strip()) > 1 and text.strip()[0] == text.strip()[-1] == '"' and '"' not in inner
    return text.strip()[1:-1].replace('""', '"') if quoted else text
