"""The part *latency*: from a record's timestamp to its commit, at shares of the worker's top rate."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from math import isnan
from pathlib import Path
from typing import Final

from kafka import KafkaProducer

from benchmarks.suite.drain import running
from benchmarks.suite.programs import worker
from benchmarks.suite.progress import say
from benchmarks.suite.servers import Servers, running_servers
from benchmarks.suite.texts import Texts
from benchmarks.suite.topics import PARTITIONS, CommittedTweets, new_environment, record
from benchmarks.suite.waiting import wait_until
from deploy.local.metrics import Buckets, answers, quantile, scrape
from deploy.local.ports import free_ports

#: Percent of the top rate, and percentiles.
LOADS: Final = (25, 50, 80)
PERCENTILES: Final = (50, 95, 99)

#: Load before each measurement: the worker has committed batches of the size that this load makes.
_WARM_UP_S: Final = 2.0
_READY_S: Final = 60.0
#: What was sent is committed: longer than a backlog of one measurement takes.
_SETTLE_S: Final = 60.0

#: Interval between two bursts of the producer: short beside BATCH_MAX_WAIT_MS, and long enough that the producer does
#: not take the processor from the worker. A burst goes to one partition, as of any producer of records without keys.
_TICK_S: Final = 0.01

_HISTOGRAM: Final = "emotion_end_to_end_seconds"
_INPUT: Final = "bench-latency"


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles in milliseconds at one load."""

    load_percent: int
    tweets_per_second: float
    milliseconds: dict[int, float]


def measure_latency(texts: Texts, folder: Path, *, top_rate: float, seconds: float) -> list[Latency]:
    """Return the latency at each of LOADS, each on servers without other records.

    Raises LocalError or BenchmarkError if servers or worker fail.
    """
    found = []
    for load in LOADS:
        rate = top_rate * load / 100
        say(f"latency at {load} % of the top rate, {rate:,.0f} tweets/s ...")
        with running_servers() as servers:
            found.append(Latency(load, rate, _at_rate(servers, texts, folder, rate=rate, seconds=seconds)))
    return found


def _at_rate(servers: Servers, texts: Texts, folder: Path, *, rate: float, seconds: float) -> dict[int, float]:
    """Return the percentiles at so many tweets a second, in milliseconds."""
    (port,) = free_ports(1)
    run = new_environment(servers, _INPUT, PARTITIONS) | {"METRICS_PORT": str(port)}
    committed = CommittedTweets(servers, run["KAFKA_GROUP_ID"])
    producer = KafkaProducer(bootstrap_servers=servers.bootstrap, linger_ms=0)
    sender = _Sender(producer, [text.raw for text in texts.texts])
    try:
        with running(worker("latency", "--fine-latency"), run, folder) as child:
            wait_until(lambda: answers(port, "/readyz"), _READY_S, "the worker to be ready", [child])
            sender.send(rate, _WARM_UP_S)
            wait_until(lambda: committed.total() >= sender.sent, _SETTLE_S, "the worker to commit", [child])
            before = scrape(port).buckets(_HISTOGRAM)
            sender.send(rate, seconds)
            wait_until(lambda: committed.total() >= sender.sent, _SETTLE_S, "the worker to commit", [child])
            return percentiles(before, scrape(port).buckets(_HISTOGRAM))
    finally:
        producer.close()
        committed.close()


class _Sender:
    """Sends tweets at a steady rate; the timestamp of each record is the time of its send."""

    def __init__(self, producer: KafkaProducer, texts: Sequence[str]) -> None:
        self._producer = producer
        self._texts = cycle(texts)
        self.sent = 0

    def send(self, rate: float, seconds: float) -> None:
        """Send for so many seconds, and wait until all is acknowledged."""
        started_s = time.perf_counter()
        first, partitions = self.sent, cycle(range(PARTITIONS))
        while (elapsed_s := time.perf_counter() - started_s) < seconds:
            partition = next(partitions)
            while self.sent - first < elapsed_s * rate:
                value, key = record(self.sent, next(self._texts))
                self._producer.send(_INPUT, value, key, partition=partition)
                self.sent += 1
            time.sleep(_TICK_S)
        self._producer.flush(_SETTLE_S)


def percentiles(before: Buckets, after: Buckets) -> dict[int, float]:
    """Return the percentiles, in milliseconds, of what was observed between two scrapes."""
    earlier = dict(before)
    since = [(bound, count - earlier.get(bound, 0.0)) for bound, count in after]
    found = {percent: 1000 * quantile(percent / 100, since) for percent in PERCENTILES}
    return {percent: round(value, 1) for percent, value in found.items() if not isnan(value)}
