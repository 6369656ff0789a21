"""The records of a run: seed, partition and number give the record, so that a verifier needs no copy of the input."""

from typing import Final, NamedTuple

import orjson

from chaos.stream.unusual import DRAWN, NO_TWEETS, NULL_KEY, UNUSUAL_TWEETS, USUAL, Headers
from tweets.datasets import SAMPLE, read_rows

TWEET: Final = "tweet"
KEYLESS: Final = "keyless"
"""An ordinary tweet, and one without a key."""

FORCED: Final = "chaos.kind"
"""Header with the kind of a record whose kind does not follow from the seed: a fault asked for it."""

POISON_SHARE: Final = 0.01

_EVERY: Final = 16
"""Every so many records have a header with their number."""

_MASK: Final = 2**64 - 1
_PARTS: Final = 1_000_000


class FedRecord(NamedTuple):
    """A record of the input topic; `text` is the text that its labelled tweet has, None if it is no tweet."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    text: str | None


class TweetSource:
    """The records of all partitions for one seed; every object with this seed and share gives the same records."""

    def __init__(self, seed: int, *, poison_share: float = POISON_SHARE) -> None:
        self._seed = seed * 0x94D049BB133111EB
        self._poison_parts = round(poison_share * _PARTS)
        self._texts = [row.text for row in read_rows(SAMPLE, "test")]

    def expected(self, partition: int, number: int) -> tuple[str, str]:
        """Return the kind of a record and the text of an ordinary tweet in its place."""
        drawn = _mixed(self._seed + partition * 0xD1342543DE82EF95 + number)
        kind = TWEET
        if (drawn >> 40) % _PARTS < self._poison_parts:
            kind = DRAWN[(drawn >> 20) % len(DRAWN)]
        return kind, f"{self._texts[drawn % len(self._texts)]} {number}"

    def record(
        self, partition: int, number: int, *, created_at: str | None = None, forced: str | None = None
    ) -> FedRecord:
        """Return a record; `created_at` is the time of a tweet, `forced` a kind in place of the one of the seed."""
        kind, text = self.expected(partition, number)
        kind = kind if forced is None else forced
        name = f"{partition}-{number}"
        key = None if kind in (KEYLESS, NULL_KEY) else name.encode()
        headers: Headers = () if number % _EVERY else (("number", b"%d" % number),)
        if forced is not None:
            headers = (*headers, (FORCED, forced.encode()))
        if kind in NO_TWEETS:
            return FedRecord(key, NO_TWEETS[kind](name), headers, None)
        form = UNUSUAL_TWEETS.get(kind, USUAL)
        text = form.before + text
        written = orjson.dumps(text)[:-1] + form.ending
        date = b"" if created_at is None else b',"created_at":"%b"' % created_at.encode()
        value = b'{%b"id":"%b","text":%b"%b}' % (form.members, name.encode(), written, date)
        return FedRecord(key, value, headers + form.headers, text + form.ending_read)

    @staticmethod
    def has_headers(kind: str, number: int) -> bool:
        """Return whether a record of this kind may have headers."""
        return kind != TWEET or number % _EVERY == 0


def _mixed(number: int) -> int:
    """Return 64 bits that look random (SplitMix64, Steele, Lea and Flood 2014)."""
    mixed = number * 0x9E3779B97F4A7C15 & _MASK
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _MASK
    return mixed ^ mixed >> 31
