"""The hashtags of the last hour that rise most, approximately and in bounded memory. Pure: the clock is passed in."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from dashboard.space_saving import SpaceSaving
from tweets.subjects import fold, hashtags
from tweets.timestamps import rfc3339_s

SLOT_S: Final = 300
"""Seconds that one summary covers: the hour moves in steps of five minutes."""

HOUR_SLOTS: Final = 12
"""Slots of an hour."""

COUNTERS: Final = 1_000
"""Hashtags that a slot counts. N hashtags of an hour: a count of the hour is too high by at most N / 1,000."""

MEMORY_MAX_BYTES: Final = 16 * 1024 * 1024
"""The most that all slots take: 24 × COUNTERS hashtags of LENGTH_MAX characters, about 600 bytes each."""

LENGTH_MAX: Final = 64
"""Characters of the longest hashtag that is counted."""

EACH_MAX: Final = 20
"""Hashtags of one tweet that are counted: a tweet of nothing but hashtags is spam."""

TIMES_MIN: Final = 10
"""A hashtag is shown that was used at least so often in the last hour."""

SMOOTHING: Final = 10
"""Added to both hours before they are compared: from 0 to 20 is no endless rise, and less of one than 50 to 500."""

SHOWN: Final = 10
"""Hashtags that are shown."""

_NUMBER_SIGNS: Final = "#\ufe5f\uff03"
"""The number signs that `fold` makes one."""


@dataclass(frozen=True, slots=True)
class RisingHashtag:
    """A hashtag with its number sign; the hours are estimates that are never too low.

    `at_least` was certainly reached in the last hour. `hour_before` is None while it is not known.
    """

    hashtag: str
    last_hour: int
    at_least: int
    hour_before: int | None


@dataclass(frozen=True, slots=True)
class HashtagSummary:
    """The hashtags that rise most, or the most frequent ones while less than two hours were read.

    `from_s` is the Unix second from which tweets were read, at most two hours ago. `error_max` is the most by which a
    count of the last hour is too high. `minutes_before` of the hour before were read.
    """

    from_s: int = 0
    hashtags: tuple[RisingHashtag, ...] = ()
    error_max: int = 0
    minutes_before: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object of `GET /hashtags`."""
        return {
            "approximate": True,
            "from": rfc3339_s(self.from_s),
            "minutes_before": self.minutes_before,
            "times_min": TIMES_MIN,
            "error_max": self.error_max,
            "hashtags": [
                {
                    "hashtag": each.hashtag,
                    "last_hour": each.last_hour,
                    "last_hour_at_least": each.at_least,
                    "hour_before": each.hour_before,
                }
                for each in self.hashtags
            ],
        }


class Hashtags:
    """Counts the hashtags of tweets in slots of five minutes, of the last two hours. Only one thread may use it."""

    def __init__(self, now_s: float) -> None:
        """Begin now, in Unix seconds: earlier tweets are not counted."""
        self._from_s = int(now_s)
        self._slots: dict[int, SpaceSaving] = {}

    def add(self, at_s: float, text: str, now_s: float) -> None:
        """Count the hashtags of a tweet that was labelled at `at_s`, each once."""
        if not any(sign in text for sign in _NUMBER_SIGNS):
            return
        number, newest = int(min(at_s, now_s)) // SLOT_S, int(now_s) // SLOT_S
        if number <= newest - 2 * HOUR_SLOTS or at_s < self._from_s:
            return
        if number not in self._slots:
            self._slots = {each: slot for each, slot in self._slots.items() if each > newest - 2 * HOUR_SLOTS}
            self._slots[number] = SpaceSaving(COUNTERS)
        for hashtag in hashtags_of(text):
            self._slots[number].add(hashtag)

    def summary(self, now_s: float) -> HashtagSummary:
        """Return the hashtags to show; this takes milliseconds."""
        newest = int(now_s) // SLOT_S
        middle = newest - HOUR_SLOTS
        hour = self._between(middle, newest)
        before = self._between(middle - HOUR_SLOTS, middle)
        error_max = sum(slot.error_max for slot in hour)
        read = min(HOUR_SLOTS, middle - self._from_s // SLOT_S)  # the first slot was not read from its beginning
        found = [
            RisingHashtag(name, high + error_max, low, sum(slot.at_most(name) for slot in before) if read > 0 else None)
            for name, (high, low) in _counted(hour).items()
            if low >= TIMES_MIN
        ]
        rises = {each: _rise(each, read) for each in found}
        shown = sorted((each for each in found if rises[each] > 1), key=lambda each: (-rises[each], each.hashtag))
        from_s = max(self._from_s, (newest - 2 * HOUR_SLOTS + 1) * SLOT_S)
        return HashtagSummary(from_s, tuple(shown[:SHOWN]), error_max, max(0, read) * SLOT_S // 60)

    def _between(self, after: int, last: int) -> list[SpaceSaving]:
        return [slot for number, slot in self._slots.items() if after < number <= last]


def hashtags_of(text: str) -> list[str]:
    """Return the different hashtags of a text, folded, with their number sign, at most EACH_MAX.

    They are those that a tweet topic with the hashtag finds, without numbers, HTML entities and parts of an address.
    """
    folded = fold(text)
    found = (hashtag for place, hashtag in hashtags(folded) if folded[place - 1 : place] not in ("&", "/"))
    counted = (each for each in found if len(each) <= LENGTH_MAX + 1 and not each[1:].isdecimal())
    return list(dict.fromkeys(counted))[:EACH_MAX]


def _counted(slots: Iterable[SpaceSaving]) -> dict[str, tuple[int, int]]:
    """Return the sums over slots of the counts above each slot's `error_max`, and of what is certain.

    A name without a count in a slot has at most that slot's `error_max` there: the sum of these is added to all.
    """
    high: Counter[str] = Counter()
    low: Counter[str] = Counter()
    for slot in slots:
        least = slot.error_max
        for name, count, error in slot.items():
            high[name] += count - least
            low[name] += count - error
    return {name: (high[name], low[name]) for name in high}


def _rise(hashtag: RisingHashtag, slots_before: int) -> float:
    """Return how much more frequent the hashtag certainly is than in the hour before; its frequency if not known."""
    if hashtag.hour_before is None:
        return float(hashtag.at_least)
    before = hashtag.hour_before * HOUR_SLOTS / slots_before
    return (hashtag.at_least + SMOOTHING) / (before + SMOOTHING)
