"""Tweet topics: subjects that the operator names, each with words, and which of them a text belongs to.

A term is a word, a phrase, a hashtag or a mention. Text and term are compared after `fold`: Unicode's NFKC, case
folding, no invisible characters, one kind of apostrophe. Letters, digits, `_` and combining marks are characters of
words.

- A word or phrase is found between word boundaries: `pets` is found in "pets!", "#pets", "@pets" and "the pets' bed",
  not in "carpets". Any white space may be between the words of a phrase.
- In Han, Hiragana, Katakana, Thai, Lao, Khmer and Myanmar, which are written without spaces, each place between two
  letters is a boundary; so is a place between a letter of such a script and one of another script.
- A hashtag is found as a whole hashtag: `#pets` in "#Pets!", not in "pets", "#petshop", "#pets犬" or "my#pets".
- A mention is found as a whole mention: `@bbc` in "@BBC", not in "bbc", "@bbcnews" or "me@bbc".
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

SUBJECT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
"""The whole of a name must match."""

_INVISIBLE: Final = re.compile("[\u00ad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]+")
"""Soft hyphens, joiners, marks of direction, variation selectors: no reader sees whether a text has them."""

_APOSTROPHES: Final = re.compile("[\u2018\u2019\u02bc]")

_SPACELESS: Final = re.compile(
    "[\u2e80-\u2fdf\u3005-\u3007\u3021-\u302d\u3038-\u303c\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Han
    "\U0001aff0-\U0001b16f\U0001d372-\U0001d376\U0001f200\U00020000-\U0003ffff"  # Kana and Han beyond U+FFFF
    "\u3041-\u309f\u30a0-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Hiragana, Katakana
    "\u0e00-\u0e7f\u0e80-\u0eff\u1780-\u17ff\u19e0-\u19ff"  # Thai, Lao, Khmer
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f]"  # Myanmar
)

_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]+")

_WORD_BYTES: Final = bytes(
    byte if byte >= 0x80 or chr(byte).isalnum() or byte == ord("_") else ord(" ") for byte in range(256)
)
"""For `bytes.translate` of UTF-8: a blank for each ASCII character that is no character of a word."""


class Subject(NamedTuple):
    """A tweet topic; its terms are as the operator wrote them."""

    name: str
    terms: tuple[str, ...]


def fold(text: str) -> str:
    """Return the form in which texts and terms are compared."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold()
    return _APOSTROPHES.sub("'", unicodedata.normalize("NFKC", folded))


def folded_term(term: str) -> str:
    """Return a term as `contains` takes it: folded, with one blank between words."""
    return " ".join(fold(term).split())


def contains(text: str, term: str) -> bool:
    """Return whether a folded text, with one blank between words, contains a folded term. This is the definition."""
    start = text.find(term)
    while start >= 0:
        if _begins(text, start) and _ends(text, start, start + len(term)):
            return True
        start = text.find(term, start + 1)
    return False


def hashtags(text: str) -> Iterator[tuple[int, str]]:
    """Yield place and text of every whole hashtag of a folded text: those that `contains` finds there."""
    start = text.find("#")
    while start >= 0:
        end = start + 1
        while end < len(text) and is_word_character(text[end]):
            end += 1
        if end > start + 1 and _begins(text, start):
            yield start, text[start:end]
        start = text.find("#", end)


def _begins(text: str, start: int) -> bool:
    if start and text[start] in "#@":
        before = text[start - 1]
        return not is_word_character(before) or _is_spaceless(before)
    return _is_boundary(text, start)


def _ends(text: str, start: int, end: int) -> bool:
    if text[start] == "#":
        return end == len(text) or not is_word_character(text[end])
    return _is_boundary(text, end)


def _is_boundary(text: str, place: int) -> bool:
    """Return whether a word may begin or end between two characters; a letter keeps its combining marks."""
    if place in (0, len(text)):
        return True
    before, after = text[place - 1], text[place]
    if not (is_word_character(before) and is_word_character(after)):
        return True
    return not _is_mark(after) and (_is_spaceless(before) or _is_spaceless(after))


def is_word_character(character: str) -> bool:
    """Return whether a folded character is part of words."""
    return character.isalnum() or character == "_" or _is_mark(character)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"


def _is_spaceless(character: str) -> bool:
    return _SPACELESS.match(character) is not None


class _WordTable(dict[int, str]):
    """A `str.translate` table: a blank for each character that is in no word of a script with spaces.

    It remembers at most REMEMBERED characters, since a stream may contain every character of Unicode.
    """

    REMEMBERED: Final = 4096

    def __missing__(self, codepoint: int) -> str:
        if len(self) >= self.REMEMBERED:
            self.clear()
        character = chr(codepoint)
        self[codepoint] = kept = character if is_word_character(character) and not _is_spaceless(character) else " "
        return kept


_WORD_CHARACTERS: Final = _WordTable()


def _words(folded: str) -> list[bytes]:
    """Return the words of a folded text in scripts with spaces, in UTF-8: passes in C, because every tweet needs it."""
    if not folded.isascii():
        folded = _NOT_ASCII.sub(_only_words, folded)
    return folded.encode().translate(_WORD_BYTES).split()


def _only_words(run: re.Match[str]) -> str:
    return run[0].translate(_WORD_CHARACTERS)


class SubjectMatcher:
    """Finds the subjects of a text; the time hardly grows with the number of terms.

    A text that contains a term by the definition above contains the longest word of the term as a word. Hence each term
    is looked up by its longest word, and only terms that are found so are compared by the definition. A term without
    a word of a script with spaces (猫, an emoji) is looked up by one of its characters.
    """

    def __init__(self, subjects: Iterable[Subject]) -> None:
        self._subjects = tuple(subjects)
        self._names = tuple(subject.name for subject in self._subjects)
        self._numbers: defaultdict[str, list[int]] = defaultdict(list)
        """Folded term → numbers of its subjects."""
        for number, subject in enumerate(self._subjects):
            for term in subject.terms:
                self._numbers[folded_term(term)].append(number)
        self._by_word: defaultdict[bytes, list[str]] = defaultdict(list)
        self._by_character: defaultdict[str, list[str]] = defaultdict(list)
        for term in self._numbers:
            words = _words(term)
            if words:
                self._by_word[max(words, key=len)].append(term)
            else:  # Han has higher numbers than Kana, which most Japanese texts contain
                self._by_character[max(term)].append(term)
        self._known_words = frozenset(self._by_word)
        self._known_characters = frozenset(self._by_character)

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """The subjects, in the order of the operator."""
        return self._subjects

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the subjects, in the order of the operator."""
        return self._names

    def find(self, text: str) -> tuple[str, ...]:
        """Return the names of the subjects of a text, in the order of the operator."""
        folded = fold(text)
        words = self._known_words.intersection(_words(folded))
        characters = self._known_characters.intersection(folded) if self._known_characters else ()
        if not words and not characters:
            return ()
        spaced = " ".join(folded.split())
        terms = [term for word in words for term in self._by_word[word]]
        terms += [term for character in characters for term in self._by_character[character]]
        found = {number for term in terms if contains(spaced, term) for number in self._numbers[term]}
        return tuple([self._names[number] for number in sorted(found)])
