"""Compares everything else that has to agree with the committed output, once all of the output is read."""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from redis.exceptions import RedisError

from chaos.errors import ChaosError
from chaos.servers.waiting import became_true
from chaos.stream.account import StreamAccount
from chaos.stream.checkpoints import read_checkpoints
from chaos.stream.committed_offsets import GroupOffset, fetch_positions
from chaos.stream.differences import NONE, CountsDifference, difference
from chaos.stream.kafka_offsets import KafkaOffsets
from chaos.stream.redis_counts import redis_difference, total_difference
from chaos.stream.verdict import Comparisons
from chaos.stream_names import StreamNames

REDIS_AGREES_S: Final = 60.0
"""Seconds until Redis must agree after the last commit."""

_OFFSETS_AGREE_S: Final = 20.0
"""Seconds until the committed offsets must be those of the last transaction that readers see."""

_TRANSACTIONS_END_S: Final = 60.0
"""Seconds until the brokers must have ended the transactions of workers that were killed."""

Connect = Callable[[], AbstractContextManager[Any]]
"""Returns a client of the Redis that is in use now."""


class Comparing:
    """Compares the account of a stream with its servers."""

    def __init__(
        self,
        bootstrap: str,
        account: StreamAccount,
        fed: Mapping[int, int],
        *,
        redis: Connect,
        redis_agrees_s: float,
    ) -> None:
        self._bootstrap = bootstrap
        self._names = account.names
        self._account = account
        self._fed = fed
        self._redis = redis
        self._redis_agrees_s = redis_agrees_s
        self.failures: list[str] = []
        """A sentence for each thing that could not be waited for or compared."""

    def all(self) -> Comparisons:
        """Compare Redis, the committed offsets and the checkpoint topic with the committed output."""
        redis = self._in_redis(lambda client: redis_difference(client, self._names, self._account))
        offsets, positions = self._offsets()
        return Comparisons(redis, offsets, self._checkpoints(positions), tuple(self.failures))

    def total(self) -> Comparisons:
        """Compare the total in Redis with the number of records that were fed."""
        redis = self._in_redis(lambda client: total_difference(client, self._names, sum(self._fed.values())))
        return Comparisons(redis, failures=tuple(self.failures))

    def wait_for_transactions(self) -> None:
        """Wait until no transaction is open on the topics."""
        kafka, names = KafkaOffsets(self._bootstrap), self._names
        topics = (names.output, names.dead_letters, names.checkpoints)

        def still_open() -> list[str]:
            return [topic for topic in topics if kafka.has_open_transactions(topic)]

        if not became_true(lambda: not still_open(), _TRANSACTIONS_END_S):
            self.failures += [
                f"a transaction is open on {topic} for {_TRANSACTIONS_END_S:g} s" for topic in still_open()
            ]

    def _in_redis(self, compare: Callable[[Any], CountsDifference]) -> CountsDifference:
        """Compare again and again until Redis agrees, or its time is over."""
        outcomes: list[CountsDifference | Exception] = []

        def agrees() -> bool:
            try:
                with self._redis() as client:
                    outcomes[:] = [compare(client)]
            except (RedisError, OSError, ValueError) as error:
                outcomes[:] = [error]
            return outcomes == [NONE]

        became_true(agrees, self._redis_agrees_s)
        outcome = outcomes[-1]
        if isinstance(outcome, CountsDifference):
            return outcome
        self.failures.append(f"Redis cannot be compared: {outcome}")
        return NONE

    def _offsets(self) -> tuple[CountsDifference, Mapping[int, GroupOffset]]:
        """Compare the committed offsets and the counts in their metadata; return the offsets too."""
        names, found = self._names, dict[int, GroupOffset]()
        outcome = NONE

        def agrees() -> bool:
            nonlocal outcome, found
            found = fetch_positions(self._bootstrap, names.group, names.input, names.partitions)
            outcome = offsets_difference(found, self._account, self._fed)
            return not outcome.sum

        try:
            became_true(agrees, min(_OFFSETS_AGREE_S, self._redis_agrees_s))
        except ChaosError as error:
            self.failures.append(f"the committed offsets cannot be compared: {error}")
        return outcome, found

    def _checkpoints(self, positions: Mapping[int, GroupOffset]) -> CountsDifference:
        try:
            copies = read_checkpoints(self._bootstrap, self._names)
        except (ChaosError, ValueError, KeyError) as error:
            self.failures.append(f"the checkpoint topic cannot be compared: {error}")
            return NONE
        rows = {partition: {"offset": copy.offset, **copy.counts} for partition, copy in copies.items()}
        return difference(_named(rows, self._names), _named(_rows(positions), self._names))


def offsets_difference(
    positions: Mapping[int, GroupOffset], account: StreamAccount, fed: Mapping[int, int]
) -> CountsDifference:
    """Return how far offsets and counts in their metadata are from the records fed and from the committed output."""
    expected = {
        partition: {"offset": fed.get(partition, 0), **account.counts[partition]}
        for partition in range(account.names.partitions)
    }
    return difference(_named(_rows(positions), account.names), _named(expected, account.names))


def _rows(positions: Mapping[int, GroupOffset]) -> dict[int, dict[str, int]]:
    return {partition: {"offset": at.offset, **_counts(at.metadata)} for partition, at in positions.items()}


def _counts(metadata: str) -> dict[str, int]:
    try:
        return {str(emotion): int(count) for emotion, count in json.loads(metadata)["counts"].items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _named(rows: Mapping[int, dict[str, int]], names: StreamNames) -> dict[str, dict[str, int]]:
    return {f"{names.input}[{partition}]": row for partition, row in rows.items()}
