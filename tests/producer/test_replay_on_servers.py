"""The replay as a process, on a Kafka: the summary is what the topic holds."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest

from tests.servers import Message, Stack, eventually, read_committed, unique_topics
from tweets.datasets import SAMPLE, read_rows
from worker.errors import ExitCode

DEADLINE_S = 60.0

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts `python -m producer`; the process ends with the test at the latest."""
    running: list[subprocess.Popen[str]] = []

    def start(env: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "producer", *arguments],
                env={**os.environ, **env},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    """Return the exit code, the summary and the text on stderr."""
    out, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, json.loads(out.splitlines()[-1]) if out else {}, err


def tweets_on(stack: Stack, env: Mapping[str, str]) -> list[Message]:
    return read_committed(stack, env["KAFKA_INPUT_TOPIC"])


def fields(message: Message) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(message.value or b"")
    return decoded


def test_the_whole_sample_arrives_with_its_ids_as_keys_and_its_labels(stack: Stack, start: Start) -> None:
    env = unique_topics(stack, partitions=3)
    code, summary, _ = ended(start(env))
    arrived = tweets_on(stack, env)
    expected = {f"sample-test-{row.number}": (row.text, row.label) for row in read_rows(SAMPLE, "test")}
    assert code == ExitCode.OK
    assert (summary["sent"], summary["failed"]) == (len(arrived), 0)
    assert {fields(each)["id"]: (fields(each)["text"], fields(each)["label"]) for each in arrived} == expected
    assert len(arrived) == len(expected)
    assert all((each.key or b"").decode() == fields(each)["id"] for each in arrived)
    assert len({each.partition for each in arrived}) == 3


def test_a_rate_spreads_the_tweets_over_time(stack: Stack, start: Start) -> None:
    env = unique_topics(stack, partitions=1)
    code, summary, _ = ended(start(env, "--rate", "100", "--limit", "150"))
    moments = sorted(datetime.fromisoformat(fields(each)["created_at"]) for each in tweets_on(stack, env))
    assert (code, summary["sent"], len(moments)) == (ExitCode.OK, 150, 150)
    assert (moments[-1] - moments[0]).total_seconds() >= 1.45


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_loop_and_every_tweet_in_the_summary_is_on_the_topic(
    stack: Stack, start: Start, number: signal.Signals
) -> None:
    env = unique_topics(stack, partitions=3)
    process = start(env, "--loop", "--rate", "500", "--seed", "1")
    eventually(lambda: len(tweets_on(stack, env)) > 0, DEADLINE_S, "the first tweets have arrived")
    process.send_signal(number)
    code, summary, _ = ended(process)
    ids = [fields(each)["id"] for each in tweets_on(stack, env)]
    assert code == ExitCode.OK
    assert summary["failed"] == 0
    assert summary["sent"] == len(ids) == len(set(ids))


def test_the_error_of_a_missing_topic_is_one_line_that_names_the_command(apache_stack: Stack, start: Start) -> None:
    # Apache Kafka: the embedded Kafka creates a missing topic.
    env = unique_topics(apache_stack, partitions=1) | {"KAFKA_INPUT_TOPIC": "never-created"}
    code, summary, err = ended(start(env))
    assert (code, summary) == (ExitCode.TOPICS, {})
    assert "python -m worker create-topics" in err
    assert len(err.splitlines()) == 1
