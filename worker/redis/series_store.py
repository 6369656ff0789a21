"""Reads the counts of minutes, hours and days in Redis, by emotion, for all tweets or for one tweet topic."""

import re
from typing import Final

from tweets.periods import Period, Unit
from worker.redis.keys import SUBJECTS, period_name
from worker.redis.prefixed import READ_TOGETHER, PrefixedClient

_COUNT: Final = re.compile(r"[1-9][0-9]{0,18}")
"""A count above zero; redis-py passes anything else on as it is."""

_SECONDS: Final = re.compile(r"[0-9]{1,11}")


class SeriesStore(PrefixedClient):
    """The periods under one key prefix. `series` and `subjects` raise CountsStoreError."""

    def series(self, subject: str, unit: Unit, first: int, last: int) -> dict[int, dict[str, int]]:
        """Return the counts by emotion of each period from `first` to `last`, both included, that has a tweet.

        `subject` is ALL or the name of a tweet topic.
        """
        found: dict[int, dict[str, int]] = {}
        for start in range(first, last + 1, READ_TOGETHER):
            numbers = range(start, min(start + READ_TOGETHER, last + 1))
            keys = [self.key(period_name(subject, Period(unit, number))) for number in numbers]
            with self.commands():
                hashes = self.hashes(keys)
            for number, fields in zip(numbers, hashes, strict=True):
                counts = {name: int(count) for name, count in fields.items() if _COUNT.fullmatch(count)}
                if counts:
                    found[number] = counts
        return found

    def subjects(self) -> dict[str, int]:
        """Return the name of each tweet topic and the Unix second since when the topic is counted, by name."""
        with self.commands():
            (fields,) = self.hashes([self.key(SUBJECTS.name)])
        return {name: int(since) for name, since in sorted(fields.items()) if _SECONDS.fullmatch(since)}
