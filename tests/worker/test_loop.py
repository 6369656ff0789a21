"""The loop's own promises that need no schedule: order of calls, counts, readiness, recovery, time limits."""

from types import SimpleNamespace

import pytest

from tests.clock import Clock
from tests.records import PARTITION, a_prediction, a_record
from tests.worker.loop_run import NEXT_GENERATION, NOT_JOINED, NOTHING, OWNED, LoopRun, tweets
from tweets.prediction import Prediction
from worker import time_limits
from worker.counts import CommittedCounts, RunningCounts
from worker.errors import ExitCode, FatalError, TransientError
from worker.membership import CommittedOffset, Membership, PolledRecords, StoredState
from worker.pace import FIRST_BATCH_RECORDS
from worker.partition_state import counts_of
from worker.time_limits import TimeLimit

NO_MORE = PolledRecords([], OWNED)
"""The answer to a poll that lasts for the whole wait of a batch."""

pytestmark = pytest.mark.usefixtures("no_pauses")


def test_a_batch_goes_through_all_steps_in_order_and_its_counts_are_published_last() -> None:
    running = LoopRun(NOTHING, tweets(7, 8)).run()
    assert running.stream.calls == ["poll", "restore", "assign counts", "poll", "publish", "commit", "publish counts"]
    assert running.recorder.assigned == [{PARTITION: CommittedCounts(5, 7, RunningCounts())}]
    assert running.recorder.published == [{PARTITION: CommittedCounts(5, 9, RunningCounts({"joy": 2}))}]
    assert running.stream.committed == [{PARTITION: CommittedOffset(9, RunningCounts({"joy": 2}).to_metadata())}]
    assert running.stream.members == [OWNED]


def test_counting_continues_from_the_offset_metadata() -> None:
    running = LoopRun(NOTHING, tweets(7))
    before = CommittedOffset(7, RunningCounts({"joy": 40, "fear": 2}).to_metadata())
    running.stream.stored[PARTITION] = StoredState(0, before)
    running.run()
    assert running.recorder.published == [{PARTITION: CommittedCounts(5, 8, RunningCounts({"joy": 41, "fear": 2}))}]


def test_the_state_that_a_commit_commits_is_published_in_its_transaction() -> None:
    running = LoopRun(NOTHING, tweets(7, 8)).run()
    assert [counts_of(states) for states in running.stream.states] == running.recorder.published


def test_a_partition_without_a_committed_offset_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    LoopRun(NOTHING).run()
    assert "ERROR" not in [record.levelname for record in caplog.records]


def test_records_that_come_with_a_new_membership_are_dropped_and_fetched_again() -> None:
    running = LoopRun(tweets(7), tweets(7)).run()
    assert running.stream.calls == ["poll", "restore", "assign counts", "poll", "publish", "commit", "publish counts"]
    assert len(running.stream.published) == 1


def test_outside_the_group_nothing_is_restored_or_processed() -> None:
    outside = tweets(7, membership=NOT_JOINED)
    running = LoopRun(outside, outside, last=NOT_JOINED).run()
    assert running.stream.calls == ["poll", "poll"]
    assert not running.loop.ready


def test_a_worker_is_ready_once_it_is_joined_and_restored_and_not_while_it_recovers() -> None:
    ready: list[bool] = []
    polls: list[PolledRecords | Exception] = [
        PolledRecords([], NOT_JOINED),
        NOTHING,
        TransientError("gone"),
        NOTHING,
        NOTHING,
    ]
    running = LoopRun(*polls, before_poll=lambda _: ready.append(running.loop.ready))
    running.run()
    assert ready == [False, False, True, False, True, True]
    assert running.loop.ready


def test_a_worker_that_owns_no_partition_is_ready() -> None:
    nothing_owned = Membership(frozenset(), 5, "member-1", "client_metadata")
    running = LoopRun(PolledRecords([], nothing_owned), last=nothing_owned).run()
    assert running.loop.ready
    assert running.recorder.assigned == [{}]


@pytest.mark.parametrize(
    ("step", "which", "membership"),
    [("poll", 2, OWNED), ("restore", 2, NEXT_GENERATION), ("publish", 1, OWNED), ("commit", 1, OWNED)],
    ids=["poll", "restore", "publish", "commit"],
)
def test_after_an_error_comes_a_rollback_and_then_a_restore(step: str, which: int, membership: Membership) -> None:
    # The loop has restored when the error comes: only the error makes it restore again.
    batch = tweets(7, membership=membership)
    polls = [NOTHING, batch, PolledRecords([], membership), batch]
    errors = [None] * (which - 1) + [TransientError("broker gone")]
    running = LoopRun(*polls, fail={step: errors}, last=membership).run()
    calls = running.stream.calls
    failed = [at for at, call in enumerate(calls) if call == step][which - 1]
    assert calls[:3] == ["poll", "restore", "assign counts"]
    assert calls[failed + 1 : failed + 5] == ["rollback", "poll", "restore", "assign counts"]
    assert calls[failed + 5 :][-3:] == ["publish", "commit", "publish counts"]


def test_a_rollback_that_fails_is_repeated_before_anything_else() -> None:
    errors: list[Exception] = [TransientError("still gone")] * 2
    running = LoopRun(NOTHING, tweets(7), NOTHING, fail={"commit": [TransientError("gone")], "rollback": errors}).run()
    after = running.stream.calls[running.stream.calls.index("commit") + 1 :]
    assert after[:4] == ["rollback", "rollback", "rollback", "poll"]


def test_a_fatal_error_ends_the_loop_at_once() -> None:
    running = LoopRun(NOTHING, tweets(7), fail={"commit": [FatalError("fenced", ExitCode.FENCED)]})
    with pytest.raises(FatalError, match="fenced"):
        running.run()
    assert running.stream.calls[-1] == "commit"


def test_pauses_between_attempts_double_up_to_a_limit_and_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.time_limits.RETRY_PAUSE", TimeLimit(0.1, "the first pause"))
    pauses: list[float] = []

    def wait(timeout: float | None = None) -> bool:
        pauses.append(timeout or 0.0)
        return False

    running = LoopRun(*[TransientError("gone")] * 12)
    running.stop.wait = wait  # type: ignore[method-assign]
    running.run()
    longest = [min(5.0, 0.1 * 2**attempt) for attempt in range(12)]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True))
    assert len({round(pause / most, 6) for pause, most in zip(pauses, longest, strict=True)}) > 6


def test_dead_letters_move_the_position_but_no_count() -> None:
    running = LoopRun(NOTHING, PolledRecords([a_record(b"[", offset=7)], OWNED)).run()
    assert running.stream.committed == [{PARTITION: CommittedOffset(8, RunningCounts().to_metadata())}]
    (outgoing,) = running.stream.published[0]
    assert outgoing.topic == "dead"


def test_a_full_batch_does_not_wait_for_more_and_a_poll_asks_for_no_more_than_fits() -> None:
    asked: list[int] = []
    polls = [NOTHING, tweets(7), tweets(8, 9)]
    running = LoopRun(*polls, batch_max_tweets=3, batch_max_wait_s=3600.0, before_poll=asked.append).run()
    assert asked[:3] == [3, 3, 2]
    assert [len(outgoing) for outgoing in running.stream.published] == [3]


@pytest.mark.parametrize(("text_s", "most"), [(0.1, 10), (0.0, 4_096)], ids=["slow", "fast"])
def test_a_poll_asks_for_as_many_records_as_the_model_labels_in_a_second(
    monkeypatch: pytest.MonkeyPatch, text_s: float, most: int
) -> None:
    clock = Clock(100.0)
    monkeypatch.setattr("worker.loop.time", SimpleNamespace(monotonic=clock, perf_counter=clock, time=clock))
    asked: list[int] = []

    def predict(_: str) -> Prediction:
        clock.now_s += text_s
        return a_prediction()

    polls = [NOTHING, tweets(*range(7, 27)), tweets(*range(27, 37))]
    LoopRun(*polls, batch_max_tweets=4_096, before_poll=asked.append, predict=predict).run()
    assert asked == [FIRST_BATCH_RECORDS, FIRST_BATCH_RECORDS, most, most]


@pytest.mark.parametrize(
    ("text_s", "wait_s"),
    [(0.0, 0.25), (0.125, 0.125), (0.375, time_limits.FETCH_ANSWER.seconds)],
    ids=["fast", "busy", "busy for longer than the wait"],
)
def test_a_batch_waits_for_more_records_less_the_time_in_which_the_worker_did_not_poll(
    monkeypatch: pytest.MonkeyPatch, text_s: float, wait_s: float
) -> None:
    clock = Clock(100.0)
    monkeypatch.setattr("worker.loop.time", SimpleNamespace(monotonic=clock, perf_counter=clock, time=clock))

    def predict(_: str) -> Prediction:
        clock.now_s += text_s
        return a_prediction()

    def before_poll(_: int) -> None:
        if running.stream.polls and running.stream.polls[0] is NO_MORE:
            clock.now_s += 0.25

    polls = [NOTHING, tweets(7), NO_MORE, tweets(8), NO_MORE]
    running = LoopRun(*polls, batch_max_wait_s=0.25, before_poll=before_poll, predict=predict)
    running.run()
    assert [len(outgoing) for outgoing in running.stream.published] == [1, 1]
    idle_s = time_limits.IDLE_POLL.seconds
    assert running.stream.waits_s[:5] == pytest.approx([idle_s, idle_s, 0.25, idle_s, wait_s])


def test_a_turn_and_the_classification_in_it_have_their_time_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.time_limits.TURN", TimeLimit(70, "a turn"))
    monkeypatch.setattr("worker.time_limits.LABEL", TimeLimit(30, "a batch"))
    open_steps: list[list[str]] = []

    def predict(_: str) -> Prediction:
        open_steps.append(list(running.recorder.open_steps))
        return a_prediction()

    running = LoopRun(NOTHING, tweets(7), predict=predict)
    running.run()
    assert running.recorder.limits_s == {"turn": 70, "label": 30}
    assert open_steps == [["turn", "label"]]
