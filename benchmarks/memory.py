"""Peak memory of a worker that finds a backlog of tweets, records of 1 MB, and a batch that expands to 350 MB.

    KAFKA_HOME=/path/to/kafka python -m benchmarks.memory

Starts an Apache Kafka of KAFKA_HOME; without KAFKA_HOME the benchmark uses KAFKA_BOOTSTRAP_SERVERS, with topics of its
own that stay there. Needs Linux: the peak is VmHWM, the largest resident memory that the kernel has seen. The last line
on stdout is one JSON object. Its field `holds`, and exit code 0, mean: the peak is below the limit, and each record is
exactly once among the labelled tweets or the dead letters.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final, TypeVar

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from benchmarks.kafka_server import kafka_server
from benchmarks.suite.resources import peak_mb
from tweets.datasets import SAMPLE, read_rows
from worker.process.option_types import positive

#: As many partitions as a small installation has; every partition has tweets and large records.
PARTITIONS: Final = 4

#: The limit of a worker's memory in docker-compose.yml is 1 GB; the peak must leave room for a larger model.
LIMIT_MB: Final = 400

#: Close to Kafka's default of `max.message.bytes`, 1,048,588 bytes with the overhead of a batch.
LARGE_BYTES: Final = 1_000_000

#: Records of zeros in one batch: 350 MB, and about 11 kB with zstd.
EXPANDING_RECORDS: Final = 350

#: Nothing is committed for so long: the worker has failed. A batch of large records takes a second or two.
STANDSTILL_S: Final = 120.0

#: A stopping worker commits its open batch, which takes at most ten seconds.
STOP_S: Final = 30.0

#: All records of a topic are sent, or all its records are read: far more than a fast or a slow disk needs.
CLIENT_S: Final = 120.0

_T = TypeVar("_T")
_NO_REDIS: Final = "redis://127.0.0.1:1/0"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 0 if everything holds, else 1."""
    options = _options(arguments)
    name = uuid.uuid4().hex[:8]
    with kafka_server() as bootstrap, tempfile.TemporaryDirectory() as folder:
        env = _environment(bootstrap, name)
        subprocess.run(
            [sys.executable, "-m", "worker", "create-topics", "--partitions", str(PARTITIONS)],
            env=env,
            stdout=sys.stderr,
            check=True,
        )
        records = _fill(env, options)
        log = Path(folder) / "worker.log"
        started_s = time.perf_counter()
        peak, exit_code = _run_worker(env, records, log)
        result = {
            "records": records,
            **_accounted_for(env, records),
            "seconds": round(time.perf_counter() - started_s, 1),
            "peak_mb": round(peak, 1),
            "limit_mb": options.limit_mb,
            "exit_code": exit_code,
            "cores": os.cpu_count(),
        }
        result["holds"] = _holds(result)
        if exit_code != 0:
            print(log.read_text(encoding="utf-8", errors="replace")[-4000:], file=sys.stderr)
    print(json.dumps(result), flush=True)
    return 0 if result["holds"] else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--tweets", type=positive, default=20_000, help="number of tweets (%(default)s)")
    parser.add_argument("--large", type=positive, default=500, help="number of records of 1 MB (%(default)s)")
    parser.add_argument("--limit-mb", type=positive, default=LIMIT_MB, help="bound of the peak in MB (%(default)s)")
    return parser.parse_args(arguments)


def _holds(result: Mapping[str, Any]) -> bool:
    wrong = result["missing"] or result["repeated"] or result["foreign"] or result["exit_code"]
    expanded = result["unreadable"] == EXPANDING_RECORDS  # else the batch was not one batch
    return bool(not wrong and expanded and result["peak_mb"] < result["limit_mb"])


def _environment(bootstrap: str, name: str) -> dict[str, str]:
    return {
        "REDIS_URL": _NO_REDIS,
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "KAFKA_INPUT_TOPIC": f"memory-{name}",
        "KAFKA_OUTPUT_TOPIC": f"memory-{name}.emotions",
        "KAFKA_DEAD_LETTER_TOPIC": f"memory-{name}.dead-letter",
        "KAFKA_CHECKPOINT_TOPIC": f"memory-{name}.checkpoints",
        "KAFKA_GROUP_ID": f"memory-{name}",
        "REDIS_KEY_PREFIX": f"{{memory-{name}}}",
        "METRICS_HOST": "127.0.0.1",
        "METRICS_PORT": "0",
    }


def _fill(env: Mapping[str, str], options: argparse.Namespace) -> int:
    """Send the backlog; return the number of records. The expanding batch is in the middle of partition 0."""
    topic = env["KAFKA_INPUT_TOPIC"]
    texts = [row.text for row in read_rows(SAMPLE, "test")]
    large_every = max(1, options.tweets // options.large)
    large = 0
    producer = _producer(env)
    for number, text in enumerate(islice(cycle(texts), options.tweets)):
        if number == options.tweets // 2:
            producer.flush(CLIENT_S)
            _send_expanding_batch(env, topic)
        producer.send(topic, json.dumps({"text": text}).encode(), partition=number % PARTITIONS)
        if number % large_every == 0 and large < options.large:
            producer.send(topic, _large_record(large), partition=large % PARTITIONS)
            large += 1
    producer.flush(CLIENT_S)
    producer.close()
    records: int = options.tweets + large + EXPANDING_RECORDS
    print(f"{records} records are on the input topic; starting a worker ...", file=sys.stderr)
    return records


def _large_record(number: int) -> bytes:
    """Return, in turn, a tweet with a large unknown field, a tweet with a large text, and no tweet."""
    match number % 3:
        case 0:
            return json.dumps({"text": "so happy today", "raw": "x" * (LARGE_BYTES - 100)}).encode()
        case 1:
            return json.dumps({"text": "so sad " * (LARGE_BYTES // 7 - 10)}).encode()
        case _:
            return os.urandom(LARGE_BYTES)


def _producer(env: Mapping[str, str], **settings: Any) -> KafkaProducer:
    return KafkaProducer(
        bootstrap_servers=env["KAFKA_BOOTSTRAP_SERVERS"], acks="all", max_request_size=2_000_000, **settings
    )


def _send_expanding_batch(env: Mapping[str, str], topic: str) -> None:
    batch_bytes = 2 * EXPANDING_RECORDS * LARGE_BYTES
    producer = _producer(env, compression_type="zstd", batch_size=batch_bytes, linger_ms=60_000)
    sent = [producer.send(topic, bytes(LARGE_BYTES), partition=0) for _ in range(EXPANDING_RECORDS)]
    producer.flush(CLIENT_S)
    for future in sent:
        future.get(0)  # raises the error of a record that was not sent
    producer.close()


def _run_worker(env: Mapping[str, str], records: int, log: Path) -> tuple[float, int]:
    """Run a worker until all is committed; return its peak memory in MB, and its exit code after SIGTERM."""
    with log.open("w", encoding="utf-8") as output:
        worker = subprocess.Popen([sys.executable, "-m", "worker"], env=dict(env), stdout=output, stderr=output)
    try:
        peak = _wait_until_committed(env, records, worker)
        worker.send_signal(signal.SIGTERM)
        return peak, worker.wait(STOP_S)
    finally:
        worker.kill()
        worker.wait(STOP_S)


def _wait_until_committed(env: Mapping[str, str], records: int, worker: "subprocess.Popen[bytes]") -> float:
    """Return the last peak; give up if the worker ends, or if nothing is committed for STANDSTILL_S."""
    partitions = _partitions(env["KAFKA_INPUT_TOPIC"])
    consumer = KafkaConsumer(
        bootstrap_servers=env["KAFKA_BOOTSTRAP_SERVERS"], group_id=env["KAFKA_GROUP_ID"], enable_auto_commit=False
    )
    committed, moved_s, peak = 0, time.monotonic(), 0.0
    while committed < records and worker.poll() is None and time.monotonic() - moved_s < STANDSTILL_S:
        time.sleep(1)
        found = sum(consumer.committed(partition) or 0 for partition in partitions)
        peak = max(peak, peak_mb(worker.pid))
        if found != committed:
            committed, moved_s = found, time.monotonic()
            print(f"\r{committed} of {records} committed, peak {peak:.0f} MB", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    consumer.close(autocommit=False)
    return peak


def _accounted_for(env: Mapping[str, str], records: int) -> dict[str, int]:
    """Count how often each input record is on the output topics, as a reader of committed records sees them."""
    labelled = Counter(_read(env, "KAFKA_OUTPUT_TOPIC", lambda record: json.loads(record.value)["id"]))
    letters = _read(env, "KAFKA_DEAD_LETTER_TOPIC", _origin_and_reason)
    dead = Counter(origin for origin, _ in letters)
    times = labelled + dead
    inputs = {
        f"{partition.topic}-{partition.partition}-{offset}"
        for partition, end in _ends(env, env["KAFKA_INPUT_TOPIC"]).items()
        for offset in range(end)
    }
    if len(inputs) != records:
        raise RuntimeError(f"{len(inputs)} records were sent instead of {records}")
    return {
        "labelled": labelled.total(),
        "dead_lettered": dead.total(),
        "unreadable": sum(reason == "unreadable" for _, reason in letters),
        "missing": len(inputs - set(times)),
        "repeated": sum(1 for count in times.values() if count > 1),
        "foreign": len(set(times) - inputs),
    }


def _origin_and_reason(record: Any) -> tuple[str, str]:
    headers = {name.removeprefix("__connect.errors."): content.decode() for name, content in record.headers}
    origin = "-".join(headers[name] for name in ("topic", "partition", "offset"))
    return origin, headers["exception.message"].partition(":")[0]


def _ends(env: Mapping[str, str], topic: str) -> dict[TopicPartition, int]:
    consumer = KafkaConsumer(bootstrap_servers=env["KAFKA_BOOTSTRAP_SERVERS"])
    ends: dict[TopicPartition, int] = consumer.end_offsets(_partitions(topic))
    consumer.close()
    return ends


def _read(env: Mapping[str, str], setting: str, convert: Callable[[Any], _T]) -> list[_T]:
    """Return what `convert` makes of each committed record of a topic."""
    partitions, ends_s = _partitions(env[setting]), time.monotonic() + CLIENT_S
    found: list[_T] = []
    consumer = KafkaConsumer(bootstrap_servers=env["KAFKA_BOOTSTRAP_SERVERS"], isolation_level="read_committed")
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    ends = consumer.end_offsets(partitions)
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        if time.monotonic() > ends_s:
            raise RuntimeError(f"{env[setting]} could not be read within {CLIENT_S:g} s")
        for records in consumer.poll(timeout_ms=500).values():
            found += [convert(record) for record in records]
    consumer.close()
    return found


def _partitions(topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in range(PARTITIONS)]


if __name__ == "__main__":
    sys.exit(main())
