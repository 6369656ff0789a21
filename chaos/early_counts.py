"""Watch that Redis never has the counts of a commit that has not happened."""

from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from redis import RedisError

from chaos.errors import ChaosError
from chaos.part import Part
from chaos.servers.redis_servers import RedisServers
from chaos.stream_names import StreamNames

_EVERY_S: Final = 0.5
_ANSWER_S: Final = 10.0
_MOST: Final = 5
"""Findings that are kept: one is enough to break the promise."""


class EarlyCounts(Part):
    """A thread that compares the offset of the counts in Redis with the committed offset, of each partition."""

    def __init__(self, servers: str, redis: RedisServers, names: StreamNames) -> None:
        super().__init__("early counts")
        self._servers = servers
        self._redis = redis
        self._names = names
        self.findings: list[str] = []

    def check(self) -> None:
        """Raise ChaosError if the thread has failed."""
        if self._error is not None:
            raise ChaosError(f"comparing offsets with Redis has failed: {self._error!r}") from self._error

    def _work(self) -> None:
        settings = {
            "bootstrap.servers": self._servers,
            "group.id": self._names.group,
            "isolation.level": "read_committed",  # the broker answers only when no commit is under way
            "enable.auto.commit": False,
            "log_level": 0,
        }
        with closing(Consumer(settings)) as consumer:
            while not self._stopping.wait(_EVERY_S) and len(self.findings) < _MOST:
                # While servers are disturbed, there is nothing to compare.
                with suppress(RedisError, KafkaException, OSError):
                    self.findings += early(self._fences(), self._committed(consumer), self._names)

    def _fences(self) -> dict[str, str]:
        with self._redis.client() as client:
            fences: dict[str, str] = client.hgetall(f"{self._names.redis_prefix}:fences")
        return fences

    def _committed(self, consumer: Consumer) -> dict[int, int]:
        asked = [TopicPartition(self._names.input, number) for number in range(self._names.partitions)]
        return {each.partition: each.offset for each in consumer.committed(asked, timeout=_ANSWER_S)}


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
