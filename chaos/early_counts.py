"""Watch that Redis never has the counts of a commit that has not happened."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from redis import RedisError

from chaos.errors import ChaosError
from chaos.servers.redis_servers import RedisServers
from chaos.stream_names import StreamNames

_EVERY_S: Final = 0.5
_ANSWER_S: Final = 10.0
_MOST: Final = 5
"""Findings that are kept: one is enough to break the promise."""


class EarlyCounts:
    """A thread that compares the offset of the counts in Redis with the committed offset, of each partition."""

    def __init__(self, servers: str, redis: RedisServers, names: StreamNames) -> None:
        self._redis = redis
        self._names = names
        # read_committed lets the broker answer only when no commit is under way.
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": names.group,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="early counts", daemon=True)
        self._failure: Exception | None = None
        self.findings: list[str] = []

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a second call does nothing."""
        if not self._ending.is_set():
            self._ending.set()
            if self._thread.is_alive():
                self._thread.join()
            self._consumer.close()

    def check(self) -> None:
        """Raise the error that has ended the thread."""
        if self._failure is not None:
            raise ChaosError(f"comparing offsets with Redis has failed: {self._failure!r}") from self._failure

    def _watch(self) -> None:
        try:
            while not self._ending.wait(_EVERY_S) and len(self.findings) < _MOST:
                # While servers are disturbed, there is nothing to compare.
                with suppress(RedisError, KafkaException, OSError):
                    self.findings += early(self._fences(), self._committed(), self._names)
        except Exception as error:  # check() raises it
            self._failure = error

    def _fences(self) -> dict[str, str]:
        with self._redis.client() as client:
            fences: dict[str, str] = client.hgetall(f"{self._names.redis_prefix}:fences")
        return fences

    def _committed(self) -> dict[int, int]:
        asked = [TopicPartition(self._names.input, number) for number in range(self._names.partitions)]
        return {each.partition: each.offset for each in self._consumer.committed(asked, timeout=_ANSWER_S)}


def early(fences: Mapping[str, str], committed: Mapping[int, int], names: StreamNames) -> list[str]:
    """Return a sentence for each partition whose counts in Redis are ahead of `committed`, which was read later."""
    found = []
    for number, offset in committed.items():
        fence = fences.get(names.state_name(number), "")
        _, _, counted = fence.partition(":")
        if counted and 0 <= offset < int(counted):
            found.append(
                f"counts before the commit: Redis counts {names.input}[{number}] up to offset {counted}, "
                f"and the committed offset is {offset}"
            )
    return found
