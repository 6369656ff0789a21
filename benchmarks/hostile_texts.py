"""Texts of TWEET_MAX_CHARS characters that are expensive to normalise or to tokenise; the tests use them too."""

import random
from typing import Final

#: TWEET_MAX_CHARS by default: the longest text that a worker classifies.
CHARS: Final = 10_000

_REPEATED: Final = {
    # emoji, whose Unicode names are up to 50 times as long
    "two emoji in turn": "😂🤣",
    "one emoji": "😂",
    "emoji with long names": "🧜🕴🎞🏳",
    "emoji with skin tones": "👍🏽👎🏿",
    "families": "👩‍👩‍👧‍👦",
    "flags": "🇩🇪🇫🇷",
    "keycaps": "1️⃣2️⃣",
    "hearts with selectors": "❤️♥️",
    # characters that NFKC makes longer
    "ligature of 18 letters": "\ufdfa",
    "ligatures of 18 letters, apart": "\ufdfa ",
    "ligature of 8 letters": "\ufdfb",
    "ligatures of 3 letters": "ﬃ",
    "squared words": "㌖",
    "fractions": "⅒½",
    "letters in bold": "𝓱𝓮𝓵𝓵𝓸 ",
    # marks
    "accents alone": "\u0316\u0301\u0345",
    "a letter with many accents": "a" + "\u0316\u0301\u0345\u0323" * 20,
    "accents on every letter": "e\u0301a\u0308 ",
    "half-width voice marks": "\uff9e ",
    "Indian vowel signs": "क्षि",
    "joiners": "\u200d\u200b",
    # markup
    "ampersands": "&",
    "entities": "&amp;",
    "entities escaped twice": "&amp;amp;",
    "entities of emoji": "&#128514;&#129315;",
    "half entities": "&l",
    "numeric entities without an end": "&#9",
    "one entity of thousands of digits": "&#" + "9" * 4_200 + ";",
    "links": "http://t.co/a ",
    "one long link": "http://",
    "beginnings of links": "www.t.co/",
    "mentions": "@a ",
    "at signs": "@",
    "retweets": "RT @a ",
    "hashtags": "#a",
    "hashtags in humps": "#aA1bB",
    "hash signs": "#",
    # emoticons
    "laughing": "xD ",
    "very happy": ":D ",
    "eyes": ":-",
    "underscores": "T_",
    "caret and dots": "^.",
    # letters
    "one letter": "a",
    "one letter a word": "a ",
    "two letters without a blank": "ab",
    "letters and digits": "1a",
    "unknown words": "zqxj ",
    "right to left": "שלום ",
    "right to left without a blank": "ש",
    "Hangul": "한",
    "Chinese": "日本語文",
    "Thai": "สวัสดี",
}

_EMOJI: Final = [chr(code) for code in (*range(0x1F300, 0x1F3FB), *range(0x1F400, 0x1FB00))]
_HANGUL: Final = [chr(code) for code in range(0xAC00, 0xD7A4)]


def hostile_texts() -> dict[str, str]:
    """Return 54 texts of CHARS characters by what they consist of; the same texts in every call."""
    repeated = {name: (piece * CHARS)[:CHARS] for name, piece in _REPEATED.items()}
    rng = random.Random(12)
    return repeated | {
        "all emoji": "".join(rng.choices(_EMOJI, k=CHARS)),
        "all of Hangul": "".join(rng.choices(_HANGUL, k=CHARS)),
    }
