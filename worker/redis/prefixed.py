"""Commands and scripts on the keys under one prefix, with the errors of redis-py translated."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final, Self

from redis.exceptions import NoScriptError

from worker.configuration.redis_address import parse_redis_url
from worker.redis.client import RedisClient
from worker.redis.errors import CLIENT_ERRORS, translated
from worker.settings import Settings

READ_TOGETHER: Final = 1000
"""Keys of one reading: Redis answers other clients after it, which takes a few milliseconds."""


class PrefixedClient:
    """A connection to Redis, which opens at the first use. Only one thread may use the object.

    Every error closes the connections, so that the next call resolves the address in REDIS_URL again.
    """

    def __init__(self, url: str, *, prefix: str, tls: Mapping[str, str] | None = None) -> None:
        """Raise ValueError for a URL that is not valid.

        `tls` has the arguments of redis-py for an authority and a client certificate (`Settings.redis_tls`).
        """
        self._address = parse_redis_url(url)
        self._client = RedisClient(self._address, tls or {})
        self._certificate = bool(tls and "ssl_certfile" in tls)
        self.prefix = prefix

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the client of these settings."""
        url = settings.redis_url.get_secret_value()
        return cls(url, prefix=settings.redis_key_prefix, tls=settings.redis_tls())

    def key(self, name: str) -> str:
        """Return the key of a name."""
        return f"{self.prefix}:{name}"

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int]) -> Any:
        """Run a script by its hash; the server gets the text only if it does not know the hash."""
        client, digest = self._client.get(), _digest(script)
        try:
            return client.evalsha(digest, len(keys), *keys, *arguments)
        except NoScriptError:
            client.script_load(script)
            return client.evalsha(digest, len(keys), *keys, *arguments)

    def hashes(self, keys: Sequence[str]) -> list[dict[str, str]]:
        """Return each hash, all read at one moment."""
        with self._client.transaction(keys[0]) as pipeline:
            for key in keys:
                pipeline.hgetall(key)
            found: list[dict[str, str]] = pipeline.execute()
        return found

    def fields(self, key: str, names: Sequence[str]) -> list[str | None]:
        """Return the values of these fields of a hash."""
        found: list[str | None] = self._client.get().hmget(key, list(names))
        return found

    def hash(self, key: str) -> dict[str, str]:
        """Return a hash."""
        found: dict[str, str] = self._client.get().hgetall(key)
        return found

    @contextmanager
    def commands(self) -> Iterator[None]:
        """Raise CountsStoreError instead of the errors of redis-py, and close the connections then."""
        try:
            yield
        except CLIENT_ERRORS as error:
            self._client.drop()
            raise translated(error, self._address, prefix=self.prefix, certificate=self._certificate) from error

    def close(self) -> None:
        """Close the connections."""
        self._client.drop()


@lru_cache(maxsize=16)
def _digest(script: str) -> str:
    """Return the name under which Redis keeps a script."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
