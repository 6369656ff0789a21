"""Telling Redis the running counts: the script that keeps them right, and the thread that says them."""

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import redis

from worker.counts import Claim, RunningCounts
from worker.errors import ExitCode, Fatal
from worker.messages import Partition
from worker.metrics import Metrics
from worker.settings import Settings

log = logging.getLogger(__name__)

MINUTE_KEPT_S: Final = 24 * 3600
TELL_AGAIN_S: Final = 5.0
RETRY_S: Final = 1.0
STALE_IS_ODD_AFTER: Final = 3

# KEYS: counts, partitions, fences, minute. ARGV: field, generation, offset, counts as JSON, seconds to keep the minute.
# A wiped or restored Redis, a zombie and a repeated write all come out right: only the difference between what is
# stored for the partition and what its newest owner says reaches the totals.
_TELL = """
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

# KEYS: counts, partitions, fences. ARGV: field, offset and counts of each partition in turn. The fence's generation
# becomes 0, below every real one, so that the present owner is heard whatever generation it has.
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


class RedisCounts:
    """The counts in Redis: five kinds of keys under one prefix, in one cluster slot. Methods raise redis.RedisError."""

    def __init__(self, url: str, *, prefix: str, group: str) -> None:
        """Connects at the first use. Raises ValueError for a URL that cannot be understood."""
        self._redis: Any = redis.Redis.from_url(
            url, socket_timeout=2.0, socket_connect_timeout=2.0, decode_responses=True, retry=None
        )
        self._prefix = prefix
        self._group = group
        self._tell = self._redis.register_script(_TELL)
        self._repair = self._redis.register_script(_REPAIR)

    @classmethod
    def of(cls, settings: Settings) -> "RedisCounts":
        """The store that the settings name. Raises Fatal if REDIS_URL cannot be understood."""
        try:
            url = settings.redis_url.get_secret_value()
            return cls(url, prefix=settings.redis_key_prefix, group=settings.kafka_group_id)
        except ValueError as error:
            raise Fatal(f"REDIS_URL=(hidden): {error}", ExitCode.SETTINGS) from None

    def tell(self, claims: Mapping[Partition, Claim]) -> dict[Partition, str]:
        """Sends claims; returns `applied`, `known` or `stale` for each partition."""
        minute = f"counts:minute:{int(time.time()) // 60}"
        keys = self._keys("counts", "partitions", "fences", minute)
        outcomes = {}
        for partition, claim in claims.items():
            field = self._field(partition)
            arguments = (field, claim.generation, claim.offset, _dump(claim.counts), MINUTE_KEPT_S)
            outcomes[partition] = str(self._tell(keys=keys, args=arguments))
        return outcomes

    def repair(self, claims: Mapping[Partition, Claim]) -> None:
        """Makes the stored counts of these partitions, and the totals of all, equal to the claims."""
        arguments: list[str | int] = []
        for partition, claim in claims.items():
            arguments += [self._field(partition), claim.offset, _dump(claim.counts)]
        self._repair(keys=self._keys("counts", "partitions", "fences"), args=arguments)

    def snapshot(self) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
        """Emotion → total, and `group|topic|partition` → its counts, over all that shares the prefix, at one moment."""
        with self._redis.pipeline(transaction=True) as pipeline:
            for key in self._keys("counts", "partitions"):
                pipeline.hgetall(key)
            totals, partitions = pipeline.execute()
        return (
            {name: int(count) for name, count in totals.items()},
            {field: json.loads(counts) for field, counts in partitions.items()},
        )

    def field(self, partition: Partition) -> str:
        """The name of a partition in the hashes."""
        return self._field(partition)

    @contextmanager
    def reachable(self) -> Iterator[None]:
        """Raises Fatal if Redis fails in the block; for programs that can do nothing without it."""
        try:
            yield
        except redis.RedisError as error:
            raise Fatal(f"REDIS_URL=(hidden): Redis fails ({_reason(error)}): is it running?", ExitCode.REDIS) from None

    def partition(self, field: str, topic: str) -> Partition | None:
        """The partition of this topic that a name in the hashes stands for, if it is one of this group's."""
        group, _, rest = field.partition("|")
        name, _, number = rest.partition("|")
        return Partition(topic, int(number)) if (group, name) == (self._group, topic) and number.isdigit() else None

    def close(self) -> None:
        """Closes the connections."""
        self._redis.close()

    def _keys(self, *names: str) -> list[str]:
        return [f"{self._prefix}:{name}" for name in names]

    def _field(self, partition: Partition) -> str:
        return f"{self._group}|{partition.topic}|{partition.number}"


def _dump(counts: RunningCounts) -> str:
    return json.dumps(dict(counts.totals), ensure_ascii=True, separators=(",", ":"))


class CountTeller:
    """Tells Redis the newest claims from a thread of its own, so that a slow or dead Redis never slows the stream.

    There is no queue: a newer claim on a partition replaces an older one, and all are told again every few seconds,
    which is what heals a Redis that was away, wiped or restored.
    """

    def __init__(self, store: RedisCounts, metrics: Metrics, on_death: Callable[[BaseException], None]) -> None:
        self._store = store
        self._metrics = metrics
        self._on_death = on_death
        self._claims: dict[Partition, Claim] = {}
        self._untold: set[Partition] = set()
        self._stale_in_a_row: Counter[Partition] = Counter()
        self._failing = False
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="count-teller", daemon=True)

    def start(self) -> None:
        """Starts telling."""
        self._thread.start()

    def own(self, claims: Mapping[Partition, Claim]) -> None:
        """Replaces all claims: these partitions are owned now, and no others."""
        with self._changed:
            self._claims = dict(claims)
            self._untold = set(claims)
            self._stale_in_a_row.clear()
            self._changed.notify()

    def tell(self, claims: Mapping[Partition, Claim]) -> None:
        """Replaces the claims on these partitions. Returns at once."""
        with self._changed:
            self._claims.update(claims)
            self._untold.update(claims)
            self._changed.notify()

    def close(self, timeout_s: float) -> None:
        """Tells what is untold, waiting for Redis at most `timeout_s`, and stops."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._store.close()

    def _run(self) -> None:
        try:
            while self._tell_once():
                pass
        except BaseException as error:
            self._on_death(error)

    def _tell_once(self) -> bool:
        """One round; False when all is told and the teller is closing."""
        claims, closing = self._wait_for_claims()
        if claims:
            try:
                self._note_outcomes(claims, self._store.tell(claims))
            except redis.RedisError as error:
                self._note_failure(claims, error)
                if not closing:
                    with self._changed:
                        self._changed.wait_for(lambda: self._closing, timeout=RETRY_S)
        return not closing

    def _wait_for_claims(self) -> tuple[dict[Partition, Claim], bool]:
        with self._changed:
            self._changed.wait_for(lambda: self._untold or self._closing, timeout=TELL_AGAIN_S)
            # Nothing new for a while: say everything again.
            due = self._untold or set(self._claims)
            self._untold = set()
            return {partition: self._claims[partition] for partition in due if partition in self._claims}, self._closing

    def _note_outcomes(self, claims: Mapping[Partition, Claim], outcomes: Mapping[Partition, str]) -> None:
        if self._failing:
            log.info("Redis answers again; it is being told the newest counts")
            self._failing = False
            with self._changed:
                self._untold.update(self._claims)
        for partition, outcome in outcomes.items():
            if outcome != "known":
                self._metrics.counts_published.labels(outcome).inc()
            self._watch_for_refusals(partition, claims[partition], outcome)

    def _watch_for_refusals(self, partition: Partition, claim: Claim, outcome: str) -> None:
        self._stale_in_a_row[partition] = self._stale_in_a_row[partition] + 1 if outcome == "stale" else 0
        if self._stale_in_a_row[partition] == STALE_IS_ODD_AFTER:
            log.error(
                "Redis keeps refusing the counts of %s in generation %d as older than what it has; if no newer worker "
                "owns it (the group was made anew, say), run: python -m worker verify --repair",
                partition,
                claim.generation,
            )

    def _note_failure(self, claims: Mapping[Partition, Claim], error: redis.RedisError) -> None:
        self._metrics.counts_published.labels("failed").inc(len(claims))
        if not self._failing:
            log.warning("Redis does not take the counts (%s); the stream goes on and they catch up", _reason(error))
            self._failing = True
        with self._changed:
            self._untold.update(claims)


def _reason(error: redis.RedisError) -> str:
    # The text of a connection error may carry the URL; its type says enough.
    return f"{type(error).__name__}: {error}" if isinstance(error, redis.ResponseError) else type(error).__name__
