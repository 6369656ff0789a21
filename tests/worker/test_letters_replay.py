"""The replay over a topic in memory: decisions, positions, crashes, refusals, and what a dry run leaves alone."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import a_record
from tests.worker.letters import AT_MS, DEAD, CrashError, FakeTopic, a_letter, buried, copy_of, keyed
from tweets.records import Partition, Record
from tweets.replayed import ROUND
from worker.dead_letters.position import ReplayPosition, from_copy
from worker.dead_letters.replay import Replay, Target
from worker.dead_letters.rules import Decision, Rules
from worker.dead_letters.selection import Selection
from worker.errors import ExitCode, FatalError, RefusedRecordsError
from worker.membership import CommittedOffset


def a_replay(
    topic: FakeTopic,
    *selection: Any,
    from_beginning: bool = False,
    skip_refused: bool = False,
    partitions: int = 8,
    max_rounds: int = 3,
) -> Replay:
    rules = Rules("tweets", partitions, max_rounds, Selection(*selection))
    return Replay(rules, Target(DEAD, list(topic.letters), copy_of, 4_096, from_beginning, skip_refused))


def run(topic: FakeTopic, replay: Replay) -> dict[str, int]:
    """Replay as the command does; return what has become of the dead letters."""
    while True:
        try:
            replay.attempt(topic, topic, lambda _done, _total: None)
            return {str(decision): count for decision, count in replay.counts.items()}
        except RefusedRecordsError as refused:
            topic.exact = topic.exact or not refused.exact


def letters(count: int, *, partition: int = 0, reasons: Sequence[str] = ("not_json",)) -> list[Record]:
    return [
        keyed(
            a_letter(reasons[n % len(reasons)], partition=partition, offset=n, at_ms=AT_MS + n),
            b"%d-%d" % (partition, n),
        )
        for n in range(count)
    ]


def keys(topic: FakeTopic) -> list[bytes | None]:
    return [each.key for each in topic.sent]


def test_each_original_is_sent_once_to_its_partition_and_a_second_replay_sends_nothing() -> None:
    topic = FakeTopic({0: letters(10), 1: letters(5, partition=1)})
    assert run(topic, a_replay(topic)) == {"sent": 15}
    assert keys(topic) == [each.key for number in (0, 1) for each in topic.letters[number]]
    assert [(each.topic, each.partition) for each in topic.sent] == [("tweets", 0)] * 10 + [("tweets", 1)] * 5
    assert topic.offsets == {0: CommittedOffset(10, ""), 1: CommittedOffset(5, "")}
    assert run(topic, a_replay(topic)) == {}
    topic.letters[0].append(keyed(a_letter(offset=10), b"new"))
    assert run(topic, a_replay(topic)) == {"sent": 1}


def test_a_dry_run_counts_the_same_and_commits_nothing() -> None:
    topic = FakeTopic({0: letters(10, reasons=["no_text", "not_json"])})
    replay = a_replay(topic, ("no_text",))
    replay.dry_run(topic)
    assert replay.counts == {Decision.SENT: 5, Decision.NOT_SELECTED: 5}
    assert (topic.commits, topic.sent, topic.offsets, topic.checkpoints) == (0, [], {}, {})


@given(st.lists(st.integers(0, 6), max_size=6), st.integers(1, 5))
def test_whatever_kills_a_replay_each_original_is_sent_once(crashes: list[int], chunk: int) -> None:
    topic = FakeTopic({0: letters(17), 3: letters(9, partition=3)}, chunk=chunk)
    for crash in crashes:
        topic.crash_at = topic.commits + crash
        try:
            run(topic, a_replay(topic))
        except CrashError:
            continue
    topic.crash_at = None
    run(topic, a_replay(topic))
    assert sorted(keys(topic), key=str) == sorted((each.key for of in topic.letters.values() for each in of), key=str)


def test_filters_pass_over_what_a_later_replay_sends() -> None:
    topic = FakeTopic({0: letters(12, reasons=["no_text", "not_json", "blank_text"])})
    assert run(topic, a_replay(topic, ("no_text",))) == {"sent": 4, "not_selected": 8}
    assert run(topic, a_replay(topic, ("no_text",))) == {}
    assert run(topic, a_replay(topic, (), None, AT_MS + 6)) == {"sent": 4, "replayed_before": 4, "not_selected": 4}
    assert run(topic, a_replay(topic)) == {"sent": 4, "replayed_before": 8}
    assert len(set(keys(topic))) == len(topic.sent) == 12
    assert topic.offsets[0] == CommittedOffset(12, "")


def test_from_beginning_forgets_what_was_replayed_and_may_be_killed_too() -> None:
    topic = FakeTopic({0: letters(9), 1: letters(9, partition=1)}, first={0: 2})
    topic.letters[0] = topic.letters[0][2:]
    run(topic, a_replay(topic))
    topic.sent.clear()
    topic.crash_at = topic.commits + 2
    with pytest.raises(CrashError):
        run(topic, a_replay(topic, from_beginning=True))
    topic.crash_at = None
    run(topic, a_replay(topic))
    assert len(set(keys(topic))) == len(topic.sent) == 16


def test_where_the_offsets_of_the_group_are_gone_the_second_copy_is_the_position() -> None:
    topic = FakeTopic({0: letters(6), 9: letters(3, partition=9)})
    run(topic, a_replay(topic, ("no_text",), partitions=10))
    run(topic, a_replay(topic, partitions=10))
    assert {number: from_copy(value) for number, value in topic.checkpoints.items()} == {0: ReplayPosition(6)}
    topic.offsets.clear()
    assert run(topic, a_replay(topic, partitions=10)) == {"sent": 3}  # partition 9 has no copy


def test_what_cannot_be_sent_is_refused_and_counted() -> None:
    cut = buried(a_record(b"x" * 2_000, partition=Partition("tweets", 0)), offset=1, max_bytes=1_500)
    elsewhere = buried(a_record(partition=Partition("posts", 0)), offset=2)
    foreign = Record(Partition(DEAD, 0), 3, AT_MS, None, b"{}", ())
    topic = FakeTopic(
        {0: [a_letter("unreadable", offset=0), cut, elsewhere, foreign, a_letter(offset=4)], 8: [a_letter(partition=8)]}
    )
    refused = ("unreadable", "truncated", "other_topic", "no_dead_letter", "no_partition")
    assert run(topic, a_replay(topic, skip_refused=True)) == {"sent": 1, **dict.fromkeys(refused, 1)}
    assert [dict(each.headers)[ROUND] for each in topic.sent] == [b"1"]
    assert run(topic, a_replay(topic)) == {}


def test_a_limit_of_rounds_stops_loops() -> None:
    topic = FakeTopic({0: [a_letter(offset=n, headers=[(ROUND, b"%d" % n)]) for n in range(5)]})
    assert run(topic, a_replay(topic, max_rounds=3)) == {"sent": 3, "max_rounds": 2}
    assert [dict(each.headers)[ROUND] for each in topic.sent] == [b"1", b"2", b"3"]


@pytest.mark.parametrize("exact", [True, False])
def test_a_partition_ends_before_a_record_that_kafka_refuses_until_kafka_takes_it(*, exact: bool) -> None:
    topic = FakeTopic(
        {0: letters(8), 1: letters(5, partition=1)}, refused=frozenset({b"0-4", b"0-7", b"1-0"}), exact=exact, chunk=10
    )
    for sent in (4, 0):
        replay = a_replay(topic)
        with pytest.raises(FatalError, match=r"9 dead letters are left.*\[0\]@4, .*\[1\]@0.*--skip-refused") as caught:
            run(topic, replay)
        assert caught.value.exit_code is ExitCode.TOPICS
        expected = {Decision.SENT: sent, Decision.REFUSED: 2, Decision.LEFT: 7}
        assert replay.counts == {decision: count for decision, count in expected.items() if count}
    topic.refused = frozenset()
    assert run(topic, a_replay(topic)) == {"sent": 9}
    assert sorted(keys(topic), key=str) == sorted((each.key for of in topic.letters.values() for each in of), key=str)
    assert run(topic, a_replay(topic)) == {}


def test_a_partition_that_the_input_topic_lacks_is_left_and_may_be_given_up() -> None:
    topic = FakeTopic({0: letters(2), 8: letters(5, partition=8)})
    dry = a_replay(topic)
    dry.dry_run(topic)
    assert dry.counts == {Decision.SENT: 2, Decision.NO_PARTITION: 1, Decision.LEFT: 4}
    with pytest.raises(FatalError, match="5 dead letters are left"):
        run(topic, a_replay(topic))
    assert keys(topic) == [b"0-0", b"0-1"]
    assert run(topic, a_replay(topic, skip_refused=True)) == {"no_partition": 5}
    assert run(topic, a_replay(topic, partitions=9)) == {}


def test_what_the_filters_do_not_select_ends_no_partition() -> None:
    topic = FakeTopic({0: letters(6, reasons=["no_text", "not_json"])}, refused=frozenset({b"0-0", b"0-2"}))
    assert run(topic, a_replay(topic, ("not_json",))) == {"sent": 3, "not_selected": 3}
    with pytest.raises(FatalError, match=r"\[0\]@0"):
        run(topic, a_replay(topic, ("no_text",)))
    topic.refused = frozenset()
    assert run(topic, a_replay(topic)) == {"sent": 3, "replayed_before": 3}


@pytest.mark.parametrize("exact", [True, False])
def test_a_record_that_kafka_refuses_may_be_given_up_and_is_left_out_and_the_others_are_sent(
    caplog: pytest.LogCaptureFixture, *, exact: bool
) -> None:
    topic = FakeTopic({0: letters(8)}, refused=frozenset({b"0-1", b"0-2", b"0-7"}), exact=exact)
    assert run(topic, a_replay(topic, skip_refused=True)) == {"sent": 5, "refused_by_kafka": 3}
    assert keys(topic) == [b"0-0", b"0-3", b"0-4", b"0-5", b"0-6"]
    assert f"{DEAD}[0]@7: topic tweets refuses the original (InvalidRecordError: no)" in caplog.text


@pytest.mark.parametrize("filters", [(), (("no_text",),)], ids=["all", "filters"])
@pytest.mark.parametrize("expired", [False, True], ids=["offset", "second copy"])
def test_a_topic_that_was_created_again_is_known_by_its_id(filters: tuple[Any, ...], *, expired: bool) -> None:
    topic = FakeTopic({0: letters(4, reasons=["no_text"])}, id="first")
    assert run(topic, a_replay(topic, *filters)) == {"sent": 4}
    topic.letters[0] = letters(9)
    topic.id = "second"
    if expired:
        topic.offsets.clear()
    with pytest.raises(FatalError, match="created again") as caught:
        run(topic, a_replay(topic, *filters))
    assert caught.value.exit_code is ExitCode.STATE
    assert run(topic, a_replay(topic, from_beginning=True)) == {"sent": 9}
    assert run(topic, a_replay(topic)) == {}


def test_positions_of_earlier_versions_get_the_id_of_the_topic_with_the_next_commit() -> None:
    topic = FakeTopic({0: letters(6)}, id="first")
    topic.offsets[0] = CommittedOffset(2, "")
    assert run(topic, a_replay(topic)) == {"sent": 4}
    assert topic.offsets[0] == CommittedOffset(6, '{"v":1,"topic":"first","replayed":[]}')
    assert from_copy(topic.checkpoints[0]) == ReplayPosition(6, topic_id="first")


def test_a_refused_second_copy_is_fatal() -> None:
    topic = FakeTopic({0: letters(2)}, refused=frozenset({b"key"}))
    with pytest.raises(FatalError, match="second copy") as caught:
        run(topic, a_replay(topic))
    assert caught.value.exit_code is ExitCode.TOPICS


def set_beyond(topic: FakeTopic) -> None:
    topic.offsets[0] = CommittedOffset(3, "")


def set_foreign(topic: FakeTopic) -> None:
    topic.offsets[0] = CommittedOffset(1, "written by another program")


@pytest.mark.parametrize(("spoil", "words"), [(set_beyond, "beyond the end 2"), (set_foreign, "no replay wrote")])
def test_a_position_that_cannot_be_used_is_one_line_and_may_be_forgotten(
    spoil: Callable[[FakeTopic], None], words: str
) -> None:
    topic = FakeTopic({0: letters(2)})
    spoil(topic)
    with pytest.raises(FatalError, match=words) as caught:
        run(topic, a_replay(topic))
    assert caught.value.exit_code is ExitCode.STATE
    assert "--from-beginning" in str(caught.value)
    assert run(topic, a_replay(topic, from_beginning=True)) == {"sent": 2}


def test_deleted_dead_letters_before_the_first_offset_are_passed_over() -> None:
    topic = FakeTopic({0: letters(9)[4:]}, first={0: 4})
    assert run(topic, a_replay(topic)) == {"sent": 5}


def test_too_many_filters_for_the_metadata_are_one_line_before_anything_is_sent() -> None:
    topic = FakeTopic({0: letters(3)})
    reached = {Selection((), since_ms, None): 3 for since_ms in range(AT_MS, AT_MS + 200)}
    topic.offsets[0] = CommittedOffset(0, ReplayPosition(0, reached).metadata())
    with pytest.raises(FatalError, match="KAFKA_OFFSET_METADATA_MAX_BYTES=4096"):
        run(topic, a_replay(topic, ("not_json",)))
    assert topic.sent == []
    assert run(topic, a_replay(topic)) == {"replayed_before": 3}


def test_the_progress_ends_at_all_offsets() -> None:
    topic = FakeTopic({0: letters(7), 1: letters(2, partition=1)})
    shown: list[tuple[int, int]] = []
    a_replay(topic).attempt(topic, topic, lambda done, total: shown.append((done, total)))
    assert shown == [(3, 9), (6, 9), (7, 9), (9, 9)]
