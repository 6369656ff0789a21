"""Records that the output topic refuses for good: one dead letter each, and the stream does not stop."""

from collections.abc import Mapping

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from tests.servers import ApacheStack, Message, create_topics, publish, read_committed, unique_topics
from tests.stream.programs import StartWorker, run_program, verify
from tests.stream.tweets import sample_tweets
from tests.stream.verifier import Verifier, reason
from worker.errors import ExitCode

PARTITIONS = 3
DONE_S = 120.0


def set_topic_config(stack: ApacheStack, topic: str, config: Mapping[str, str]) -> None:
    entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in config.items()]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    admin = AdminClient({"bootstrap.servers": stack.bootstrap})  # its futures end with it
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(30)


def without_key(message: Message) -> Message:
    return Message(message.value, None, message.headers, message.partition)


@pytest.mark.parametrize("share_without_key", [1, 2, 50])
def test_a_compacted_output_topic_costs_each_tweet_without_a_key_one_dead_letter(
    apache_stack: ApacheStack, start_worker: StartWorker, share_without_key: int
) -> None:
    env = unique_topics(apache_stack, PARTITIONS)
    set_topic_config(apache_stack, env["KAFKA_OUTPUT_TOPIC"], {"cleanup.policy": "compact"})
    verifier = Verifier(apache_stack, env)
    tweets = [
        without_key(tweet) if number % share_without_key == 0 else tweet
        for number, tweet in enumerate(sample_tweets(300, partitions=PARTITIONS))
    ]
    refused = sum(tweet.key is None for tweet in tweets)
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], tweets)
    worker = start_worker(env)
    verifier.wait_until_done(DONE_S)
    kept = verifier.check_all_done(300)
    assert len(kept.dead) == refused
    assert {reason(letter) for letter in kept.dead} == {"refused"}
    assert worker.metrics()['emotion_tweets_dead_lettered_total{reason="refused"}'] == refused
    assert f"topic {env['KAFKA_OUTPUT_TOPIC']} has cleanup.policy=compact" in worker.log
    assert worker.terminate() == ExitCode.OK
    assert verify(env).code == ExitCode.OK


def test_labelled_tweets_above_a_limit_that_was_lowered_while_running_become_dead_letters(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(apache_stack, 1)
    verifier = Verifier(apache_stack, env)
    worker = start_worker(env)
    worker.wait_ready()
    set_topic_config(apache_stack, env["KAFKA_OUTPUT_TOPIC"], {"max.message.bytes": "2000"})
    small, large = sample_tweets(2, partitions=1)
    large = Message(b'{"text": "' + b"so happy " * 400 + b'"}', large.key, (), 0)
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], [small, large, *sample_tweets(50, partitions=1)])
    verifier.wait_until_done(DONE_S)
    kept = verifier.check_all_done(52)
    assert [reason(letter) for letter in kept.dead] == ["refused"]
    assert worker.exit_code is None


def test_a_compacted_dead_letter_topic_stops_the_start_with_one_line(apache_stack: ApacheStack) -> None:
    env = unique_topics(apache_stack, 1)
    set_topic_config(apache_stack, env["KAFKA_DEAD_LETTER_TOPIC"], {"cleanup.policy": "compact,delete"})
    ended = run_program(env)
    assert ended.code == ExitCode.TOPICS
    assert f"topic {env['KAFKA_DEAD_LETTER_TOPIC']} has cleanup.policy=compact,delete" in ended.err
    assert "Traceback" not in ended.err


def test_a_dead_letter_topic_that_refuses_while_running_ends_the_worker_with_one_line(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(apache_stack, 1)
    worker = start_worker(env)
    worker.wait_ready()
    set_topic_config(apache_stack, env["KAFKA_DEAD_LETTER_TOPIC"], {"cleanup.policy": "compact"})
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], [Message(b"not JSON", None, (), 0)])
    assert worker.wait(DONE_S) == ExitCode.TOPICS
    assert f"topic {env['KAFKA_DEAD_LETTER_TOPIC']} refuses the dead letter of" in worker.log
    assert read_committed(apache_stack, env["KAFKA_DEAD_LETTER_TOPIC"]) == []


def test_an_output_topic_that_does_not_exist_any_more_is_no_refusal(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(apache_stack, 1)
    verifier = Verifier(apache_stack, env)
    worker = start_worker(env)
    worker.wait_ready()
    admin = AdminClient({"bootstrap.servers": apache_stack.bootstrap})
    admin.delete_topics([env["KAFKA_OUTPUT_TOPIC"]])[env["KAFKA_OUTPUT_TOPIC"]].result(30)
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(20, partitions=1))
    create_topics(apache_stack, [env["KAFKA_OUTPUT_TOPIC"]], 1)
    verifier.wait_until_done(DONE_S)
    kept = verifier.check_all_done(20)
    assert kept.dead == []
