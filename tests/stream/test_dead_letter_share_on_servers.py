"""A worker with DEAD_LETTER_MAX_SHARE on a topic of other records: it stops, and Kafka shows no trace of the batch."""

from collections.abc import Mapping

import pytest

from chaos.stream.committed_offsets import fetch_positions
from tests.servers import Message, Stack, WorkerProcess, eventually, publish, read_committed, unique_topics
from tests.stream.programs import StartWorker, verify
from tests.stream.tweets import sample_tweets
from worker.dead_letter_share import ENOUGH
from worker.errors import ExitCode

TWEETS = 1_000
BAD = 1_000
LIMIT = {"DEAD_LETTER_MAX_SHARE": "0.5"}
MOST = 500
"""Dead letters with which the share of 1,000 records is the limit."""

UNNOTICED = ENOUGH - 1
"""Dead letters that a worker may commit after each start, before they are enough for a share."""

DONE_S = 120.0
"""Seconds until a worker must have ended, or all records must be committed, on a slow and busy machine."""

pytestmark = pytest.mark.timeout(600)


def bad_records(number: int) -> list[Message]:
    return [Message(b"no JSON", partition=0) for _ in range(number)]


def position(stack: Stack, env: Mapping[str, str]) -> int:
    """Return the committed offset of partition 0; 0 where there is none."""
    found = fetch_positions(stack.bootstrap, env["KAFKA_GROUP_ID"], env["KAFKA_INPUT_TOPIC"], 1)
    return found[0].offset if found else 0


def labelled(stack: Stack, env: Mapping[str, str]) -> int:
    return len(read_committed(stack, env["KAFKA_OUTPUT_TOPIC"]))


def dead_letters(stack: Stack, env: Mapping[str, str]) -> int:
    return len(read_committed(stack, env["KAFKA_DEAD_LETTER_TOPIC"]))


def assert_stopped_by_the_limit(worker: WorkerProcess) -> None:
    assert worker.wait(DONE_S) == ExitCode.DEAD_LETTERS
    (last,) = worker.log.splitlines()[-1:]
    assert "DEAD_LETTER_MAX_SHARE=0.5: " in last
    assert "(not_json " in last
    assert "check KAFKA_INPUT_TOPIC" in last


def test_a_worker_that_starts_on_a_topic_of_other_records_commits_none_of_them(
    stack: Stack, start_worker: StartWorker
) -> None:
    env = unique_topics(stack, 1)
    publish(stack, env["KAFKA_INPUT_TOPIC"], bad_records(BAD))
    for _ in range(2):
        assert_stopped_by_the_limit(start_worker(env | LIMIT))
        assert (labelled(stack, env), dead_letters(stack, env), position(stack, env)) == (0, 0, 0)

    start_worker(env)
    eventually(lambda: position(stack, env) == BAD, DONE_S, "a worker without the limit commits them all")
    assert (labelled(stack, env), dead_letters(stack, env)) == (0, BAD)


def test_a_worker_whose_topic_gets_other_records_stops_before_half_of_a_thousand_are_dead_letters(
    stack: Stack, start_worker: StartWorker
) -> None:
    env = unique_topics(stack, 1)
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(TWEETS, partitions=1))
    worker = start_worker(env | LIMIT)
    eventually(lambda: position(stack, env) == TWEETS, DONE_S, "the tweets are labelled")

    publish(stack, env["KAFKA_INPUT_TOPIC"], bad_records(BAD))
    assert_stopped_by_the_limit(worker)
    committed = dead_letters(stack, env)
    assert committed < MOST
    assert position(stack, env) == TWEETS + committed

    assert_stopped_by_the_limit(start_worker(env | LIMIT))
    after_restart = dead_letters(stack, env)
    assert committed <= after_restart <= min(committed + UNNOTICED, MOST - 1)
    assert labelled(stack, env) == TWEETS
    assert position(stack, env) == TWEETS + after_restart
    assert verify(env).code == ExitCode.OK
