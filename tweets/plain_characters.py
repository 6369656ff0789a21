"""Characters beyond ASCII as a model of plain English reads them: letters without accents, words for emoji."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

_TRANSLATED_CHARS: Final = 1_024
"""Characters that are translated at once: emoji become up to 50 times as long, all of it before the cut."""


def in_plain_characters(text: str, max_chars: int) -> str:
    """Return the text without accents and emoji, cut to `max_chars` characters."""
    text = _REPEATED_EMOJI.sub(r"\1", text)
    plain = ""
    for start in range(0, len(text), _TRANSLATED_CHARS):
        # ASCII stays as it is, and `str.translate` looks up every character.
        plain += _NOT_ASCII.sub(_translated, text[start : start + _TRANSLATED_CHARS])
        if len(plain) >= max_chars:
            break
    return plain[:max_chars]


def _translated(run: re.Match[str]) -> str:
    return run[0].translate(_UNICODE)


_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
_EMOJI_WORDS: Final[Mapping[str, str]] = {
    "❤": "love",
    "♥": "love",
    "💔": "broken heart",
    "💕": "love",
    "💖": "love",
    "💗": "love",
    "💙": "love",
    "💚": "love",
    "💛": "love",
    "💜": "love",
    "🧡": "love",
    "🖤": "dark love",
    "😍": "in love",
    "🥰": "loved and happy",
    "😘": "kiss",
    "😂": "laughing with tears of joy",
    "🤣": "laughing",
    "😭": "crying loudly",
    "😢": "crying",
    "🥺": "pleading",
    "😊": "happy smile",
    "☺": "happy smile",
    "🙂": "smile",
    "😀": "happy",
    "😃": "happy",
    "😄": "happy",
    "😁": "happy grin",
    "😆": "laughing",
    "😅": "nervous laugh",
    "😉": "wink",
    "😎": "cool",
    "😔": "sad",
    "😞": "disappointed",
    "😟": "worried",
    "🙁": "sad",
    "☹": "sad",
    "😩": "weary",
    "😫": "tired",
    "😡": "angry",
    "😠": "angry",
    "🤬": "furious and swearing",
    "😤": "frustrated",
    "😒": "annoyed",
    "🙄": "annoyed",
    "😱": "screaming in fear",
    "😨": "scared",
    "😰": "anxious",
    "😳": "embarrassed",
    "😮": "surprised",
    "😲": "astonished",
    "😯": "surprised",
    "🤯": "shocked",
    "🤔": "thinking",
    "🤗": "hug",
    "🤮": "disgusted",
    "🤢": "disgusted",
    "🙏": "praying",
    "👍": "good",
    "👎": "bad",
    "🎉": "celebration",
    "💯": "totally",
}
"""Common emoji whose Unicode names miss what people mean (the red heart is HEAVY BLACK HEART)."""

_NOISE_IN_NAMES: Final = re.compile(r"\b(?:heavy|black|white|symbol|sign|emoji|face|with)\b|[^a-z ]")
_EMOJI_BLOCKS: Final = ((0x2600, 0x27BF), (0x2B50, 0x2B55), (0x1F300, 0x1F3FA), (0x1F400, 0x1FAFF))
_APOSTROPHES: Final = frozenset("‘’‛ʼ′´＇")
_REPEATED_EMOJI: Final = re.compile("([\u2600-\u27bf\U0001f300-\U0001faff]\ufe0f?)\\1++")
_REMEMBERED_CHARACTERS: Final = 4096
"""Bounds the cache, since a stream may contain every character of Unicode."""


class _UnicodeTable(dict[int, str]):
    """A `str.translate` table that caches at most _REMEMBERED_CHARACTERS characters, and then begins again."""

    def __missing__(self, codepoint: int) -> str:
        if len(self) >= _REMEMBERED_CHARACTERS:  # or rare characters would fill the cache until the process ends
            self.clear()
        self[codepoint] = replacement = _in_plain_text(chr(codepoint))
        return replacement


def _in_plain_text(character: str) -> str:
    """Return what one character becomes: its ASCII form, words for emoji, other letters unchanged, else a blank."""
    if character.isascii():
        return character
    if character in _APOSTROPHES:
        return "'"
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cf"):  # accents, joiners, variation selectors, direction marks
        return ""
    ascii_form = _without_marks(unicodedata.normalize("NFKD", character))
    if ascii_form.isascii() and category != "So":
        return ascii_form
    if _is_emoji(character):
        return f" {_emoji_words(character)} "
    return unicodedata.normalize("NFKC", character) if category[0] in "LNM" else " "


def _without_marks(text: str) -> str:
    return "".join([character for character in text if not unicodedata.combining(character)])


def _is_emoji(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _EMOJI_BLOCKS)


def _emoji_words(character: str) -> str:
    known = _EMOJI_WORDS.get(character)
    return known or _NOISE_IN_NAMES.sub(" ", unicodedata.name(character, "").lower())


_UNICODE: Final = _UnicodeTable()
