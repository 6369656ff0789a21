"""Records that Kafka refuses for good: which they are, and the dead letters that take their place."""

import pytest
from kafka import errors

from tests.fakes import FakeClassifier
from tests.records import PARTITION, a_record, a_tweet_record
from worker.errors import ExitCode, FatalError
from worker.kafka.refusals import are_exact, refusals, refused_topic
from worker.labelling import Labeller, OutputTopics, RecordOutcome
from worker.process.metrics import Metrics

BYSTANDER = errors.KafkaError("Failed to append record because it was part of a batch which had one more more invalid")


def labeller() -> Labeller:
    return Labeller(FakeClassifier(), OutputTopics("out", "dead", 10_000), Metrics(), tweet_max_chars=100)


def labelled() -> list[RecordOutcome]:
    return labeller().label([a_tweet_record(offset) for offset in (7, 8)] + [a_record(b"[", offset=9)])


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidRecordError("Compacted topic cannot accept message without key"),
        errors.InvalidTimestampError("out of range"),
        errors.MessageSizeTooLargeError("too large"),
        errors.RecordListTooLargeError("too large"),
    ],
)
def test_a_refusal_names_the_record_and_the_brokers_reason(error: Exception) -> None:
    assert list(refusals([None, BYSTANDER, error])) == [2]
    reason = refusals([None, BYSTANDER, error])[2]
    assert type(error).__name__ in reason
    assert str(error.args[0]) in reason


@pytest.mark.parametrize(
    "error",
    [errors.KafkaTimeoutError("late"), errors.NotLeaderForPartitionError(), errors.NotEnoughReplicasError(), BYSTANDER],
)
def test_an_error_that_a_retry_may_cure_is_no_refusal(error: Exception) -> None:
    assert refusals([error]) == {}
    assert refused_topic([error]) is None


@pytest.mark.parametrize("error", [errors.InvalidTopicError("bad"), errors.PolicyViolationError("no")])
def test_an_error_of_the_topic_concerns_every_record(error: Exception) -> None:
    assert refused_topic([None, error]) is error
    assert refusals([error]) == {}


def test_one_exception_for_several_records_is_not_exact() -> None:
    shared = errors.InvalidRecordError("one of these")
    assert not are_exact([shared, shared, None])
    assert are_exact([shared, errors.InvalidRecordError("this one"), None])
    assert are_exact([BYSTANDER, BYSTANDER])


def test_a_refused_labelled_tweet_becomes_a_dead_letter_and_the_others_stay() -> None:
    before = labelled()
    after = labeller().refuse(before, {1: "InvalidRecordError: no key"})
    assert [after[0], after[2]] == [before[0], before[2]]
    assert after[1].reason == "refused"
    assert after[1].emotion is None
    assert after[1].output.topic == "dead"
    assert after[1].output.partition == PARTITION.number
    assert after[1].output.value == before[1].record.value
    headers = dict(after[1].output.headers)
    assert headers["__connect.errors.exception.message"] == b"refused: InvalidRecordError: no key"
    assert headers["__connect.errors.stage"] == b"KAFKA_PRODUCE"


def test_a_refused_dead_letter_is_fatal_and_names_record_topic_and_settings() -> None:
    with pytest.raises(FatalError) as caught:
        labeller().refuse(labelled(), {2: "InvalidRecordError: no key"})
    assert caught.value.exit_code == ExitCode.TOPICS
    assert "topic dead refuses the dead letter of tweets[3]@9" in str(caught.value)
    assert "cleanup.policy" in str(caught.value)
