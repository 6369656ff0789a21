"""Reading periods from a Redis, and the command that prints them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.redis_server import RedisServer, needs_redis_server
from tweets.periods import ALL
from worker.errors import ExitCode
from worker.redis.prefixed import READ_TOGETHER
from worker.redis.series_store import SeriesStore
from worker.redis.store import CountsStoreError

PREFIX = "{stream}"
ROOT = Path(__file__).parents[2]

pytestmark = needs_redis_server


@pytest.fixture
def store(server: RedisServer) -> Iterator[SeriesStore]:
    store = SeriesStore(server.url, prefix=PREFIX)
    yield store
    store.close()


def test_the_periods_of_all_tweets_and_of_a_tweet_topic_are_read_apart(redis: Any, store: SeriesStore) -> None:
    redis.hset(f"{PREFIX}:minute:7", mapping={"joy": 3, "fear": 1})
    redis.hset(f"{PREFIX}:topic:brand-x:minute:7", mapping={"joy": 1})
    redis.hset(f"{PREFIX}:topic:brand-x:hour:7", mapping={"anger": 9})
    assert store.series(ALL, "minute", 5, 7) == {7: {"joy": 3, "fear": 1}}
    assert store.series("brand-x", "minute", 7, 7) == {7: {"joy": 1}}
    assert store.series("brand-x", "hour", 0, 7) == {7: {"anger": 9}}
    assert store.series("brand-x", "day", 0, 7) == {}
    assert store.series(ALL, "day", 1, 0) == {}


def test_more_periods_than_one_pipeline_are_read(redis: Any, store: SeriesStore) -> None:
    numbers = (1, READ_TOGETHER, READ_TOGETHER + 1, 2 * READ_TOGETHER + 1)
    for number in numbers:
        redis.hset(f"{PREFIX}:minute:{number}", "joy", number)
    assert store.series(ALL, "minute", 1, 2 * READ_TOGETHER + 1) == {number: {"joy": number} for number in numbers}


def test_what_is_no_count_is_left_out(redis: Any, store: SeriesStore) -> None:
    redis.hset(f"{PREFIX}:minute:7", mapping={"joy": "2", "fear": "many", "love": "-1", "anger": "0", "x": "9" * 30})
    redis.hset(f"{PREFIX}:topics", mapping={"brand-x": "1778000030", "a": "12", "odd": "soon", b"\xff": "-"})
    assert store.series(ALL, "minute", 7, 7) == {7: {"joy": 2}}
    assert list(store.subjects().items()) == [("a", 12), ("brand-x", 1_778_000_030)]


def test_a_key_of_another_program_is_named(redis: Any, store: SeriesStore) -> None:
    redis.set(f"{PREFIX}:minute:7", "x")
    with pytest.raises(CountsStoreError, match=r"the key \{stream\}:minute:7 is not a hash") as refused:
        store.series(ALL, "minute", 5, 9)
    assert refused.value.refused


def printed(url: str, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "worker", "series", *options],
        cwd=ROOT,
        env={"PATH": "", "REDIS_URL": url, "REDIS_KEY_PREFIX": PREFIX},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_prints_the_series_of_a_tweet_topic(redis: Any, server: RedisServer) -> None:
    redis.hset(f"{PREFIX}:topics", "brand-x", 1_778_000_030)
    redis.hset(f"{PREFIX}:topic:brand-x:day:20000", mapping={"joy": 5})
    done = printed(server.url, "--topic", "brand-x", "--step", "day", "--to", "2024-10-05T00:00:00Z", "--json")
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    answer = json.loads(done.stdout)
    assert answer["since"] == "2026-05-05T16:53:50Z"
    assert answer["series"][-1] == {"start": "2024-10-04T00:00:00Z", "counts": {"joy": 5}}


@pytest.mark.parametrize(
    ("options", "url", "code", "words"),
    [
        (
            ["--topic", "brand-y"],
            None,
            ExitCode.SETTINGS,
            "--topic: there is no tweet topic 'brand-y': counted are brand-x",
        ),
        (["--from", "noon"], None, ExitCode.SETTINGS, "--from: 'noon' is no time in RFC 3339"),
        ([], "redis://127.0.0.1:1/0", ExitCode.REDIS, "Redis failed: "),
    ],
)
def test_an_error_of_the_command_is_one_line(
    redis: Any, server: RedisServer, options: list[str], url: str | None, code: ExitCode, words: str
) -> None:
    redis.hset(f"{PREFIX}:topics", "brand-x", 1_778_000_030)
    done = printed(url or server.url, *options)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"worker: {words}")
    assert done.stderr.count("\n") == 1
