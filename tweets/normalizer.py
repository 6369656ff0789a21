"""Normalisers: functions that map a raw tweet to the kind of text that the model was trained on.

The training set is lower case, without punctuation, digits, links, mentions or emoji, and writes "don't" as "dont".
The `config.json` of a model folder names the normaliser that the model was trained with, so that training and serving
call the same function. Each normaliser is pure, takes time linear in the length of the text, never returns an empty
string, and returns at most `max_chars` characters, which a model with few tokens does not read to their end.
"""

import html
import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

EMPTY: Final = "tweet"
"""What a text becomes if nothing is left of the text, as of a lone link."""

CHARS_PER_TOKEN: Final = 32
"""Characters per token of a model beyond which a text is cut: the longest token of BERT's vocabularies has 18.

English has 4 to 5 characters per token. Of a longer text the model reads the beginning, with or without the cut.
"""

MAX_CHARS: Final = 512 * CHARS_PER_TOKEN
"""Characters that a model with 512 tokens reads, as many as BERT has positions."""

_TRANSLATED_CHARS: Final = 1_024
"""Characters that are translated at once: emoji become up to 50 times as long, all of it before the cut."""


class Normalizer(Protocol):
    """Maps a raw tweet to the text that the model reads."""

    def __call__(self, text: str, max_chars: int = MAX_CHARS, /) -> str:
        """Return the normalised text, cut to `max_chars` characters: what vanishes from `text` does not count."""


def tweet_v1(text: str, max_chars: int = MAX_CHARS, /) -> str:
    """Return the tweet as words of the training set's domain: no links, mentions or punctuation, emoji as words.

    Reads only as much of the text as gives `max_chars` characters, since emoji become long. The first attempt suffices
    unless most of the text vanishes, as links do; doubling keeps the time linear.
    """
    text = text.strip()
    chars = max_chars + max_chars // 4
    while True:
        beginning = _in_plain_characters(text[:chars], chars)
        words = _words(beginning)
        if len(words) >= max_chars or (len(text) <= chars and len(beginning) < chars):
            return words[:max_chars].rstrip() or EMPTY
        chars *= 2


def _in_plain_characters(text: str, max_chars: int) -> str:
    """Return the text without entities, accents and emoji, cut to `max_chars` characters."""
    if "&" in text:
        text = _unescaped(text)
    if text.isascii():
        return text
    text = _REPEATED_EMOJI.sub(r"\1", text)
    plain = ""
    for start in range(0, len(text), _TRANSLATED_CHARS):
        plain += text[start : start + _TRANSLATED_CHARS].translate(_UNICODE)
        if len(plain) >= max_chars:
            break
    return plain[:max_chars]


def _words(text: str) -> str:
    if not _PLAIN.fullmatch(text):
        text = _words_of_plain_characters(text)
    return _ELONGATED.sub(_shortened, text)


def _words_of_plain_characters(text: str) -> str:
    if "/" in text or "www." in text:
        text = _LINK.sub(" ", text)
    if "@" in text:
        text = _MENTION.sub(" ", text)
    if "#" in text:
        text = _HASHTAG.sub(_hashtag_words, text)
    if _MAY_HOLD_EMOTICON.search(text):
        text = _EMOTICON.sub(_emoticon_words, text)
    words = text.lower().translate(_ASCII).split()
    return " ".join([word for word in words if not word.isdigit()])


# Markup.


def _unescaped(text: str) -> str:
    """Decode HTML entities; twice, because many data sets of tweets were escaped twice."""
    try:
        once = html.unescape(text)
        return html.unescape(once) if once != text else text
    except ValueError:  # a numeric entity of more digits than int() accepts
        return text


_PLAIN: Final = re.compile(r"[a-z]+(?: [a-z]+)*")
_LINK: Final = re.compile(r"(?:https?://|www\.|\b(?:t\.co|bit\.ly|youtu\.be|pic\.twitter\.com)/)\S*", re.IGNORECASE)
_MENTION: Final = re.compile(r"(?:^\s*RT\s+)?(?<!\w)@\w+")
_HASHTAG: Final = re.compile(r"#(\w+)")
_CAMEL_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")


def _hashtag_words(match: re.Match[str]) -> str:
    return " " + _CAMEL_HUMP.sub(" ", match[1]) + " "


# Elongation.

_ELONGATED: Final = re.compile(r"([a-z])\1{2,}+(\b)?")  # without `+`, 100 bytes for each repetition
_OFTEN_DOUBLE_AT_WORD_END: Final = frozenset("ls")


def _shortened(match: re.Match[str]) -> str:
    """Keep two letters inside a word (cooool, cool) and one at the end (sooo, so), or two where English doubles it."""
    letter = match[1]
    single = match[2] is not None and letter not in _OFTEN_DOUBLE_AT_WORD_END
    return letter if single else letter * 2


# Emoticons. Longer patterns come first, so that :'( is not read as : and '(.

_EMOTICONS: Final = (
    (r">:-?[(\[]+", "angry"),
    (r"[:;=]-?'-?[(\[]+", "crying"),
    (r"[:;=]'-?[)\]]+", "happy tears"),
    (r"[:=]-?[(\[]+", "sad"),
    (r"[:=]-?[)\]]+", "happy"),
    (r";-?[)\]D]+", "wink"),
    (r"[:=]-?D+", "very happy"),
    (r"[xX]D+", "laughing"),
    (r"[:=]-?[pP]+", "playful"),
    (r"[:=]-?[oO0]+", "surprised"),
    (r"[:=]-?\*+", "kiss"),
    (r"[:=]-?[/\\|]+", "annoyed"),
    (r"</+3+", "broken heart"),
    (r"<3+", "love"),
    (r"\^[_.-]*\^", "happy"),
    (r"-_+-", "annoyed"),
    (r"[TtQ;]_+[TtQ;]", "crying"),
    (r"[oO0]_+[oO0]", "surprised"),
)
_MAY_HOLD_EMOTICON: Final = re.compile(r"[:;=<^_D]")
_EMOTICON: Final = re.compile(r"(?<!\w)(?:" + "|".join(f"({pattern})" for pattern, _ in _EMOTICONS) + r")(?!\w)")


def _emoticon_words(match: re.Match[str]) -> str:
    alternative = match.lastindex or 1  # every alternative is a group, so a group has matched
    return f" {_EMOTICONS[alternative - 1][1]} "


# Characters.

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
_ASCII: Final = {code: None if chr(code) in "'`" else " " for code in range(128) if not chr(code).isalnum()}


_SKIPPED: Final = r"[\s\x00-\x1f\x7f\xad\u0300-\u036f\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]"
_LONG_GAP: Final = re.compile(f"({_SKIPPED}{{8}}){_SKIPPED}+")
"""More blanks, invisible characters and accents in a row than the cut allows beside a token (CHARS_PER_TOKEN)."""


def unchanged(text: str, max_chars: int = MAX_CHARS, /) -> str:
    """Return the text as it is, for models trained on raw text; blank text becomes EMPTY.

    A text beyond `max_chars` loses long runs of characters that many tokenizers skip before the text is cut.
    """
    if len(text) > max_chars:
        text = _LONG_GAP.sub(r"\1", text.strip())[:max_chars]
    return text if text.strip() else EMPTY


NORMALIZERS: Final[Mapping[str, Normalizer]] = MappingProxyType({"none": unchanged, "tweet-v1": tweet_v1})
"""Every normaliser by its name in the `config.json` of a model folder. The function of a name never changes."""
