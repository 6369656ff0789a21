"""Normalisers: functions that map a raw tweet to the kind of text that the model was trained on.

The training set is lower case, without punctuation, digits, links, mentions or emoji, and writes "don't" as "dont".
The `config.json` of a model folder names the normaliser that the model was trained with, so that training and serving
call the same function. Each normaliser is pure, takes time linear in the length of the text, never returns an empty
string, and returns at most `max_chars` characters, which a model with few tokens does not read to their end.
"""

import html
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from tweets.plain_characters import in_plain_characters

EMPTY: Final = "tweet"
"""What a text becomes if nothing is left of the text, as of a lone link."""

CHARS_PER_TOKEN: Final = 32
"""Characters per token of a model beyond which a text is cut: the longest token of BERT's vocabularies has 18.

English has 4 to 5 characters per token. Of a longer text the model reads the beginning, with or without the cut.
"""

MAX_CHARS: Final = 512 * CHARS_PER_TOKEN
"""Characters that a model with 512 tokens reads, as many as BERT has positions."""


class Normalizer(Protocol):
    """Maps a raw tweet to the text that the model reads."""

    def __call__(self, text: str, max_chars: int = MAX_CHARS, /) -> str:
        """Return the normalised text, cut to `max_chars` characters: what vanishes from `text` does not count."""


class WordByWord(NamedTuple):
    """A normaliser in two steps, so that the second step, and what follows it, is made once for a frequent word.

    `words` returns a text, and `finished` what a word of that text becomes by itself; words are between blanks
    (U+0020). What the words become, without the empty ones and with single blanks between them, is the normalised
    text. `words` returns an empty text for a text that the normaliser itself has to read, and perhaps to cut.
    """

    words: Callable[[str, int], str]
    finished: Callable[[str], str]


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


def _words_of_tweet_v1(text: str, max_chars: int) -> str:
    plain = _in_plain_characters(text, max_chars) if len(text) < max_chars else ""
    words = _between_blanks(plain) if len(plain) < max_chars else ""
    return words if len(words) < max_chars else ""


def _in_plain_characters(text: str, max_chars: int) -> str:
    """Return the text without entities, accents and emoji, cut to `max_chars` characters."""
    if "&" in text:
        text = _unescaped(text)
    return text if text.isascii() else in_plain_characters(text, max_chars)


def _words(text: str) -> str:
    return _finished(text if _PLAIN.fullmatch(text) else _between_blanks(text))


def _between_blanks(text: str) -> str:
    """Return lower-case words between blanks, still with numbers and elongated letters."""
    if "/" in text or "www." in text:
        text = _LINK.sub(" ", text)
    if "@" in text:
        text = _MENTION.sub(" ", text)
    if "#" in text:
        text = _HASHTAG.sub(_hashtag_words, text)
    if _MAY_HOLD_EMOTICON.search(text) or "xD" in text or "XD" in text:
        text = _EMOTICON.sub(_emoticon_words, text)
    if text.isascii():  # bytes are translated five times as fast as characters
        return text.encode("ascii").translate(_ASCII_BYTES, _DELETED).decode("ascii")
    return text.lower().translate(_ASCII)


def _finished(words: str) -> str:
    """Drop the numbers and shorten elongated letters: each word by itself."""
    return _ELONGATED.sub(_shortened, " ".join([word for word in words.split() if not word.isdigit()]))


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
_MAY_HOLD_EMOTICON: Final = re.compile(r"[:;=<^_]")
_FIRST: Final = r"(?=[>:;=<^xXTtQoO0-])"  # what an emoticon can begin with: most characters fail here at once
_EMOTICON: Final = re.compile(
    _FIRST + r"(?<!\w)(?:" + "|".join(f"({pattern})" for pattern, _ in _EMOTICONS) + r")(?!\w)"
)


def _emoticon_words(match: re.Match[str]) -> str:
    alternative = match.lastindex or 1  # every alternative is a group, so a group has matched
    return f" {_EMOTICONS[alternative - 1][1]} "


_DELETED: Final = b"'`"
_ASCII: Final = {code: None if code in _DELETED else " " for code in range(128) if not chr(code).isalnum()}
_ASCII_BYTES: Final = bytes(ord(_ASCII.get(code) or chr(code).lower()) if code < 128 else 0 for code in range(256))
"""Lower case and `_ASCII` in one table; `_DELETED` has no entry that counts."""


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

WORD_BY_WORD: Final[Mapping[str, WordByWord]] = MappingProxyType(
    {
        "none": WordByWord(lambda text, max_chars: text if len(text) <= max_chars else "", str),
        "tweet-v1": WordByWord(_words_of_tweet_v1, _finished),
    }
)
"""The same normalisers in two steps, for callers with many texts."""
