"""The transactions of a replay over a fake producer: committed, fenced, refused, unanswered, closed."""

from collections.abc import Mapping
from typing import Any

import pytest
from kafka import TopicPartition, errors
from kafka.producer.transaction_manager import TransactionalRequestResult
from kafka.structs import OffsetAndMetadata

from tests.kafka_clients import Clients, FakeProducer
from tweets.records import OutputRecord, Partition
from worker.errors import ExitCode, FatalError, RefusedRecordsError, TransientError
from worker.kafka.replay_transactions import ReplayTransactions
from worker.membership import CommittedOffset
from worker.settings import Settings
from worker.time_limits import TimeLimit

GROUP = "emotion-worker.dead-letters"
A_RECORD = OutputRecord("tweets", 3, b"k", b"v", [])
OFFSETS = {Partition("tweets.dead-letter", 3): CommittedOffset(8, "filters")}


class ReplayClients(Clients):
    """Producers whose transaction manager takes the offsets of a group; `unanswered` is a request without an answer."""

    def __init__(self) -> None:
        super().__init__()
        self.unanswered = ""

    def producer(self, **configs: Any) -> FakeProducer:
        made = super().producer(**configs)
        made._transaction_manager.send_offsets_to_transaction = self._offsets
        made._transaction_manager.begin_commit = lambda: self._answered("commit")
        return made

    def _offsets(self, offsets: Mapping[TopicPartition, OffsetAndMetadata], group: str) -> TransactionalRequestResult:
        assert group == GROUP
        self.producers[-1].offsets = dict(offsets)
        return self._answered("offsets")

    def _answered(self, name: str) -> TransactionalRequestResult:
        answer = TransactionalRequestResult()
        self.producers[-1]._call(name)
        if name != self.unanswered:
            answer.done()
        return answer


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> ReplayClients:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    clients = ReplayClients()
    monkeypatch.setattr("worker.kafka.producer.BatchProducer", clients.producer)
    monkeypatch.setattr("worker.time_limits.COMMIT", TimeLimit(0, "no answer"))
    return clients


def transactions(*, single_records: bool = False) -> ReplayTransactions:
    settings = Settings(_env_file=None)
    return ReplayTransactions(settings, GROUP, max_record_bytes=10_000, single_records=single_records)


def test_records_and_offsets_are_one_transaction_under_the_name_of_the_group(clients: ReplayClients) -> None:
    transactions().commit([A_RECORD], OFFSETS)
    assert clients.calls == ["init", "begin", "add partitions", "send", "flush", "offsets", "commit"]
    (producer,) = clients.producers
    assert producer.configs["transactional_id"] == GROUP
    assert producer.sent == [A_RECORD]
    assert producer.offsets == {TopicPartition("tweets.dead-letter", 3): OffsetAndMetadata(8, "filters")}


@pytest.mark.parametrize("name", ["offsets", "commit"])
def test_trap_a_commit_without_an_answer_returns(clients: ReplayClients, name: str) -> None:
    clients.unanswered = name
    with pytest.raises(TransientError, match="no answer to the commit"):
        transactions().commit([A_RECORD], OFFSETS)
    assert clients.calls[-1] == name


@pytest.mark.parametrize("call", ["init", "begin", "send", "offsets", "commit"])
def test_a_newer_replay_ends_this_one_with_a_code_of_its_own(clients: ReplayClients, call: str) -> None:
    clients.faults[call] = [errors.ProducerFencedError()]
    with pytest.raises(FatalError, match=r"another replay of the group emotion-worker\.dead-letters") as caught:
        transactions().commit([A_RECORD], OFFSETS)
    assert caught.value.exit_code is ExitCode.FENCED


def test_a_fenced_replay_may_also_have_timed_out_and_says_how_to_continue(clients: ReplayClients) -> None:
    clients.faults["commit"] = [errors.ProducerFencedError()]
    with pytest.raises(FatalError, match=r"KAFKA_TRANSACTION_TIMEOUT_MS=15000.*run the same command again"):
        transactions().commit([A_RECORD], OFFSETS)


def test_a_later_call_of_a_fenced_producer_hides_the_reason_and_is_known_all_the_same(clients: ReplayClients) -> None:
    opened = transactions()
    clients.faults["begin"] = [errors.KafkaError("Cannot execute transactional method")]
    clients.producers[-1]._transaction_manager.last_error = errors.ProducerFencedError()
    with pytest.raises(FatalError) as caught:
        opened.commit([A_RECORD], OFFSETS)
    assert caught.value.exit_code is ExitCode.FENCED


def test_a_missing_permission_names_what_a_replay_needs(clients: ReplayClients) -> None:
    clients.faults["offsets"] = [errors.GroupAuthorizationFailedError(GROUP)]
    with pytest.raises(FatalError, match=f"READ on the group {GROUP}") as caught:
        transactions().commit([A_RECORD], OFFSETS)
    assert caught.value.exit_code is ExitCode.KAFKA


def test_another_error_of_the_client_is_transient(clients: ReplayClients) -> None:
    clients.faults["offsets"] = [errors.KafkaConnectionError("gone")]
    with pytest.raises(TransientError, match="gone"):
        transactions().commit([A_RECORD], OFFSETS)


def test_a_refused_record_is_reported_by_its_index(clients: ReplayClients) -> None:
    clients.faults["records"] = [errors.InvalidRecordError("no key")]
    with pytest.raises(RefusedRecordsError) as caught:
        transactions().commit([A_RECORD], OFFSETS)
    assert (list(caught.value.refusals), caught.value.exact) == ([0], True)
    assert "commit" not in clients.calls


def test_single_records_are_batches_of_their_own(clients: ReplayClients) -> None:
    transactions(single_records=True).close()
    assert clients.producers[0].configs["batch_size"] == 0


def test_close_aborts_what_is_open(clients: ReplayClients) -> None:
    clients.faults["offsets"] = [errors.KafkaConnectionError("gone")]
    opened = transactions()
    with pytest.raises(TransientError):
        opened.commit([A_RECORD], OFFSETS)
    opened.close()
    assert clients.calls[-4:] == ["abort", "force_close", "join", "close"]
