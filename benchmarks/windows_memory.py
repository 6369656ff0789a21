"""Memory of Redis for minutes, hours and days of event time, with many tweet topics.

    python -m benchmarks.windows_memory

Starts a redis-server of its own, without persistence. `dense`: in each minute every partition has every emotion of
every tweet topic, the most that there can be. `sparse`: a stream of `--tweets` tweets a minute, each in one tweet topic
of which few are frequent, as with real names. Some minutes, hours and days are filled as a worker fills them, through
the script, and the rest is extrapolated: every period of a unit has the same size. The last line on stdout is one JSON
object: bytes of one period of each unit, and megabytes of all that are kept. With `--republish`, also the seconds that
one worker needs to publish all of them again after a wipe.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import redis

from deploy.local.children import Child
from deploy.local.embedded import redis_answers
from deploy.local.ports import LOOPBACK, free_ports
from tweets.emotions import EMOTIONS
from tweets.periods import ALL, PERIOD_MS, UNITS, Cells, Period, Unit
from tweets.records import Partition
from worker.process.metrics import Metrics
from worker.process.option_types import positive
from worker.redis.contributions import Contribution, Fence
from worker.redis.prefixed import PrefixedClient
from worker.redis.window_store import WindowStore
from worker.redis.windows_publisher import WindowsPublisher
from worker.windows.state import WindowLimits, WindowUpdate

PREFIX: Final = "{emotion}"
START_S: Final = 20.0
POLL_S: Final = 0.5
EXPONENT: Final = 1.1
"""Of Zipf's law, which the frequency of names follows."""

CellsOf = Callable[[Unit], Cells]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = _options(arguments)
    chance = random.Random(options.seed)
    names = [f"brand-{number:03}" for number in range(options.topics)]

    def dense(_unit: Unit) -> Cells:
        return {(subject, emotion): chance.randrange(100, 1_000) for subject in (ALL, *names) for emotion in EMOTIONS}

    def sparse(unit: Unit) -> Cells:
        minutes = PERIOD_MS[unit] // PERIOD_MS["minute"]
        return _sparse(chance, names, round(options.tweets * minutes / options.partitions))

    cases: dict[str, CellsOf] = {"dense": dense, "sparse": sparse}
    results = {name: _measured(cells_of, options) for name, cells_of in cases.items()}
    inputs = {name: getattr(options, name) for name in ("partitions", "topics", "tweets", "keep_hours", "seed")}
    print(json.dumps({**inputs, **results}))
    return 0


def _sparse(chance: random.Random, names: Sequence[str], tweets: int) -> Cells:
    """Return the cells of a partition that has so many tweets in a period."""
    weights = [1 / rank**EXPONENT for rank in range(1, len(names) + 1)]
    drawn = min(tweets, 20_000)  # more only make the numbers longer
    cells: Counter[tuple[str, str]] = Counter()
    for subject in chance.choices(names, weights, k=drawn):
        emotion = chance.choice(EMOTIONS)
        cells[ALL, emotion] += 1
        cells[subject, emotion] += 1
    return {cell: max(1, count * tweets // max(1, drawn)) for cell, count in cells.items()}


def _measured(cells_of: CellsOf, options: argparse.Namespace) -> dict[str, Any]:
    """Fill a Redis, and return bytes of one period of each unit and megabytes of all."""
    limits = WindowLimits(minute_kept_hours=options.keep_hours)
    kept = {unit: (limits.expires_ms(Period(unit, 0)) - PERIOD_MS[unit]) // PERIOD_MS[unit] for unit in UNITS}
    result: dict[str, Any] = {}
    total = 0.0
    for unit in UNITS:
        count = min(options.periods, kept[unit])
        with _redis() as url, redis.Redis.from_url(url) as client:
            store = WindowStore(PrefixedClient(url, prefix=PREFIX), group="emotion-stream", limits=limits)
            before = client.info("memory")["used_memory"]
            seconds = _fill(store, unit, count, cells_of, options.partitions)
            filled = client.info("memory")["used_memory"] - before
            script_ms = client.info("commandstats")["cmdstat_evalsha"]["usec_per_call"] / 1000
            store.close()
        total += filled / count * kept[unit] / 1e6
        result[unit] = {
            "filled": count,
            "kept": kept[unit],
            "bytes_each": round(filled / count),
            "megabytes_kept": round(filled / count * kept[unit] / 1e6, 1),
            "push_ms": round(seconds / count * 1000, 2),
            "script_ms": round(script_ms, 2),
        }
        print(unit, result[unit], file=sys.stderr)
    if options.republish:
        result["republish_s"] = round(_republish_s(cells_of, limits, options.partitions), 1)
    return {**result, "megabytes": round(total, 1)}


def _republish_s(cells_of: CellsOf, limits: WindowLimits, partitions: int) -> float:
    """Return how many seconds a worker needs to publish all kept periods to an empty Redis."""
    numbers = [Partition("tweets", number) for number in range(partitions)]
    cells = {(partition, unit): cells_of(unit) for partition in numbers for unit in UNITS}

    def closed(owned: Collection[Partition]) -> Iterator[tuple[Partition, Period, Cells]]:
        for period in store.kept():  # as the reader of the checkpoint topic: all partitions side by side
            for partition in owned:
                yield partition, period, cells[partition, period.unit]

    with _redis() as url, redis.Redis.from_url(url, decode_responses=True) as client:
        store = WindowStore(PrefixedClient(url, prefix=PREFIX), group="emotion-stream", limits=limits)
        publisher = WindowsPublisher(store, Metrics(), print, read_closed=closed, late_ms=limits.late_ms)
        publisher.start()
        started_s = time.monotonic()
        publisher.assign({partition: WindowUpdate(1, 1, {}) for partition in numbers})
        while list(client.hgetall(f"{PREFIX}:windows:published").values()) != ["1:1"] * partitions:
            time.sleep(POLL_S)
        taken_s = time.monotonic() - started_s
        publisher.close(START_S)
    return taken_s


def _fill(store: WindowStore, unit: Unit, count: int, cells_of: CellsOf, partitions: int) -> float:
    """Publish the newest `count` periods with contributions of all partitions; return how many seconds it took."""
    newest = Period.of(unit, time.time_ns() // 1_000_000)
    seconds = 0.0
    for number in range(newest.number - count + 1, newest.number + 1):
        sent = {
            Partition("tweets", each): Contribution.of(Fence(12, 1_000_000), cells_of(unit))
            for each in range(partitions)
        }
        started_s = time.perf_counter()
        store.publish(Period(unit, number), sent)
        seconds += time.perf_counter() - started_s
    return seconds


@contextmanager
def _redis() -> Iterator[str]:
    """Run a redis-server; yield its URL."""
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(port), "--bind", LOOPBACK, "--save", "", "--dir", folder]
        child = Child("redis", command, env=os.environ, log=Path(folder) / "redis.log", stop_s=5)
        try:
            deadline_s = time.monotonic() + START_S
            while not redis_answers(port):
                if time.monotonic() > deadline_s:
                    raise SystemExit(f"redis-server does not answer on port {port}")
            yield f"redis://{LOOPBACK}:{port}/0"
        finally:
            child.kill()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.windows_memory", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--partitions", type=positive, default=12, help="partitions of the input topic (%(default)s)")
    parser.add_argument("--topics", type=positive, default=100, help="tweet topics (%(default)s)")
    parser.add_argument("--tweets", type=positive, default=600, help="tweets a minute of the sparse case (%(default)s)")
    parser.add_argument("--keep-hours", type=positive, default=48, help="WINDOW_KEEP_HOURS (%(default)s)")
    parser.add_argument("--periods", type=positive, default=100, help="periods of each unit to fill (%(default)s)")
    parser.add_argument("--republish", action="store_true", help="also publish all kept periods to an empty Redis")
    parser.add_argument("--seed", type=int, default=14, help="of the random tweets (%(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
