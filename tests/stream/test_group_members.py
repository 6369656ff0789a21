"""Workers that join, leave, freeze and take over an instance id: only the owner of a partition commits."""

import os
import signal
import threading

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

from tests.servers import ApacheStack, Stack, WorkerProcess, eventually, publish, settings_of, unique_topics
from tests.stream.programs import StartWorker
from tests.stream.tweets import sample_tweets
from tests.stream.verifier import Verifier
from tweets.records import OutputRecord
from worker.errors import ExitCode
from worker.kafka.descriptions import owned_partitions
from worker.kafka.stream import KafkaStream
from worker.process.watchdog import Watchdog

PARTITIONS = 4
DONE_S = 180.0
"""Seconds until all tweets of a test must be committed, on a slow and busy machine."""

SETTLED_S = 60.0
"""Seconds until a group must have settled after a change: the embedded Kafka may take half of them."""

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("attempt", range(4))  # whether a fault shows depends on the timing of heartbeats
def test_an_idle_group_settles_when_a_worker_joins(
    apache_stack: ApacheStack, start_worker: StartWorker, attempt: int
) -> None:
    # The embedded Kafka takes half a minute for it.
    env = unique_topics(apache_stack, PARTITIONS)
    verifier = Verifier(apache_stack, env)
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(100, partitions=PARTITIONS))
    first = start_worker(env)
    verifier.wait_until_done(DONE_S)

    start_worker(env)
    eventually(lambda: shared(first), SETTLED_S, "the second one is given its share")
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(100, partitions=PARTITIONS))
    verifier.wait_until_done(15)
    verifier.check_all_done(200)


def shared(worker: WorkerProcess) -> bool:
    """Return whether the worker has given up half of the partitions."""
    return sum(key.startswith("emotion_consumer_lag{") for key in worker.metrics()) == PARTITIONS // 2


def test_a_frozen_worker_that_wakes_commits_nothing_of_what_it_lost(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    # The embedded Kafka never removes a member without heartbeats.
    env = unique_topics(apache_stack, 1) | {"KAFKA_SESSION_TIMEOUT_MS": "6000"}
    verifier, total = Verifier(apache_stack, env), 5_000
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(total, partitions=1))
    zombie = start_worker(env)
    verifier.wait_until_committed(500, DONE_S)
    os.kill(zombie.pid, signal.SIGSTOP)
    left = verifier.committed()
    successor = start_worker(env)
    verifier.wait_until_committed(left + 1_000, DONE_S)
    verifier.wait_until_done(DONE_S)

    os.kill(zombie.pid, signal.SIGCONT)
    eventually(lambda: "rolling back" in zombie.log or zombie.exit_code is not None, SETTLED_S, "the zombie notices")
    eventually(lambda: verifier.members() == 2 or zombie.exit_code is not None, SETTLED_S, "it joins again, or ends")
    verifier.check_all_done(total)
    assert zombie.exit_code is None, "it ended"
    counted = [worker.metrics().total("emotion_tweets_consumed_total") for worker in (zombie, successor)]
    assert sum(counted) == total, counted
    assert zombie.metrics()['emotion_transactions_total{outcome="aborted"}'] >= 1
    assert zombie.terminate() == successor.terminate() == ExitCode.OK
    assert len(verifier.check_all_done(total).labelled) == total


def test_of_two_workers_with_one_name_the_first_one_ends(apache_stack: ApacheStack, start_worker: StartWorker) -> None:
    # The embedded Kafka gives two members of one name half of the work each.
    env = unique_topics(apache_stack, PARTITIONS) | {"WORKER_ID": "the-one"}
    verifier, total = Verifier(apache_stack, env), 6_000
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(total, partitions=PARTITIONS))
    first = start_worker(env)
    verifier.wait_until_committed(1_000, DONE_S)
    second = start_worker(env)

    assert first.wait(SETTLED_S) == ExitCode.FENCED
    (last_words,) = first.log.splitlines()[-1:]
    assert "WORKER_ID" in first.log, last_words
    assert "Traceback" not in first.log
    verifier.wait_until_done(DONE_S)
    assert second.exit_code is None
    assert len(verifier.check_all_done(total).labelled) == total


class Liar:
    """A member that claims all partitions and owns none, as kafka-python does after it has lost them."""

    def __init__(self, stack: Stack, env: dict[str, str]) -> None:
        self.assignor = CooperativeStickyAssignor()
        self._lie = [TopicPartition(env["KAFKA_INPUT_TOPIC"], number) for number in range(PARTITIONS)]
        self._lying, self._left = threading.Event(), threading.Event()
        self._lying.set()
        self._consumer = KafkaConsumer(
            env["KAFKA_INPUT_TOPIC"],
            bootstrap_servers=stack.bootstrap,
            group_id=env["KAFKA_GROUP_ID"],
            partition_assignment_strategy=(self.assignor,),
            enable_auto_commit=False,
        )
        self._thread = threading.Thread(target=self._poll)
        self._thread.start()

    def _poll(self) -> None:
        while not self._left.is_set():
            if self._lying.is_set():
                self.assignor.member_assignment = self._lie
            self._consumer.poll(timeout_ms=50, max_records=1)
        self._consumer.close()

    def be_honest(self) -> None:
        """Claim only what is owned from now on."""
        self._lying.clear()
        self.assignor.member_assignment = list(self._consumer.assignment())

    def leave(self) -> None:
        """Leave the group."""
        self._left.set()
        self._thread.join()


def test_a_partition_that_waits_for_an_owner_who_has_lost_it_gets_another_owner(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    # The embedded Kafka takes half a minute for each change of the group.
    env = unique_topics(apache_stack, PARTITIONS)
    settings, verifier = settings_of(env), Verifier(apache_stack, env)
    start_worker(env)

    def owned(members: int) -> int | None:
        found = owned_partitions(settings) if verifier.members() == members else None
        return None if found is None else len(found)

    eventually(lambda: owned(1) == PARTITIONS, SETTLED_S, "the worker has all partitions")
    for _ in range(20):  # whether partitions are left out depends on the order in which the broker names the members
        liar = Liar(apache_stack, env)
        try:
            eventually(lambda: owned(2) is not None, SETTLED_S, "the other one is a member")
            if owned(2) in range(PARTITIONS):
                liar.be_honest()
                eventually(lambda: owned(2) == PARTITIONS, SETTLED_S, "all partitions have owners")
                return
        finally:
            liar.leave()
    raise AssertionError("no partition was left out in 20 attempts")


def test_thirty_replaced_producers_leave_no_thread_behind(stack: Stack) -> None:
    env = unique_topics(stack, 1)
    settings = settings_of(env)
    stream = KafkaStream(settings, max_record_bytes=1_000_000, watchdog=Watchdog())
    output = env["KAFKA_OUTPUT_TOPIC"]
    try:
        stream.publish([OutputRecord(output, 0, b"key", b"{}", ())], {})
        stream.rollback()
        before = threading.active_count()
        for _ in range(30):
            stream.publish([OutputRecord(output, 0, b"key", b"{}", ())], {})
            stream.rollback()
        assert threading.active_count() == before, [thread.name for thread in threading.enumerate()]
    finally:
        stream.close()
    eventually(lambda: threading.active_count() < before, 30, "its threads have ended")
