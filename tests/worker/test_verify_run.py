"""verify --timeout bounds the whole run, and names what was not compared."""

import json
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition

from deploy.local.ports import LOOPBACK
from tests.clock import Clock
from tests.servers import eventually
from tests.worker.test_offset_lookups import FakeKafkaConsumer
from tests.worker.test_verify import P0, P1, FakeCommittedReader, FakeStoredCounts, Sleep
from tweets.records import Partition
from worker import verify_run
from worker.__main__ import main
from worker.counts import RunningCounts
from worker.deadline import Deadline
from worker.errors import ExitCode
from worker.finding import Explanation, Finding
from worker.kafka.committed import Committed, CommittedReader
from worker.settings import Settings
from worker.time_limits import TimeLimit
from worker.verify import Look, verify
from worker.verify_causes import Cause
from worker.verify_findings import NOT_REACHED
from worker.verify_run import VerifyRun

COUNTS = {P0: RunningCounts({"joy": 3}), P1: RunningCounts({"joy": 1})}


class Windows:
    """The comparison of periods: `unread` of them are not reached."""

    def __init__(self, unread: int = 0) -> None:
        self.unread = unread
        self.looks = 0

    def findings(self, partitions: Collection[Partition]) -> list[Finding]:
        self.looks += 1
        return [Finding("periods", True, "agree")]


class CutReader(FakeCommittedReader):
    """Kafka, whose recount reaches the ends of some partitions only; the time is over then."""

    def __init__(self, clock: Clock, read: Mapping[int, RunningCounts | None], *, from_look: int = 1) -> None:
        super().__init__({p: Committed(10, counts) for p, counts in COUNTS.items()})
        self.clock, self.read, self.from_look = clock, read, from_look
        self.looks = 0

    def recount(self, numbers: Collection[int]) -> Mapping[int, RunningCounts | None]:
        self.looks += 1
        if self.looks < self.from_look:
            return {partition.number: counts for partition, counts in COUNTS.items()}
        self.clock.now_s += 100
        return self.read


@pytest.fixture
def store() -> FakeStoredCounts:
    return FakeStoredCounts({f"group|tweets|{p.number}": dict(c.totals) for p, c in COUNTS.items()}, {"joy": 4})


def found(
    kafka: FakeCommittedReader, store: FakeStoredCounts, clock: Clock, windows: Windows | None = None
) -> dict[str, Finding]:
    findings = verify(
        kafka, store, timeout_s=1000, deadline=Deadline.after(50, clock), windows=windows, clock=clock, sleep=Sleep()
    )
    return {finding.subject: finding for finding in findings}


def test_output_that_was_not_read_to_its_end_is_named_and_the_rest_is_compared(store: FakeStoredCounts) -> None:
    clock, windows = Clock(), Windows()
    store.counts["group|tweets|0"], store.sums = {"joy": 2}, {"joy": 3}
    findings = found(CutReader(clock, {0: COUNTS[P0]}), store, clock, windows)
    assert findings["tweets[0]"].detail == "@10: Redis differs: joy 2 instead of 3"
    assert findings["tweets[1]"].agrees
    assert "(not recounted: the time-out came first)" in findings["tweets[1]"].detail
    assert findings[NOT_REACHED].detail == "the output topic for tweets[1]; minutes, hours and days"
    assert not findings[NOT_REACHED].agrees
    assert findings[NOT_REACHED].explanation is not None
    assert findings[NOT_REACHED].explanation.cause == Cause.TIME_OUT
    assert windows.looks == 0, "the recount has not all of a period"


def test_where_nothing_was_read_all_partitions_are_named_in_one_short_line(store: FakeStoredCounts) -> None:
    clock = Clock()
    kafka = CutReader(clock, {})
    kafka.offsets = {Partition("tweets", number): Committed(10, RunningCounts()) for number in range(40)}
    detail = found(kafka, store, clock)[NOT_REACHED].detail
    assert detail.startswith("the output topic for tweets[0], tweets[1], ")
    assert "and 35 partitions more" in detail


def test_periods_that_were_not_reached_are_counted(store: FakeStoredCounts) -> None:
    clock = Clock()
    kafka = CutReader(clock, {}, from_look=2)
    assert found(kafka, store, clock, Windows(unread=7))[NOT_REACHED].detail == "7 minutes, hours and days"
    assert NOT_REACHED not in found(CutReader(Clock(), {}, from_look=9), store, Clock(), Windows())


def test_periods_are_not_begun_after_the_time_is_over(store: FakeStoredCounts) -> None:
    clock, windows = Clock(), Windows()
    findings = found(CutReader(clock, {p.number: c for p, c in COUNTS.items()}), store, clock, windows)
    assert (findings[NOT_REACHED].detail, windows.looks) == ("minutes, hours and days", 0)


def test_a_later_look_that_the_deadline_cuts_does_not_replace_the_look_before(store: FakeStoredCounts) -> None:
    clock = Clock()
    store.sums = {"joy": 5}
    findings = found(CutReader(clock, {}, from_look=3), store, clock)
    assert {name for name, finding in findings.items() if not finding.agrees} == {"totals"}


def test_the_deadline_ends_the_wait_for_agreement(store: FakeStoredCounts) -> None:
    store.sums = {}
    clock = Clock(step_s=1.0)
    kafka = FakeCommittedReader(
        {p: Committed(10, counts) for p, counts in COUNTS.items()}, {p.number: counts for p, counts in COUNTS.items()}
    )
    assert not found(kafka, store, clock)["totals"].agrees
    assert 50 <= clock.now_s < 60


def test_before_the_periods_are_compared_the_rest_is_noted(store: FakeStoredCounts) -> None:
    clock, looks = Clock(), list[Look]()
    kafka = CutReader(clock, {}, from_look=2)
    verify(kafka, store, timeout_s=0, windows=Windows(), note=looks.append, clock=clock, sleep=Sleep())
    first, last = looks
    assert [finding.detail for finding in first.findings if not finding.agrees] == ["minutes, hours and days"]
    assert first.findings[0].agrees
    assert all(finding.agrees for finding in last.findings)


# The recount


class EndlessConsumer(FakeKafkaConsumer):
    """A Kafka that has the records of partition 0 at once and none of partition 1."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.partitions = 2
        self.clock = clock

    def poll(self, timeout_ms: float, max_records: int) -> dict[TopicPartition, list[Any]]:
        self.clock.now_s += timeout_ms / 1000
        polled = super().poll(timeout_ms, max_records)
        for partition, state in self._subscription.assignment.items():
            if partition.partition == 1:
                state.position = SimpleNamespace(offset=0)
        is_first = self.requests.count("poll") == 1
        return {each: records for each, records in polled.items() if is_first and each.partition == 0}


def test_a_recount_ends_at_the_deadline_and_leaves_out_what_it_has_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    client = EndlessConsumer(clock)
    monkeypatch.setattr("worker.kafka.committed.Consumer", lambda *_, **__: client)
    with CommittedReader(Settings(_env_file=None), deadline=Deadline.after(4.5, clock)) as reader:
        assert reader.recount([0, 1]) == {0: RunningCounts({"joy": 1})}
        assert clock.now_s == 4.5, "the last poll is shortened"
        assert (reader.output_end(0), reader.output_end(7)) == (1, 0)


# The whole run


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Return the port of a server that accepts connections and never answers."""
    monkeypatch.setattr("worker.time_limits.START", TimeLimit(2, "not longer than the test"))
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]
    eventually(
        lambda: all(thread.name != "in-time" for thread in threading.enumerate()),
        30,
        "the thread left behind has ended",
    )


def test_a_kafka_that_does_not_answer_does_not_hold_up_the_run(
    deaf: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", f"{LOOPBACK}:{deaf}")
    started_s = time.monotonic()
    assert main(["verify", "--timeout", "1", "--json"]) == ExitCode.DIFFERENCE
    assert time.monotonic() - started_s < 5
    printed = json.loads(capsys.readouterr().out)
    (row,) = printed["findings"]
    assert (printed["agrees"], row["subject"], row["cause"]) == (False, NOT_REACHED, "time_out")
    assert row["detail"] == "everything: the time-out came while connecting to Kafka"


def run(*, fix: bool = False, timeout_s: float | None = 10) -> VerifyRun:
    return VerifyRun(Settings(_env_file=None), fix=fix, timeout_s=timeout_s)


def test_what_was_compared_is_shown_where_the_causes_took_too_long() -> None:
    cut = run()
    differs, agrees = Finding(str(P0), False, "differs"), Finding(str(P1), True, "4 tweets")
    cut._note(Look(findings=[differs, agrees]))
    first, second = cut.so_far()
    assert first.explanation is not None
    assert first.explanation.cause == Cause.UNKNOWN
    assert "--timeout" in first.explanation.advice
    assert second == agrees


@pytest.mark.parametrize(("timeout_s", "kept_s"), [(2.0, 1.0), (60.0, 3.0)])
def test_some_of_the_time_is_kept_for_the_causes(timeout_s: float, kept_s: float) -> None:
    left_s = run(timeout_s=timeout_s)._deadline.left_s
    assert timeout_s - kept_s - 1 < left_s <= timeout_s - kept_s


def test_without_a_time_out_the_reading_has_no_end() -> None:
    assert not run(timeout_s=None)._deadline.has_passed


# What is printed

BEHIND = Explanation(Cause.REDIS_BEHIND, "Redis has offset 5", "start a worker")
FINDINGS = [
    Finding("tweets[0]", False, "@9: Redis differs", explanation=BEHIND),
    Finding("tweets[1]", True, "@9: 3 tweets", explanation=Explanation(Cause.RETENTION, "cut", "nothing")),
    Finding("totals", True, "3 tweets"),
]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    monkeypatch.setattr(verify_run, "run_verify", lambda *_, **__: FINDINGS)

    def run_program(*arguments: str) -> str:
        assert main(["verify", *arguments]) == ExitCode.DIFFERENCE
        return capsys.readouterr().out

    return run_program


def test_each_difference_has_a_line_with_cause_and_advice(printed: Callable[..., str]) -> None:
    assert printed().splitlines() == [
        "WRONG tweets[0] @9: Redis differs",
        "      cause: redis_behind (Redis has offset 5). do: start a worker",
        "ok    tweets[1] @9: 3 tweets",
        "ok    totals 3 tweets",
    ]


def test_json_has_the_cause_of_every_finding_or_null(printed: Callable[..., str]) -> None:
    rows = json.loads(printed("--json"))["findings"]
    assert [row["cause"] for row in rows] == ["redis_behind", "retention", None]
    assert rows[0] == {
        "subject": "tweets[0]",
        "agrees": False,
        "detail": "@9: Redis differs",
        "cause": "redis_behind",
        "evidence": "Redis has offset 5",
        "advice": "start a worker",
    }


def test_a_time_out_below_a_second_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["verify", "--timeout", "0"])
    assert caught.value.code == ExitCode.SETTINGS
    assert "at least 1" in capsys.readouterr().err


def test_the_thread_of_a_run_without_a_time_out_is_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = list[int]()

    def findings(_run: VerifyRun) -> list[Finding]:
        threads.append(threading.get_ident())
        return []

    monkeypatch.setattr(VerifyRun, "findings", findings)
    assert verify_run.run_verify(Settings(_env_file=None), fix=False, timeout_s=None) == []
    assert threads == [threading.get_ident()]
