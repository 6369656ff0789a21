"""Change clean texts to resemble raw tweets: a synthetic distribution shift.

The data set dair-ai/emotion is lower case without punctuation, mentions, links, hashtags, emoji or typing errors. The
changes are independent of the label: mentions, links, emoji and added hashtags are drawn without the label, and a word
that becomes a hashtag stays in the text. `shifted_texts` makes the shifted copy of a split on which robustness is
measured; the augmentation of training rows applies `shifted` with other random numbers.
"""

import random
from collections.abc import Callable, Sequence
from typing import Final

Change = Callable[[str, random.Random], str]
"""From a text and a random number generator to the changed text."""

_APOSTROPHES: Final = {
    "im": "I'm",
    "ive": "I've",
    "dont": "don't",
    "didnt": "didn't",
    "cant": "can't",
    "couldnt": "couldn't",
    "wasnt": "wasn't",
    "isnt": "isn't",
    "doesnt": "doesn't",
    "wouldnt": "wouldn't",
    "thats": "that's",
    "youre": "you're",
}
_EMOJI: Final = ("☕", "📷", "🚗", "🎧", "📚", "🍕", "🏠", "⏰", "🌧️", "🐈", "👀", "💻", "🚆", "🛒", "🌙", "✨")
_TAGS: Final = ("#monday", "#ThisMorning", "#life", "#latenight", "#RealTalk", "#2am", "#thoughts", "#MyWeek")
_PUNCTUATION: Final = (".", "...", "!", "!!", "!!!", "?!", " …", "")
_NEIGHBOURS: Final = {
    "a": "sq",
    "b": "vn",
    "c": "xv",
    "d": "sf",
    "e": "wr",
    "f": "dg",
    "g": "fh",
    "h": "gj",
    "i": "uo",
    "j": "hk",
    "k": "jl",
    "l": "k",
    "m": "n",
    "n": "bm",
    "o": "ip",
    "p": "o",
    "q": "w",
    "r": "et",
    "s": "ad",
    "t": "ry",
    "u": "yi",
    "v": "cb",
    "w": "qe",
    "x": "zc",
    "y": "tu",
    "z": "x",
}
"""For each letter, the letters to its left and right on a QWERTY keyboard."""

_LEAST_LETTERS: Final = 4
"""Letters of a word that may get a typing error, a hashtag or a stretched vowel: a shorter word could be lost."""


def shifted_texts(texts: Sequence[str], *, seed: int = 0) -> list[str]:
    """Return the shifted copy of the texts; the same texts and seed give the same copy on every machine."""
    return [shifted(text, random.Random(f"shift/{seed}/{row}")) for row, text in enumerate(texts)]


def shifted(text: str, rng: random.Random) -> str:
    """Apply each kind of change to the text with the probability that `_CHANGES` gives it."""
    for chance, change in _CHANGES:
        if rng.random() < chance:
            text = change(text, rng)
    return text


def _with_apostrophes(text: str, _rng: random.Random) -> str:
    return " ".join(_APOSTROPHES.get(word, word) for word in text.split())


def _mistyped(text: str, rng: random.Random) -> str:
    """Swap, drop, double or replace one letter, never the first, in one word."""

    def spoil(word: str) -> str:
        at = rng.randrange(1, len(word) - 1)
        before, letter, after = word[:at], word[at], word[at + 1 :]
        wrong = rng.choice(_NEIGHBOURS.get(letter.lower(), letter))
        swapped = before + after[0] + letter + after[1:]
        return rng.choice((swapped, before + after, before + letter * 2 + after, before + wrong + after))

    return _in_one_word(text, rng, spoil)


def _stretched(text: str, rng: random.Random) -> str:
    """Repeat the last vowel of one word."""

    def stretch(word: str) -> str:
        vowels = [at for at, letter in enumerate(word) if letter in "aeiou"]
        if not vowels:
            return word
        at = vowels[-1]
        return word[:at] + word[at] * rng.randint(3, 6) + word[at + 1 :]

    return _in_one_word(text, rng, stretch)


def _in_one_word(text: str, rng: random.Random, change: Callable[[str], str]) -> str:
    words = text.split()
    long = [at for at, word in enumerate(words) if len(word) >= _LEAST_LETTERS and word.isalpha()]
    if long:
        at = rng.choice(long)
        words[at] = change(words[at])
    return " ".join(words)


def _hashtag(text: str, rng: random.Random) -> str:
    """Turn one word of the text into a hashtag, or append a hashtag without emotion."""
    if rng.random() < 0.5:
        return f"{text} {rng.choice(_TAGS)}"
    return _in_one_word(text, rng, lambda word: "#" + word)


def _recased(text: str, rng: random.Random) -> str:
    """Capitalise the first letter and the word `i`, or write one word or the whole text in capitals."""
    drawn = rng.random()
    if drawn < 0.7:
        sentence = text[:1].upper() + text[1:]
        return " ".join("I" if word == "i" else word for word in sentence.split())
    return _in_one_word(text, rng, str.upper) if drawn < 0.9 else text.upper()


def _with_comma(text: str, rng: random.Random) -> str:
    words = text.split()
    if len(words) > _LEAST_LETTERS:
        words[rng.randrange(1, len(words) - 1)] += ","
    return " ".join(words)


def _ended(text: str, rng: random.Random) -> str:
    return text + rng.choice(_PUNCTUATION)


def _with_ampersand(text: str, _rng: random.Random) -> str:
    """Replace one `and` by the HTML escape of the sign `&`."""
    return text.replace(" and ", " &amp; ", 1)


def _with_emoji(text: str, rng: random.Random) -> str:
    return f"{text} {rng.choice(_EMOJI) * rng.choice((1, 1, 2))}"


def _with_mention(text: str, rng: random.Random) -> str:
    return f"@user{rng.randrange(1000)} {text}"


def _with_link(text: str, rng: random.Random) -> str:
    return f"{text} https://example.com/{rng.randrange(16**6):06x}"


_CHANGES: Final[tuple[tuple[float, Change], ...]] = (
    (0.7, _with_apostrophes),
    (0.3, _mistyped),
    (0.2, _stretched),
    (0.3, _hashtag),
    (0.8, _recased),
    (0.3, _with_comma),
    (0.8, _ended),
    (0.1, _with_ampersand),
    (0.3, _with_emoji),
    (0.2, _with_mention),
    (0.2, _with_link),
)
"""The probability of each change, and the change, in the order of application."""
