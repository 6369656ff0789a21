"""Reads the counts of minutes, hours and days in Redis, by emotion, for all tweets or for one tweet topic."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from tweets.periods import ALL, Unit
from worker.redis.client import RedisClient
from worker.redis.errors import CLIENT_ERRORS, translated
from worker.redis_address import parse_redis_url
from worker.settings import Settings

READ_TOGETHER: Final = 500
"""Keys of one pipeline: Redis answers other clients only after a pipeline, of this size within a millisecond or two."""

_COUNT: Final = re.compile(r"[1-9][0-9]{0,18}")
"""A count above zero; redis-py passes anything else on as it is."""

_SECONDS: Final = re.compile(r"[0-9]{1,11}")


class SeriesStore:
    """The periods under one key prefix. Methods raise CountsStoreError.

    Every error closes the connections, so that the next call resolves the address in REDIS_URL again. Only one thread
    may use a store.
    """

    def __init__(self, url: str, *, prefix: str, tls: Mapping[str, str] | None = None) -> None:
        """Prepare a connection, which opens at the first use. Raises ValueError for a URL that is not valid.

        `tls` has the arguments of redis-py for an authority and a client certificate (`Settings.redis_tls`).
        """
        self._address = parse_redis_url(url)
        self._client = RedisClient(self._address, tls or {})
        self._certificate = bool(tls and "ssl_certfile" in tls)
        self._prefix = prefix

    @classmethod
    def of(cls, settings: Settings) -> "SeriesStore":
        """Return the store of these settings."""
        url = settings.redis_url.get_secret_value()
        return cls(url, prefix=settings.redis_key_prefix, tls=settings.redis_tls())

    def series(self, subject: str, unit: Unit, first: int, last: int) -> dict[int, dict[str, int]]:
        """Return the counts by emotion of each period from `first` to `last`, both included, that has a tweet.

        `subject` is ALL or the name of a tweet topic.
        """
        of_subject = f"{self._prefix}:" if subject == ALL else f"{self._prefix}:topic:{subject}:"
        found: dict[int, dict[str, int]] = {}
        for start in range(first, last + 1, READ_TOGETHER):
            numbers = range(start, min(start + READ_TOGETHER, last + 1))
            for number, fields in zip(numbers, self._hashes([f"{of_subject}{unit}:{n}" for n in numbers]), strict=True):
                counts = {name: int(count) for name, count in fields.items() if _COUNT.fullmatch(count)}
                if counts:
                    found[number] = counts
        return found

    def subjects(self) -> dict[str, int]:
        """Return the name of each tweet topic and the Unix second since when the topic is counted, by name."""
        (fields,) = self._hashes([f"{self._prefix}:topics"])
        return {name: int(since) for name, since in sorted(fields.items()) if _SECONDS.fullmatch(since)}

    def close(self) -> None:
        """Close the connections."""
        self._client.drop()

    def _hashes(self, keys: list[str]) -> list[dict[str, str]]:
        with self._commands(), self._client.transaction(keys[0]) as pipeline:
            for key in keys:
                pipeline.hgetall(key)
            found: list[dict[str, str]] = pipeline.execute()
        return found

    @contextmanager
    def _commands(self) -> Iterator[None]:
        try:
            yield
        except CLIENT_ERRORS as error:
            self._client.drop()
            raise translated(error, self._address, prefix=self._prefix, certificate=self._certificate) from error
