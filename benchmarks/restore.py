"""How long a worker needs to restore partitions with full windows: 60 open minutes and 100 tweet topics.

    KAFKA_HOME=/path/to/kafka python -m benchmarks.restore

Starts an Apache Kafka of KAFKA_HOME; without KAFKA_HOME the benchmark uses KAFKA_BOOTSTRAP_SERVERS, with topics of its
own that stay there. First every open minute gets a count for every tweet topic and emotion. Then come commits of two
kinds: with tweets of the newest minute only, so that a restore has to look furthest back for the others, or, with
`--shuffled`, of all open minutes, so that each commit writes them all. The last line on stdout is one JSON object. Its
field `holds`, and exit code 0, mean: the median restore took less than the limit and gave back what was committed.
"""

import argparse
import json
import os
import random
import statistics
import sys
import time
import uuid
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.kafka_server import kafka_server
from tweets.emotions import EMOTIONS
from tweets.periods import CountedTweet
from tweets.records import Partition
from worker.counts import CommittedCounts, RunningCounts
from worker.kafka.stream import KafkaStream
from worker.kafka.topics import Topics
from worker.partition_state import PartitionState, offsets_of
from worker.process.option_types import positive
from worker.process.watchdog import Watchdog
from worker.settings import Settings
from worker.windows.after_batch import windows_after
from worker.windows.state import PartitionWindows, WindowLimits

#: What a change of the group may cost on top of the join; the poll interval is 30 s.
LIMIT_S: Final = 2.0

#: A worker joins a new group within a few seconds.
JOIN_S: Final = 60.0

#: Tweets of one commit, each in this many tweet topics.
TWEETS: Final = 200
TOPICS_OF_A_TWEET: Final = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 0 if everything holds, else 1."""
    options = _options(arguments)
    with kafka_server() as bootstrap:
        settings = _settings(bootstrap)
        for _ in Topics(settings).create(partitions=options.partitions, replication_factor=1, max_message_bytes=None):
            pass
        stream = KafkaStream(settings, max_record_bytes=1_000_000, watchdog=Watchdog())
        try:
            membership = _joined(stream, options.partitions)
            states, records = _commit(stream, membership, options)
            seconds, whole = _restore(stream, membership, states, options.repeats)
        finally:
            stream.close()
    result = {
        "partitions": options.partitions,
        "minutes": options.minutes,
        "subjects": options.subjects,
        "shuffled": options.shuffled,
        "commits": options.commits,
        "records_per_commit": round(records[0] / options.commits / options.partitions, 1),
        "kb_per_commit": round(records[1] / options.commits / options.partitions / 1000, 1),
        "restore_s": [round(each, 3) for each in seconds],
        "median_s": round(statistics.median(seconds), 3),
        "limit_s": LIMIT_S,
        "cores": os.cpu_count(),
        "holds": whole and statistics.median(seconds) < LIMIT_S,
    }
    print(json.dumps(result), flush=True)
    return 0 if result["holds"] else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.restore", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--partitions", type=positive, default=1, help="number of partitions (%(default)s)")
    parser.add_argument("--minutes", type=positive, default=60, help="open minutes (%(default)s)")
    parser.add_argument("--subjects", type=positive, default=100, help="tweet topics (%(default)s)")
    parser.add_argument("--commits", type=positive, default=200, help="commits before the restore (%(default)s)")
    parser.add_argument("--repeats", type=positive, default=7, help="restores that are measured (%(default)s)")
    parser.add_argument("--shuffled", action="store_true", help="each commit changes all open minutes")
    return parser.parse_args(arguments)


def _settings(bootstrap: str) -> Settings:
    name = uuid.uuid4().hex[:8]
    return Settings.model_validate(
        {
            "kafka_bootstrap_servers": bootstrap,
            "kafka_input_topic": f"restore-{name}",
            "kafka_output_topic": f"restore-{name}.emotions",
            "kafka_dead_letter_topic": f"restore-{name}.dead-letter",
            "kafka_checkpoint_topic": f"restore-{name}.checkpoints",
            "kafka_group_id": f"restore-{name}",
        }
    )


def _joined(stream: KafkaStream, partitions: int) -> Any:
    """Return the membership once all partitions are assigned."""
    ends_s = time.monotonic() + JOIN_S
    while time.monotonic() < ends_s:
        membership = stream.poll(timeout_s=0.5, max_records=1).membership
        if membership.joined and len(membership.partitions) == partitions:
            return membership
    raise RuntimeError(f"the worker did not join its group within {JOIN_S:g} s")


def _commit(
    stream: KafkaStream, membership: Any, options: argparse.Namespace
) -> tuple[dict[Partition, PartitionState], tuple[int, int]]:
    """Commit the windows; return the last states, and how many records and bytes the commits wrote for windows."""
    rng, now_s = random.Random(7), time.time()
    newest = int(now_s) // 60
    windows = PartitionWindows(WindowLimits(late_minutes=options.minutes))
    states = {
        p: PartitionState(CommittedCounts(membership.generation, 0, RunningCounts()), windows)
        for p in membership.partitions
    }
    records = size = 0
    for number in range(options.commits + 1):
        for partition, before in states.items():
            tweets = _all_cells(newest, options) if number == 0 else _batch(rng, newest, options)
            after = windows_after(before.windows, tweets, now_s)
            counts = CommittedCounts(membership.generation, 0, RunningCounts({"joy": number + 1}))
            states[partition] = PartitionState(counts, after.windows, after.records, after.changed)
            if number:
                records += len(after.records)
                size += sum(len(value or b"") for value in after.records.values())
        stream.publish([], states)
        stream.commit(offsets_of(states), membership)
        stream.poll(timeout_s=0.0, max_records=1)
    return states, (records, size)


def _all_cells(newest: int, options: argparse.Namespace) -> list[CountedTweet]:
    subjects = tuple(f"brand-{number}" for number in range(options.subjects))
    return [
        CountedTweet((newest - ago) * 60_000, emotion, subjects)
        for ago in range(options.minutes)
        for emotion in EMOTIONS
    ]


def _batch(rng: random.Random, newest: int, options: argparse.Namespace) -> list[CountedTweet]:
    return [
        CountedTweet(
            (newest - (rng.randrange(options.minutes) if options.shuffled else 0)) * 60_000,
            rng.choice(EMOTIONS),
            tuple(f"brand-{rng.randrange(options.subjects)}" for _ in range(TOPICS_OF_A_TWEET)),
        )
        for _ in range(TWEETS)
    ]


def _restore(
    stream: KafkaStream, membership: Any, states: dict[Partition, PartitionState], repeats: int
) -> tuple[list[float], bool]:
    """Return the seconds of each restore, and whether each gave back what was committed."""
    seconds, whole = [], True
    for _ in range(repeats):
        began_s = time.perf_counter()
        stored = stream.restore(membership)
        seconds.append(time.perf_counter() - began_s)
        whole = whole and all(_same(stored[partition], state) for partition, state in states.items())
        stream.poll(timeout_s=0.0, max_records=1)
    return seconds, whole


def _same(stored: Any, state: PartitionState) -> bool:
    windows = stored.windows
    return windows is not None and (windows.minutes, windows.totals) == (state.windows.minutes, state.windows.totals)


if __name__ == "__main__":
    sys.exit(main())
