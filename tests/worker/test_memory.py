"""What bounds the memory of a worker: freed records leave the process, and everything that is read has a limit."""

import gc
import platform
import subprocess
import sys
import weakref
from collections.abc import Iterator
from typing import Final

import pytest
from kafka import KafkaConsumer

from tests.fakes import POISON, FakeClassifier
from tests.records import a_record
from tweets.tweet import MAX_VALUE_BYTES
from worker.batching import BATCH_MAX_BYTES
from worker.kafka.client import consumer_arguments
from worker.kafka.decompression import MAX_BATCH_BYTES
from worker.labelling import Labeller, OutputTopics
from worker.process.memory import COLLECT_AFTER, LARGE_BYTES, collect_less_often, return_large_buffers
from worker.process.metrics import Metrics
from worker.settings import Settings

MIB: Final = 1024 * 1024

PROGRAM: Final = """
import sys
from worker.labelling import Labeller, OutputTopics
from worker.process.memory import return_large_buffers

def resident_mib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS:"))

if sys.argv[1] == "on":
    assert return_large_buffers()
freed = b"x" * 30_000_000  # glibc takes its size for the new bound
del freed
before = resident_mib()
records, between = [], []
for _ in range(200):
    records.append(b"x" * 1_000_000)
    between.append(b"x" * 20_000)
del records
print(resident_mib() - before)
"""


def left_mib(switch: str) -> int:
    """Return what 200 records of 1 MB leave in the process after they are freed."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, switch], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not glibc: large buffers are placed in another way")
def test_freed_records_leave_the_process_although_small_objects_lie_between_them() -> None:
    assert left_mib("off") > 100, "glibc does so by itself: return_large_buffers is not needed any more"
    assert left_mib("on") < 20


class WatchedHeaders(list[tuple[str, bytes | None]]):
    """Headers of a record; unlike a record, they can have a weak reference."""


@pytest.fixture
def without_garbage_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_garbage_collector")
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\xff", "not_utf8"),
        (b"[" * 100_000, "not_json"),
        (b"[]", "not_an_object"),
        (b"{}", "no_text"),
        (b'{"text":" "}', "blank_text"),
        (b'{"text":"%s"}' % (b"x" * 300), "text_too_long"),
        (b"x" * (MAX_VALUE_BYTES + 1), "record_too_large"),
        (b'{"text":"%s"}' % (b"x" * 190), "record_too_large"),
        (b'{"text":"%s"}' % POISON.encode(), "classifier_failed"),
        (b'{"text":"fine"}', None),
    ],
    ids=lambda each: str(each)[:20],
)
def test_the_records_of_a_batch_are_freed_with_the_batch_without_the_garbage_collector(
    value: bytes, reason: str | None
) -> None:
    topics = OutputTopics("tweets.emotions", "tweets.dead-letter", 500 if len(value) == 201 else 5_000_000)
    labeller = Labeller(FakeClassifier(), topics, Metrics(), tweet_max_chars=200)
    watched = WatchedHeaders()
    still_there = weakref.ref(watched)
    outcomes = labeller.label([a_record(value, headers=watched), a_record(b"\xff"), a_record()])
    assert outcomes[0].reason == reason
    del watched, outcomes
    assert still_there() is None


def test_what_is_there_at_the_start_is_left_out_of_the_collections_and_later_cycles_are_not() -> None:
    thresholds = gc.get_threshold()
    try:
        collect_less_often()
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold()[0] == COLLECT_AFTER
        cycle = WatchedHeaders()
        cycle.append(("itself", cycle))  # type: ignore[arg-type]
        still_there = weakref.ref(cycle)
        del cycle
        kept: list[list[int]] = [[] for _ in range(20 * COLLECT_AFTER)]  # a second generation too
        assert still_there() is None, f"{len(kept)} objects later"
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)


def test_a_c_library_without_the_call_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.process.memory.ctypes.CDLL", lambda _: object())
    assert not return_large_buffers()


def test_a_record_of_kafkas_default_size_counts_as_large() -> None:
    assert LARGE_BYTES < MAX_VALUE_BYTES


def test_all_that_a_worker_holds_at_once_fits_under_400_mb_beside_the_model() -> None:
    """`python -m benchmarks.memory` measures the sum: about 165 MB for the model and the libraries, and these parts."""
    arguments = {**KafkaConsumer.DEFAULT_CONFIG, **consumer_arguments(Settings(_env_file=None))}
    assert arguments["max_partition_fetch_bytes"] == MIB  # fetched and not yet polled, for each owned partition
    assert arguments["fetch_max_bytes"] <= 50 * MIB  # the same for all partitions of a broker
    assert MAX_BATCH_BYTES <= 64 * MIB  # one expanded batch
    assert BATCH_MAX_BYTES <= 4 * MIB  # records of a transaction, once as input and once as dead letters
