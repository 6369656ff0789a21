"""Dead letters go to the input topic again: each once, whatever kills the replay, with the id of the first time."""

import json
import os
import random
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
from confluent_kafka.admin import AclOperation, AdminClient, ResourceType  # type: ignore[attr-defined]

from tests.servers import (
    ApacheStack,
    Message,
    Stack,
    create_topics,
    eventually,
    kafka_home,
    publish,
    read_committed,
    running_stack,
    unique_topics,
)
from tests.stream.dead_letters import (
    DONE_S,
    PARTITIONS,
    InputTopic,
    assert_each_once,
    bad_tweets,
    bury,
    replay,
    running_replay,
)
from tests.stream.programs import Ended, StartWorker, run_program, started, verify
from tests.stream.secured import PASSWORD, SecuredStack, worker_permissions
from tests.stream.test_refused_records import set_topic_config
from tests.stream.tweets import fields
from tests.stream.verifier import CLIENT_S, Verifier
from tweets.labelled_tweet import input_timestamp_ms
from worker.errors import ExitCode

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_of_10_000_dead_letters_each_original_is_sent_once_although_the_replay_is_killed_again_and_again(
    apache_stack: ApacheStack, start_worker: StartWorker, tmp_path: Path
) -> None:
    env = unique_topics(apache_stack, PARTITIONS)
    originals = bury(apache_stack, env, bad_tweets(10_000), start_worker)
    topic = InputTopic(apache_stack, env["KAFKA_INPUT_TOPIC"])
    chance = random.Random(15)
    killed = 0
    for number in range(6):
        enough = topic.written() + chance.randint(1, 1_500)
        chunk = 1_000 if number % 3 == 2 else 50
        with running_replay(env, tmp_path / f"replay-{number}.log", chunk=chunk) as child:
            if topic.wait_until_written(enough, child):
                child.kill()
                killed += 1
    done = replay(env, "--yes")

    assert killed >= 3, "the replays were too fast to be killed"
    assert done["sent"] > 0
    assert_each_once(topic.replayed(), originals, topic.topic)
    assert replay(env) == {}
    assert replay(env, "--yes") == {}


def test_a_replayed_tweet_is_labelled_under_the_id_and_at_the_time_of_its_dead_letter(
    stack: Stack, start_worker: StartWorker
) -> None:
    env = unique_topics(stack, 3)
    originals = bury(stack, env, bad_tweets(60, partitions=3), start_worker)
    letters = {letter.value: letter for letter in read_committed(stack, env["KAFKA_DEAD_LETTER_TOPIC"])}
    assert replay(env, "--yes") == {"sent": 60}
    worker = started(env, start_worker)
    verifier = Verifier(stack, env)
    verifier.wait_until_done(DONE_S)

    labelled = {each.headers[0]: each for each in read_committed(stack, env["KAFKA_OUTPUT_TOPIC"])}
    tweets = [each for each in originals if (each.value or b"").startswith(b"{")]
    assert len(labelled) == len(tweets) == 40
    for original in tweets:
        tweet = labelled[original.headers[0]]
        first_id = f"{env['KAFKA_INPUT_TOPIC']}-{original.partition}-{original.offset}"
        assert fields(tweet)["id"] == fields(original).get("id", first_id)
        assert fields(tweet)["text"] == fields(original)["text"]
        assert (tweet.key, tweet.partition) == (original.key, original.partition)
        assert input_timestamp_ms(tweet.headers) == letters[original.value].timestamp_ms
    agreed = verify(env)
    assert agreed.code == ExitCode.OK, agreed

    # What is still no JSON became a dead letter again; its next replay is the second round, and the last that is asked.
    assert replay(env, "--max-rounds", "1") == {"max_rounds": 20}
    assert replay(env, "--yes", "--max-rounds", "2") == {"sent": 20}
    verifier.wait_until_done(DONE_S)
    assert replay(env, "--yes", "--max-rounds", "2") == {"max_rounds": 20}
    assert worker.terminate() == ExitCode.OK


def test_of_two_replays_the_older_ends_with_one_line_and_sends_nothing_twice(
    apache_stack: ApacheStack, start_worker: StartWorker, tmp_path: Path
) -> None:
    env = unique_topics(apache_stack, PARTITIONS)
    originals = bury(apache_stack, env, bad_tweets(6_000), start_worker)
    topic = InputTopic(apache_stack, env["KAFKA_INPUT_TOPIC"])
    before = topic.written()
    log = tmp_path / "older.log"
    with running_replay(env, log) as older:
        assert topic.wait_until_written(before + 1_000, older), older.log_tail()
        os.kill(older.pid, signal.SIGSTOP)
        newer = replay(env, "--yes")
        os.kill(older.pid, signal.SIGCONT)
        eventually(lambda: older.exit_code is not None, 60, "the older replay has ended")
        assert older.exit_code == ExitCode.FENCED, older.log_tail()
    assert newer["sent"] > 0
    assert_one_line(log, f"worker: another replay of the group {env['KAFKA_GROUP_ID']}.dead-letters has started")
    assert_each_once(topic.replayed(), originals, topic.topic)


def assert_one_line(log: Path, start: str) -> None:
    """Assert that the error is one line, beside the report of what was committed."""
    lines = log.read_text().splitlines()
    (error,) = [line for line in lines if line.startswith("worker: ")]
    assert error.startswith(start), error
    report = [line for line in lines if line != error]
    assert report[-1].startswith("not complete: "), report
    assert not any("Traceback" in line for line in report), report


def test_a_replay_that_is_terminated_leaves_no_transaction_open(
    apache_stack: ApacheStack, start_worker: StartWorker, tmp_path: Path
) -> None:
    env = unique_topics(apache_stack, PARTITIONS) | {"KAFKA_TRANSACTION_TIMEOUT_MS": "120000"}
    originals = bury(apache_stack, env, bad_tweets(6_000), start_worker)
    topic = InputTopic(apache_stack, env["KAFKA_INPUT_TOPIC"])
    before = topic.written()
    with running_replay(env, tmp_path / "replay.log") as child:
        assert topic.wait_until_written(before + 100, child), child.log_tail()
        child.terminate()
        eventually(lambda: child.exit_code is not None, 10, "the replay has ended")
        assert child.exit_code == ExitCode.INTERRUPTED
        assert "worker: " not in child.log_tail()
        assert "Traceback" not in child.log_tail()
    eventually(topic.is_readable, 10, "no transaction is open")
    assert replay(env, "--yes")["sent"] > 0
    assert_each_once(topic.replayed(), originals, topic.topic)


def test_filters_choose_and_a_later_replay_sends_the_rest(stack: Stack, start_worker: StartWorker) -> None:
    env = unique_topics(stack, 3)
    originals = bury(stack, env, bad_tweets(90, partitions=3), start_worker)
    topic = InputTopic(stack, env["KAFKA_INPUT_TOPIC"], 3)
    assert replay(env) == {"sent": 90}
    assert topic.replayed() == []
    assert replay(env, "--yes", "--reason", "not_json") == {"sent": 30, "not_selected": 60}
    assert {(each.value or b"").split(b" ", 1)[1] for each in topic.replayed()} == {b"is not JSON"}
    assert replay(env, "--yes", "--partition", "0") == {"sent": 20, "replayed_before": 10}
    assert replay(env, "--yes") == {"sent": 40, "replayed_before": 20}
    assert replay(env, "--yes") == {}
    in_order = sorted(topic.replayed(), key=lambda each: (each.partition, int(dict(each.headers)["index"] or b"")))
    assert_each_once(in_order, originals, topic.topic)


def test_list_and_show_print_what_is_there_and_send_nothing(stack: Stack, start_worker: StartWorker) -> None:
    env = unique_topics(stack, 3)
    bury(stack, env, bad_tweets(36, partitions=3), start_worker)
    topic = InputTopic(stack, env["KAFKA_INPUT_TOPIC"], 3)
    before = topic.written()

    listed = json.loads(dead_letters(env, "list", "--json").out)
    assert listed["letters"] == 36
    assert {name: each["letters"] for name, each in listed["by_reason"].items()} == {
        "text_too_long": 24,
        "not_json": 12,
    }
    assert {name: each["letters"] for name, each in listed["by_partition"].items()} == {"0": 12, "1": 12, "2": 12}
    assert sum(listed["by_time"].values()) == 36
    people = dead_letters(env, "list", "--reason", "not_json")
    assert people.out.startswith("12 dead letters on ")
    assert "lonely" not in people.out

    shown = [json.loads(line) for line in dead_letters(env, "show", "--json", "--limit", "4").out.splitlines()]
    assert len(shown) == 4
    assert all(each["input"]["topic"] == topic.topic and "value" in each for each in shown)
    assert "is not JSON" in dead_letters(env, "show", "--reason", "not_json", "--limit", "1").out
    assert dead_letters(env, "show", "--until", "2020-01-01T00:00:00Z").out == ""
    assert topic.written() == before


def dead_letters(env: Mapping[str, str], *arguments: str) -> Ended:
    ended = run_program(env, "dead-letters", *arguments)
    assert (ended.code, ended.err) == (ExitCode.OK, ""), ended
    return ended


def test_what_kafka_refuses_is_named_and_left_until_the_topic_takes_it(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(apache_stack, 3)
    originals = bury(apache_stack, env, bad_tweets(60, partitions=3), start_worker)
    topic = InputTopic(apache_stack, env["KAFKA_INPUT_TOPIC"], 3)
    set_topic_config(apache_stack, topic.topic, {"cleanup.policy": "compact"})
    ended = run_program(env, "dead-letters", "replay", "--yes", "--json")
    found = json.loads(ended.out)
    assert (ended.code, found["complete"], found["refused_by_kafka"]) == (ExitCode.TOPICS, False, 3), ended
    assert found["sent"] + found["refused_by_kafka"] + found["left"] == 60
    assert ended.err.count("Compacted topic cannot accept message without key") == 15
    assert "--skip-refused" in ended.err.splitlines()[-1]
    assert len(topic.replayed()) == found["sent"]

    skipped = run_program(env, "dead-letters", "replay", "--yes", "--json", "--skip-refused", "--partition", "0")
    assert (skipped.code, json.loads(skipped.out)["refused_by_kafka"]) == (ExitCode.OK, 5), skipped
    set_topic_config(apache_stack, topic.topic, {"cleanup.policy": "delete"})
    replay(env, "--yes")
    expected = [each for each in originals if each.key is not None or each.partition != 0]
    assert_each_once(topic.replayed(), expected, topic.topic)


def test_where_the_offsets_of_the_replays_have_expired_nothing_is_sent_again(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(apache_stack, 3)
    bury(apache_stack, env, bad_tweets(30, partitions=3), start_worker)
    assert replay(env, "--yes", "--reason", "not_json")["sent"] == 10
    assert replay(env, "--yes", "--partition", "0")["sent"] > 0
    admin = AdminClient({"bootstrap.servers": apache_stack.bootstrap})
    group = f"{env['KAFKA_GROUP_ID']}.dead-letters"
    for future in admin.delete_consumer_groups([group]).values():
        future.result(CLIENT_S)
    topic = InputTopic(apache_stack, env["KAFKA_INPUT_TOPIC"], 3)
    replay(env, "--yes")
    assert len(topic.replayed()) == 30
    assert replay(env, "--yes", "--from-beginning") == {"sent": 30}
    assert len(topic.replayed()) == 60


def test_a_dead_letter_topic_that_was_created_again_is_known_although_it_has_more_records(
    apache_stack: ApacheStack,
) -> None:
    env = unique_topics(apache_stack, 1)
    topic = env["KAFKA_DEAD_LETTER_TOPIC"]
    publish(apache_stack, topic, [Message(b"x", None, (), 0)] * 5)
    assert replay(env, "--yes") == {"no_dead_letter": 5}
    admin = AdminClient({"bootstrap.servers": apache_stack.bootstrap})
    admin.delete_topics([topic])[topic].result(CLIENT_S)
    eventually(lambda: topic not in admin.list_topics(timeout=10).topics, DONE_S, "the topic is deleted")
    create_topics(apache_stack, [topic], 1)
    publish(apache_stack, topic, [Message(b"x", None, (), 0)] * 9)
    refused = run_program(env, "dead-letters", "replay", "--yes")
    assert (refused.code, refused.out, len(refused.err.splitlines())) == (ExitCode.STATE, "", 1), refused
    assert "the topic was created again" in refused.err
    assert replay(env, "--yes", "--from-beginning") == {"no_dead_letter": 9}
    assert replay(env, "--yes") == {}


@pytest.mark.apache
def test_a_kafka_that_dies_during_a_replay_is_one_line(tmp_path: Path, start_worker: StartWorker) -> None:
    with running_stack(ApacheStack(tmp_path, kafka_home())) as stack:
        env = unique_topics(stack, PARTITIONS)
        bury(stack, env, bad_tweets(6_000), start_worker)
        topic = InputTopic(stack, env["KAFKA_INPUT_TOPIC"])
        before = topic.written()
        log = tmp_path / "replay.log"
        with running_replay(env, log) as child:
            assert topic.wait_until_written(before + 500, child)
            next(each for each in stack._children if each.name == "kafka").kill()
            eventually(lambda: child.exit_code is not None, 120, "the replay has ended")
            assert child.exit_code == ExitCode.KAFKA, child.log_tail()
        assert_one_line(log, "worker: ")


def replay_permissions(env: Mapping[str, str]) -> list[tuple[ResourceType, str, AclOperation]]:
    """Return what a replay needs beside the permissions of a worker on the same topics."""
    return [
        (ResourceType.TOPIC, env["KAFKA_DEAD_LETTER_TOPIC"], AclOperation.READ),
        (ResourceType.TOPIC, env["KAFKA_INPUT_TOPIC"], AclOperation.WRITE),
    ]


def test_a_user_with_the_named_permissions_replays_and_a_missing_one_is_named(
    secured_stack: SecuredStack, start_worker: StartWorker
) -> None:
    env = unique_topics(secured_stack, 3)
    bury(secured_stack, env, bad_tweets(30, partitions=3), start_worker)
    read, write = replay_permissions(env)
    secured_stack.add_user("replaying", PASSWORD, [*worker_permissions(env), read])
    secured = {**env, **secured_stack.environment("replaying", PASSWORD)}
    refused = run_program(secured, "dead-letters", "replay", "--yes")
    assert refused.code == ExitCode.KAFKA
    assert "WRITE on the topics" in refused.err.splitlines()[-1]
    assert "Traceback" not in refused.err
    assert replay(secured) == {"sent": 30}
    secured_stack.allow("replaying", [write])
    done = run_program(secured, "dead-letters", "replay", "--yes", "--json")
    assert (done.code, json.loads(done.out)["sent"]) == (ExitCode.OK, 30), done
