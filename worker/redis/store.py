"""The counts in Redis: their keys, the script that applies each commit once, and the script that repairs them."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import redis

from tweets.records import Partition
from worker import time_limits
from worker.counts import CommittedCounts, RunningCounts
from worker.errors import ExitCode, FatalError, TransientError
from worker.redis.keys import COUNTS, FENCES, MINUTE_COUNTS, PARTITIONS
from worker.settings import Settings

Parsed = TypeVar("Parsed")

# KEYS: counts, partitions, fences, minute. ARGV: field, generation, offset, counts as JSON, seconds to keep the minute.
# The script adds the difference between the new counts of a partition and the stored ones to the totals. The totals are
# therefore right after a repeated write, and after a publish to a wiped or restored Redis. The fence of a partition is
# the newest generation:offset; the script refuses older counts, for example of a worker that has lost the partition.
_PUBLISH = """
local generation, offset = tonumber(ARGV[2]), tonumber(ARGV[3])
local fence = redis.call('HGET', KEYS[3], ARGV[1])
if fence then
  local g, o = string.match(fence, '^(%-?%d+):(%-?%d+)$')
  g, o = tonumber(g), tonumber(o)
  if generation < g or (generation == g and offset < o) then return 'stale' end
  if generation == g and offset == o then return 'known' end
end
local new = cjson.decode(ARGV[4])
local old = cjson.decode(redis.call('HGET', KEYS[2], ARGV[1]) or '{}')
for name, count in pairs(new) do
  local growth = count - (old[name] or 0)
  old[name] = nil
  if growth ~= 0 then
    redis.call('HINCRBY', KEYS[1], name, growth)
    redis.call('HINCRBY', KEYS[4], name, growth)
  end
end
for name, count in pairs(old) do
  if count ~= 0 then
    redis.call('HINCRBY', KEYS[1], name, -count)
    redis.call('HINCRBY', KEYS[4], name, -count)
  end
end
redis.call('EXPIRE', KEYS[4], ARGV[5])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2] .. ':' .. ARGV[3])
return 'applied'
"""

# KEYS: counts, partitions, fences. ARGV: field, offset and counts of each partition in turn. The generation of each
# fence becomes 0, below every real generation, so that Redis accepts the next publish of the present owner.
_REPAIR = """
for i = 1, #ARGV, 3 do
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 2])
  redis.call('HSET', KEYS[3], ARGV[i], '0:' .. ARGV[i + 1])
end
local totals = {}
local stored = redis.call('HVALS', KEYS[2])
for _, counts in ipairs(stored) do
  for name, count in pairs(cjson.decode(counts)) do totals[name] = (totals[name] or 0) + count end
end
redis.call('DEL', KEYS[1])
for name, count in pairs(totals) do redis.call('HSET', KEYS[1], name, string.format('%.0f', count)) end
return 'repaired'
"""


class CountsStoreError(TransientError):
    """Redis did not answer in time, or answered with an error."""


class CountsStore:
    """The counts in Redis, under one key prefix and in one cluster slot. Methods raise CountsStoreError."""

    def __init__(self, url: str, *, prefix: str, group: str) -> None:
        """Prepare a connection, which opens at the first use. Raises ValueError for a URL that is not valid."""
        self._redis: Any = redis.Redis.from_url(
            url,
            socket_timeout=time_limits.REDIS_ANSWER.seconds,
            socket_connect_timeout=time_limits.REDIS_CONNECT.seconds,
            decode_responses=True,
            retry=None,
        )
        self._prefix = prefix
        self._group = group
        self._publish = self._redis.register_script(_PUBLISH)
        self._repair = self._redis.register_script(_REPAIR)

    @classmethod
    def of(cls, settings: Settings) -> "CountsStore":
        """Return the store of these settings. Raises FatalError if REDIS_URL is not valid."""
        try:
            url = settings.redis_url.get_secret_value()
            store = cls(url, prefix=settings.redis_key_prefix, group=settings.kafka_group_id)
            store._redis.connection_pool.make_connection()  # does not connect, but parses the options of the URL
            return store
        except (ValueError, TypeError):  # the error texts contain the URL, and so the password
            raise FatalError(
                "REDIS_URL=(hidden): is not a valid URL; check port, database number and options, and write "
                "/ # ? @ in the password as %2F %23 %3F %40",
                ExitCode.SETTINGS,
            ) from None

    def publish(self, committed_counts: Mapping[Partition, CommittedCounts]) -> dict[Partition, str]:
        """Publish committed counts; return `applied`, `known` or `stale` for each partition."""
        minute = f"{MINUTE_COUNTS.name}{int(time.time()) // 60}"
        keys = self._keys(COUNTS.name, PARTITIONS.name, FENCES.name, minute)
        outcomes = {}
        with _translating():
            for partition, committed in committed_counts.items():
                arguments = (
                    self.field(partition),
                    committed.generation,
                    committed.offset,
                    _dump(committed.counts),
                    round(time_limits.MINUTE_KEPT.seconds),
                )
                outcomes[partition] = str(self._publish(keys=keys, args=arguments))
        return outcomes

    def repair(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        """Store these counts, and set the totals to the sums over all stored partitions."""
        arguments: list[str | int] = []
        for partition, committed in committed_counts.items():
            arguments += [self.field(partition), committed.offset, _dump(committed.counts)]
        with _translating():
            self._repair(keys=self._keys(COUNTS.name, PARTITIONS.name, FENCES.name), args=arguments)

    def snapshot(self) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
        """Return emotion → total, and `group|topic|partition` → its counts, of all groups under the key prefix.

        Redis reads both at one moment. A value that is not valid counts as zero, which a comparison then reports.
        """
        with _translating(), self._redis.pipeline(transaction=True) as pipeline:
            for key in self._keys(COUNTS.name, PARTITIONS.name):
                pipeline.hgetall(key)
            totals, partitions = pipeline.execute()
        return (
            {name: _parsed(count, int, 0) for name, count in totals.items()},
            {field: _parsed(counts, _counts, {}) for field, counts in partitions.items()},
        )

    def field(self, partition: Partition) -> str:
        """Return the field of a partition in the hashes."""
        return f"{self._group}|{partition.topic}|{partition.number}"

    def partition(self, field: str, topic: str) -> Partition | None:
        """Return the partition of a field in the hashes; None if the field is of another group or topic."""
        group, _, rest = field.partition("|")
        name, _, number = rest.partition("|")
        return Partition(topic, int(number)) if (group, name) == (self._group, topic) and number.isdigit() else None

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def _keys(self, *names: str) -> list[str]:
        return [f"{self._prefix}:{name}" for name in names]


def _parsed(text: str, parse: Callable[[str], Parsed], otherwise: Parsed) -> Parsed:
    try:
        return parse(text)
    except (ValueError, TypeError, AttributeError):
        return otherwise


def _counts(text: str) -> dict[str, int]:
    return {str(name): int(count) for name, count in json.loads(text).items()}


def _dump(counts: RunningCounts) -> str:
    return json.dumps(dict(counts.totals), ensure_ascii=True, separators=(",", ":"))


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except redis.ResponseError as error:
        raise CountsStoreError(f"{type(error).__name__}: {error}") from error
    except redis.RedisError as error:
        # The text of a connection error may contain the URL with its password.
        raise CountsStoreError(f"{type(error).__name__}: is it running, and is REDIS_URL right?") from error
