"""Committed offsets that are gone, moved or of another topic: the checkpoint topic has the state, or a worker ends."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]

from tests.servers import ApacheStack, WorkerProcess, create_topics, eventually, publish, read_committed, unique_topics
from tests.stream.programs import Ended, StartWorker, run_program, verify
from tests.stream.test_offset_metadata import commit, last_line
from tests.stream.tweets import sample_tweets
from tests.stream.verifier import Verifier
from worker.errors import ExitCode

DONE_S: Final = 60.0
PARTITIONS: Final = 2
TWEETS: Final = 300

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]


class Stream:
    """A stream on Apache Kafka whose first 300 tweets a worker has labelled; that worker has ended."""

    def __init__(self, stack: ApacheStack, start_worker: StartWorker) -> None:
        self.stack = stack
        self.env = unique_topics(stack, PARTITIONS)
        self.topic = self.env["KAFKA_INPUT_TOPIC"]
        self.verifier = Verifier(stack, self.env)
        self.admin = AdminClient({"bootstrap.servers": stack.bootstrap})
        self._start_worker = start_worker
        self.publish(TWEETS)
        self.run()
        self.totals = self.verifier.redis_totals()

    def publish(self, count: int) -> None:
        publish(self.stack, self.topic, sample_tweets(count, partitions=PARTITIONS))

    def start(self, **settings: str) -> WorkerProcess:
        return self._start_worker({**self.env, **settings})

    def run(self, **settings: str) -> WorkerProcess:
        """Run a worker until everything is committed."""
        worker = self.start(**settings)
        worker.wait_ready()
        self.verifier.wait_until_done(DONE_S)
        assert worker.terminate() == ExitCode.OK
        return worker

    def refused(self, *arguments: str) -> Ended:
        """Run a worker that must end by itself with the code STATE and one line."""
        ended = run_program({**self.env, "METRICS_PORT": "0", "LOG_LEVEL": "ERROR"}, *arguments)
        assert (ended.code, len(ended.err.splitlines())) == (ExitCode.STATE, 1), ended
        return ended

    def delete_group(self) -> None:
        for future in self.admin.delete_consumer_groups([self.env["KAFKA_GROUP_ID"]]).values():
            future.result(DONE_S)

    def recreate(self, topic: str, config: Mapping[str, str] | None = None) -> None:
        for future in self.admin.delete_topics([topic]).values():
            future.result(DONE_S)
        eventually(lambda: topic not in self.admin.list_topics(timeout=10).topics, DONE_S, "the topic is deleted")
        create_topics(self.stack, [topic], PARTITIONS, config=config)

    def labelled(self) -> int:
        return len(read_committed(self.stack, self.env["KAFKA_OUTPUT_TOPIC"]))


@pytest.fixture
def stream(apache_stack: ApacheStack, start_worker: StartWorker) -> Stream:
    return Stream(apache_stack, start_worker)


def forget_redis(stream: Stream) -> None:
    with stream.verifier.redis() as client:
        client.flushdb()


def keep_redis(stream: Stream) -> None:
    """Leave the counts and the fences of the earlier group."""


@pytest.mark.parametrize("and_redis", [keep_redis, forget_redis])
def test_a_group_that_is_deleted_loses_and_doubles_nothing_and_keeps_its_totals(
    stream: Stream, and_redis: Callable[[Stream], None]
) -> None:
    stream.delete_group()
    assert stream.verifier.positions() == {}
    found = verify(stream.env)
    assert found.code == ExitCode.DIFFERENCE
    assert "offsets.retention.minutes" in found.out
    assert "which a worker restores" in found.out
    and_redis(stream)
    assert verify(stream.env).code == ExitCode.DIFFERENCE

    worker = stream.run()
    assert "the group has no committed offset any more" in worker.log
    stream.verifier.check_all_done(TWEETS)
    assert stream.verifier.redis_totals() == stream.totals

    stream.publish(100)
    stream.run()
    stream.verifier.check_all_done(TWEETS + 100)
    assert verify(stream.env).code == ExitCode.OK


def test_offsets_that_are_lost_twice_are_restored_twice(stream: Stream) -> None:
    for _ in range(2):
        stream.delete_group()
        stream.run()
    stream.verifier.check_all_done(TWEETS)
    assert stream.verifier.redis_totals() == stream.totals


def test_input_that_was_deleted_meanwhile_is_skipped_and_no_total_falls(stream: Stream) -> None:
    stream.delete_group()
    stream.publish(100)
    ends = [TopicPartition(stream.topic, number, 190) for number in range(PARTITIONS)]
    for future in stream.admin.delete_records(ends).values():
        future.result(DONE_S)
    worker = stream.run()
    assert worker.log.count("Kafka deleted the records from offset 150 to 189") == PARTITIONS
    assert stream.labelled() == TWEETS + 20
    assert sum(stream.verifier.redis_totals().values()) == TWEETS + 20
    checked = verify(stream.env)
    assert (checked.code, "40 records skipped" in checked.out) == (ExitCode.OK, True), checked.out


@pytest.mark.parametrize("offset", [0, 100])
def test_an_operators_reset_is_obeyed_and_the_counts_stay_the_fold_of_the_output(stream: Stream, offset: int) -> None:
    group = stream.env["KAFKA_GROUP_ID"]
    moved = [TopicPartition(stream.topic, number, offset) for number in range(PARTITIONS)]
    for future in stream.admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, moved)]).values():
        future.result(DONE_S)
    worker = stream.run()
    assert worker.log.count("the committed offset has no readable offset metadata") == PARTITIONS
    again = TWEETS + PARTITIONS * (TWEETS // PARTITIONS - offset)
    assert stream.labelled() == sum(stream.verifier.redis_totals().values()) == again
    assert verify(stream.env).code == ExitCode.OK


def test_a_group_of_an_earlier_release_gets_its_second_copy_at_its_first_commit(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(apache_stack, 1)
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(20, partitions=1))
    commit(env, 10, '{"v":1,"counts":{"joy":10}}')
    verifier = Verifier(apache_stack, env)
    worker = start_worker(env)
    verifier.wait_until_done(DONE_S)
    assert worker.terminate() == ExitCode.OK
    (state,) = exported(env)["partitions"]
    assert (state["offset"], sum(state["counts"].values())) == (20, 20)
    newest = read_committed(apache_stack, env["KAFKA_CHECKPOINT_TOPIC"])[-1]
    assert json.loads(newest.value or b"")["counts"] == state["counts"]


def exported(env: Mapping[str, str]) -> dict[str, Any]:
    done = run_program(env, "export-state")
    assert done.code == ExitCode.OK, done
    state: dict[str, Any] = json.loads(done.out)
    return state


def lose_both_copies(stream: Stream) -> None:
    stream.delete_group()
    stream.recreate(stream.env["KAFKA_CHECKPOINT_TOPIC"], {"cleanup.policy": "compact"})


def test_where_both_copies_are_lost_the_worker_ends_with_one_line_and_doubles_nothing(stream: Stream) -> None:
    lose_both_copies(stream)
    ended = stream.refused()
    assert all(words in ended.err for words in ("import-state", "--accept-empty-state", "the output topic has records"))
    forget_redis(stream)
    stream.refused()
    assert stream.labelled() == TWEETS
    assert stream.verifier.positions() == {}


def test_counts_in_redis_alone_prove_that_the_state_is_lost(stream: Stream) -> None:
    lose_both_copies(stream)
    stream.env["KAFKA_OUTPUT_TOPIC"] = f"new-{stream.env['KAFKA_OUTPUT_TOPIC']}"
    create_topics(stream.stack, [stream.env["KAFKA_OUTPUT_TOPIC"]], PARTITIONS)
    assert "Redis counts 150 tweets" in stream.refused().err
    assert stream.labelled() == 0


def test_a_redis_that_does_not_answer_proves_nothing(stream: Stream) -> None:
    lose_both_copies(stream)
    stream.env["KAFKA_OUTPUT_TOPIC"] = f"new-{stream.env['KAFKA_OUTPUT_TOPIC']}"
    create_topics(stream.stack, [stream.env["KAFKA_OUTPUT_TOPIC"]], PARTITIONS)
    worker = stream.run(REDIS_URL="redis://127.0.0.1:1/0")
    assert "Redis cannot be asked" in worker.log
    assert stream.labelled() == TWEETS


def test_a_deliberate_start_from_zero_labels_all_again_and_redis_follows(stream: Stream, tmp_path: Path) -> None:
    lose_both_copies(stream)
    worker = WorkerProcess(stream.env, tmp_path, "--accept-empty-state")
    try:
        stream.verifier.wait_until_done(DONE_S)
        assert "counting from zero, as --accept-empty-state says" in worker.log
        assert worker.terminate() == ExitCode.OK
    finally:
        worker.kill()
    assert stream.labelled() == 2 * TWEETS
    assert stream.verifier.redis_totals() == stream.totals, "the counts since the start from zero"


def test_an_input_topic_that_is_created_again_ends_the_running_worker_with_one_line(stream: Stream) -> None:
    worker = stream.start()
    worker.wait_ready()
    stream.recreate(stream.topic)
    stream.publish(400)
    assert worker.wait(DONE_S) == ExitCode.STATE
    assert "deleted and created again" in last_line(worker.log)
    assert "Traceback" not in worker.log
    stream.refused()
    assert stream.labelled() == TWEETS, "no record of the new topic was labelled with the old counts"


def test_a_state_moves_to_other_topics_and_groups(stream: Stream, tmp_path: Path, start_worker: StartWorker) -> None:
    file = tmp_path / "state.json"
    file.write_text(json.dumps(exported(stream.env)))
    env = unique_topics(stream.stack, PARTITIONS)
    new = Verifier(stream.stack, env)
    refused = run_program(env, "import-state", str(file))
    assert (refused.code, "beyond the end 0" in refused.err) == (ExitCode.STATE, True), refused
    done = run_program(env, "import-state", str(file), "--position", "first")
    assert (done.code, len(done.out.splitlines())) == (ExitCode.OK, PARTITIONS), done

    publish(stream.stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(60, partitions=PARTITIONS))
    worker = start_worker(env)
    new.wait_until_done(DONE_S)
    assert worker.terminate() == ExitCode.OK
    assert len(read_committed(stream.stack, env["KAFKA_OUTPUT_TOPIC"])) == 60
    assert sum(new.redis_totals().values()) == TWEETS + 60
    for future in stream.admin.delete_consumer_groups([env["KAFKA_GROUP_ID"]]).values():
        future.result(DONE_S)
    older = run_program(env, "import-state", str(file), "--position", "first")
    assert (older.code, "give --replace" in older.err) == (ExitCode.STATE, True), older
    assert run_program(env, "import-state", str(file), "--position", "end", "--replace").code == ExitCode.OK
    again = start_worker(env)
    new.wait_until_done(DONE_S)
    again.wait_ready()
    assert again.terminate() == ExitCode.OK
    taken = run_program(env, "import-state", str(file), "--position", "end")
    assert (taken.code, "the group has a committed offset" in taken.err) == (ExitCode.STATE, True), taken


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"v":2}', '{"v":1,"partitions":[]}', '{"v":1,"partitions":[{"partition":0}]}']
)
def test_a_file_that_export_state_did_not_print_is_refused(
    apache_stack: ApacheStack, tmp_path: Path, text: str
) -> None:
    (tmp_path / "state.json").write_text(text)
    ended = run_program(unique_topics(apache_stack, 1), "import-state", str(tmp_path / "state.json"))
    assert (ended.code, len(ended.err.splitlines())) == (ExitCode.SETTINGS, 1), ended


@pytest.mark.parametrize(
    ("policy", "words"), [("delete", "cleanup.policy=delete"), ("compact,delete", "compact,delete")]
)
def test_a_checkpoint_topic_that_kafka_would_empty_is_refused_at_the_start(
    apache_stack: ApacheStack, policy: str, words: str
) -> None:
    env = unique_topics(apache_stack, 1)
    env["KAFKA_CHECKPOINT_TOPIC"] = f"emptied-{env['KAFKA_CHECKPOINT_TOPIC']}"
    create_topics(apache_stack, [env["KAFKA_CHECKPOINT_TOPIC"]], 1, config={"cleanup.policy": policy})
    ended = run_program({**env, "METRICS_PORT": "0", "LOG_LEVEL": "ERROR"})
    assert ended.code == ExitCode.TOPICS
    assert f"cleanup.policy={policy}" in ended.err


def test_create_topics_makes_a_compacted_checkpoint_topic(apache_stack: ApacheStack) -> None:
    env = unique_topics(apache_stack, 3)
    env["KAFKA_CHECKPOINT_TOPIC"] = f"new-{env['KAFKA_CHECKPOINT_TOPIC']}"
    made = run_program(env, "create-topics")
    assert f"{env['KAFKA_CHECKPOINT_TOPIC']}: created, 3 partitions" in made.out
    resource = ConfigResource(ResourceType.TOPIC, env["KAFKA_CHECKPOINT_TOPIC"])
    admin = AdminClient({"bootstrap.servers": apache_stack.bootstrap})
    (future,) = admin.describe_configs([resource]).values()
    assert future.result(DONE_S)["cleanup.policy"].value == "compact"
