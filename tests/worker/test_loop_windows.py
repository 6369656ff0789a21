"""The loop and the windows: written with the batch, replaced and published only after the commit."""

import time
from collections.abc import Mapping
from types import SimpleNamespace

import pytest

from tests.records import PARTITION
from tests.worker.loop_run import NOTHING, LoopRun, tweets
from tweets.periods import Period
from tweets.records import Partition
from worker.errors import RefusedRecordsError, TransientError
from worker.windows.state import WindowUpdate

MINUTE = Period("minute", 1_700_000_000_000 // 60_000)


@pytest.fixture(autouse=True)
def on_the_day_of_the_tweets(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(monotonic=time.monotonic, perf_counter=time.perf_counter, time=lambda: 1_700_000_000.0)
    monkeypatch.setattr("worker.loop.time", clock)


class RecordedWindows:
    """A sink that records its calls among those of the stream."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.assigned: list[Mapping[Partition, WindowUpdate]] = []
        self.published: list[Mapping[Partition, WindowUpdate]] = []

    def assign(self, states: Mapping[Partition, WindowUpdate]) -> None:
        self.calls.append("assign windows")
        self.assigned.append(states)

    def publish(self, updates: Mapping[Partition, WindowUpdate]) -> None:
        self.calls.append("publish windows")
        self.published.append(updates)


def run(running: LoopRun) -> RecordedWindows:
    sink = RecordedWindows(running.stream.calls)
    running.loop._windows_sink = sink
    running.run()
    return sink


def joys(sink: RecordedWindows) -> list[int]:
    return [update[PARTITION].periods[MINUTE]["", "joy"] for update in sink.published]


def test_windows_are_published_after_the_commit_with_its_generation_and_offset() -> None:
    running = LoopRun(NOTHING, tweets(7, 8))
    sink = run(running)
    assert running.stream.calls[-4:] == ["publish", "commit", "publish counts", "publish windows"]
    assert sink.assigned == [{PARTITION: WindowUpdate(5, 7, {}, complete_since=0)}]
    update = sink.published[0][PARTITION]
    assert (update.generation, update.offset, update.complete_since) == (5, 9, None)
    assert update.periods == {each: {("", "joy"): 2} for each in (MINUTE, MINUTE.within("hour"), MINUTE.within("day"))}


def test_the_records_of_the_windows_are_in_the_transaction_of_the_batch() -> None:
    running = LoopRun(NOTHING, tweets(7, 8))
    run(running)
    state = running.stream.states[0][PARTITION]
    assert set(state.records) == {f"minute|{MINUTE.number}"}
    assert state.windows.summary().minutes == (MINUTE.number,)


def test_a_refused_batch_that_is_published_again_counts_once() -> None:
    refused = RefusedRecordsError({0: "no key"}, exact=True)
    running = LoopRun(NOTHING, tweets(7, 8), tweets(9), fail={"publish": [refused]})
    assert joys(run(running)) == [1, 2], "one of the two tweets became a dead letter"


def test_windows_of_a_commit_that_fails_are_not_published() -> None:
    running = LoopRun(NOTHING, tweets(7, 8), NOTHING, fail={"commit": [TransientError("x")]})
    sink = run(running)
    assert sink.published == []
    assert [update[PARTITION].periods for update in sink.assigned] == [{}, {}]
