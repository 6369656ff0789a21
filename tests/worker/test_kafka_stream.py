"""The stream of the loop over fake clients: the traps of kafka-python that the worker avoids, each by its name."""

from collections.abc import Iterator
from typing import Any

import pytest
from kafka import errors
from kafka.structs import OffsetAndMetadata

from tests.kafka_clients import NARROW, THEIRS, Clients
from tests.records import PARTITION
from tweets.records import OutputRecord
from worker import checkpoint
from worker.counts import CommittedCounts, RunningCounts
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.checkpoints import Checkpoint
from worker.kafka.stream import KafkaStream
from worker.membership import CommittedOffset, Membership, StoredState
from worker.partition_state import PartitionState
from worker.process.watchdog import Watchdog
from worker.settings import Settings
from worker.windows.state import PartitionWindows

OWNED = Membership(frozenset({PARTITION}), 5, "member-1", "client_metadata")
A_RECORD = OutputRecord("tweets.emotions", 3, b"k", b"v", [])


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Clients:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    clients = Clients()
    monkeypatch.setattr("worker.kafka.producer.BatchProducer", clients.producer)
    monkeypatch.setattr("worker.kafka.consumer.Consumer", clients.consumer)
    monkeypatch.setattr(
        "worker.kafka.stream.read_checkpoints_with_windows", lambda _settings, _partitions, _newest: clients.checkpoints
    )
    return clients


@pytest.fixture
def stream(clients: Clients) -> Iterator[KafkaStream]:
    stream = _stream()
    clients.calls.clear()
    yield stream
    stream.close()


def _stream(**settings: Any) -> KafkaStream:
    return KafkaStream(Settings(_env_file=None, **settings), max_record_bytes=100_000, watchdog=Watchdog())


def test_a_transaction_is_begun_sent_awaited_and_committed_with_its_offsets(
    stream: KafkaStream, clients: Clients
) -> None:
    stream.publish([A_RECORD, A_RECORD], {})
    stream.commit({PARTITION: CommittedOffset(8, "counts")}, OWNED)
    assert clients.calls == ["begin", "add partitions", "send", "flush", "offsets", "commit"]
    assert clients.producers[0].sent == [A_RECORD, A_RECORD]
    assert clients.producers[0].offsets == {THEIRS: OffsetAndMetadata(8, "counts")}


def test_trap_flush_hides_failures_and_a_failed_send_does_not_stop_a_commit(
    stream: KafkaStream, clients: Clients
) -> None:
    clients.faults["records"] = [errors.InvalidRecordError("x")]
    with pytest.raises(TransientError, match="InvalidRecordError"):
        stream.publish([A_RECORD, A_RECORD], {})


def test_trap_a_member_thrown_out_has_metadata_that_brokers_accept_unfenced(
    stream: KafkaStream, clients: Clients
) -> None:
    clients.consumers[0].generation = -1
    fetched = stream.poll(timeout_s=0.0, max_records=10)
    assert not fetched.membership.joined
    with pytest.raises(TransientError, match="not in the group"):
        stream.commit({PARTITION: CommittedOffset(8, "counts")}, fetched.membership)
    assert clients.calls == []


@pytest.mark.parametrize("fails", [None, "abort", "force_close_is_fine_but_close_raises"], ids=str)
def test_trap_old_offsets_and_records_go_out_in_the_next_transaction_of_a_producer(
    stream: KafkaStream, clients: Clients, fails: str | None
) -> None:
    clients.faults["abort"] = [errors.IllegalStateError("x")] if fails == "abort" else []
    clients.faults["close"] = [errors.IllegalStateError("x")] if fails and fails != "abort" else []
    stream.rollback()
    assert clients.calls[0] == "abort"
    assert clients.calls[-1] == "init"
    assert len(clients.producers) == 2
    stream.publish([A_RECORD], {})
    assert [len(producer.sent) for producer in clients.producers] == [0, 1]


def test_trap_close_leaks_the_senders_thread_so_it_is_ended_first(stream: KafkaStream, clients: Clients) -> None:
    stream.rollback()
    assert clients.calls == ["abort", "force_close", "join", "close", "init"]


def test_a_new_producer_has_the_transactional_id_of_the_old_one_so_that_an_open_transaction_is_aborted(
    stream: KafkaStream, clients: Clients
) -> None:
    stream.rollback()
    assert len({producer.configs["transactional_id"] for producer in clients.producers}) == 1


def test_two_workers_without_a_worker_id_have_different_transactional_ids(clients: Clients) -> None:
    for _ in range(2):
        _stream().close()
    assert len({producer.configs["transactional_id"] for producer in clients.producers}) == 2


def test_a_worker_id_is_both_static_member_and_transactional_id(clients: Clients) -> None:
    _stream(worker_id="w-0").close()
    assert clients.producers[0].configs["transactional_id"] == "emotion-worker:w-0"
    assert clients.consumers[0].configs["group_instance_id"] == "w-0"


def test_after_a_rollback_that_failed_nothing_is_sent(stream: KafkaStream, clients: Clients) -> None:
    clients.faults["init"] = [errors.KafkaTimeoutError("x")]
    with pytest.raises(TransientError):
        stream.rollback()
    with pytest.raises(TransientError, match="rollback did not succeed"):
        stream.publish([A_RECORD], {})
    stream.rollback()
    stream.publish([A_RECORD], {})


def test_trap_a_look_up_that_timed_out_answers_the_next_one_from_its_cache(
    stream: KafkaStream, clients: Clients
) -> None:
    consumer = clients.consumers[0]
    consumer.answers = [OffsetAndMetadata(3, "old"), OffsetAndMetadata(9, "new")]
    assert stream.restore(OWNED)[PARTITION].committed == CommittedOffset(9, "new")


def test_a_partition_without_a_committed_offset_has_its_first_offset(stream: KafkaStream, clients: Clients) -> None:
    clients.consumers[0].answers = [None, None]
    clients.consumers[0].first = 42
    assert stream.restore(OWNED) == {PARTITION: StoredState(42, output_end=5)}


def test_a_committed_offset_without_metadata_has_empty_metadata(stream: KafkaStream, clients: Clients) -> None:
    clients.consumers[0].answers = [OffsetAndMetadata(9, None)] * 2
    assert stream.restore(OWNED)[PARTITION].committed == CommittedOffset(9, "")


@pytest.mark.parametrize("metadata", [None, "", "of another tool", RunningCounts({"joy": 1}).to_metadata()])
def test_a_restore_always_reads_the_checkpoint_with_its_windows(
    stream: KafkaStream, clients: Clients, metadata: str | None
) -> None:
    windows = PartitionWindows(newest_ms=5)
    commit = CommittedCounts(4, 7, RunningCounts({"joy": 6}))
    clients.checkpoints[PARTITION] = Checkpoint(CommittedCounts(4, 8, RunningCounts({"joy": 7})), windows, commit)
    clients.consumers[0].answers = [OffsetAndMetadata(9, metadata)] * 2
    found = stream.restore(OWNED)[PARTITION]
    assert (found.checkpoint, found.windows) == (clients.checkpoints[PARTITION].state, windows)
    assert found.windows_commit == commit
    assert found.output_end == 0, "the end of the output is asked only where the checkpoint or its windows are missing"


def test_the_end_of_the_output_is_read_where_the_checkpoint_has_no_windows(
    stream: KafkaStream, clients: Clients
) -> None:
    clients.consumers[0].answers = [OffsetAndMetadata(9, "")] * 2
    clients.checkpoints[PARTITION] = Checkpoint(CommittedCounts(4, 8, RunningCounts({"joy": 7})))
    assert stream.restore(OWNED)[PARTITION].output_end == 5


def test_a_transaction_has_the_second_copy_of_the_state_in_the_partition_of_the_input(
    stream: KafkaStream, clients: Clients
) -> None:
    state = CommittedCounts(5, 8, RunningCounts({"joy": 1}))
    records = {"minute|7": b"7", "minute|6": None}
    stream.publish([A_RECORD], {PARTITION: PartitionState(state, PartitionWindows(newest_ms=5), records)})
    *of_windows, summary, copy = clients.producers[0].sent[1:]
    assert (copy.topic, copy.partition) == ("tweets.checkpoints", 3)
    assert copy.key == b"emotion-worker|tweets|3"
    assert checkpoint.decode(copy.value) == state
    assert (summary.topic, summary.partition) == ("tweets.checkpoints", 3)
    assert summary.key == b"emotion-worker|tweets|3|windows"
    assert checkpoint.decode_windows(summary.value) == (state, PartitionWindows(newest_ms=5).summary())
    assert [(each.topic, each.partition) for each in of_windows] == [("tweets.checkpoints", 3)] * 2
    key = "emotion-worker|tweets|3|minute|"
    assert [(each.key, each.value) for each in of_windows] == [(f"{key}7".encode(), b"7"), (f"{key}6".encode(), None)]


def test_a_refused_second_copy_is_fatal_and_names_the_topic(stream: KafkaStream, clients: Clients) -> None:
    clients.faults["records"] = [errors.InvalidRecordError("no key")]
    with pytest.raises(FatalError, match=r"refuses a record for topic tweets\.checkpoints") as caught:
        stream.publish([], {PARTITION: PartitionState(CommittedCounts(5, 8, RunningCounts()))})
    assert caught.value.exit_code is ExitCode.TOPICS


def test_an_input_topic_that_was_created_again_costs_the_membership(stream: KafkaStream, clients: Clients) -> None:
    clients.consumers[0].topic_ids["tweets"] = "one"
    clients.consumers[0].answers = [OffsetAndMetadata(9, RunningCounts().to_metadata())] * 2
    assert stream.restore(OWNED)[PARTITION].topic_id == "one"
    stream.poll(timeout_s=0.0, max_records=10)
    clients.consumers[0].topic_ids["tweets"] = "two"
    with pytest.raises(TransientError, match="topic tweets was deleted and created again"):
        stream.poll(timeout_s=0.0, max_records=10)
    stream.poll(timeout_s=0.0, max_records=10)


def test_an_output_topic_with_too_few_partitions_is_fatal_and_names_the_command(clients: Clients) -> None:
    stream = _stream(kafka_dead_letter_topic=NARROW)
    with pytest.raises(FatalError, match=r"narrow has 1 partitions and needs 4.*create-topics") as caught:
        stream.restore(OWNED)
    assert caught.value.exit_code is ExitCode.TOPICS
    stream.close()


def test_trap_poll_hangs_on_a_record_that_the_client_cannot_read(stream: KafkaStream, clients: Clients) -> None:
    consumer = clients.consumers[0]
    consumer.error = errors.CorruptRecordError("crc")
    consumer.keep_unread(THEIRS)
    assert stream.poll(timeout_s=0.0, max_records=10).records == []
    assert consumer.seeks == []
    (record,) = stream.poll(timeout_s=0.0, max_records=10).records
    assert (record.partition, record.offset, record.unreadable) == (PARTITION, 17, "CorruptRecordError")
    assert consumer.seeks == [(THEIRS, 18)]
    assert consumer.drained == 2


def test_other_errors_of_a_poll_skip_no_record(stream: KafkaStream, clients: Clients) -> None:
    consumer = clients.consumers[0]
    consumer.keep_unread(THEIRS)
    for error in (errors.KafkaTimeoutError("x"), errors.RequestTimedOutError("x")):
        consumer.error = error
        with pytest.raises(TransientError):
            stream.poll(timeout_s=0.0, max_records=10)
    assert consumer.seeks == []


def test_trap_a_static_member_that_was_replaced_raises_nothing(stream: KafkaStream, clients: Clients) -> None:
    clients.consumers[0].stop_heartbeat()
    with pytest.raises(FatalError) as caught:
        stream.poll(timeout_s=0.0, max_records=10)
    assert caught.value.exit_code is ExitCode.FENCED


def test_closing_leaves_no_transaction_open(stream: KafkaStream, clients: Clients) -> None:
    clients.faults["commit"] = [errors.KafkaTimeoutError("x")]
    stream.publish([A_RECORD], {})
    with pytest.raises(TransientError):
        stream.commit({PARTITION: CommittedOffset(8, "counts")}, OWNED)
    clients.calls.clear()
    stream.close()
    assert clients.calls[:2] == ["abort", "force_close"]


def test_the_consumer_never_commits_by_itself_and_reads_committed_records_only(
    stream: KafkaStream, clients: Clients
) -> None:
    configs = clients.consumers[0].configs
    assert clients.consumers[0].topics == ("tweets",)
    assert configs["enable_auto_commit"] is False
    assert configs["isolation_level"] == "read_committed"
    assert configs["auto_offset_reset"] == "none"
    assert configs["allow_auto_create_topics"] is False
    assert configs["max_poll_interval_ms"] == 30_000
    assert not [name for name in configs if "deserializer" in name]


def test_the_producer_has_the_settings_of_the_fault_tests(stream: KafkaStream, clients: Clients) -> None:
    configs = clients.producers[0].configs
    expected = {
        "transaction_timeout_ms": 15_000,
        "delivery_timeout_ms": 14_000,
        "request_timeout_ms": 5_000,
        "retry_backoff_ms": 20,
        "reconnect_backoff_ms": 50,
        "reconnect_backoff_max_ms": 500,
        "metadata_max_age_ms": 5_000,
        "max_block_ms": 15_000,
        "batch_size": 100_000,
        "max_request_size": 100_000,
    }
    assert {name: configs[name] for name in expected} == expected
