"""The page's server with a real Kafka, Redis and worker: its events follow the servers and survive their failures."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

from chaos.stream.committed_offsets import fetch_positions
from tests.dashboard.page_process import NO_SERVERS, PageProcess, StartPage
from tests.servers import ApacheStack, EmbeddedStack, Message, Stack, create_topics, eventually, publish, unique_topics
from tests.stream.programs import StartWorker
from tests.stream.tweets import sample_tweets
from tests.stream.verifier import Verifier
from worker.errors import ExitCode

PARTITIONS = 3
SEES_S = 30.0
LABELLED_S = 120.0
ENDS_S = 3.0


def answers(state: dict[str, Any], service: str) -> bool:
    return bool(state[service]["state"] == "answers")


def test_a_page_opened_before_there_is_data_fills_by_itself_and_its_counts_equal_redis(
    stack: Stack, start_worker: StartWorker, start_page: StartPage
) -> None:
    env = unique_topics(stack, PARTITIONS)
    verifier = Verifier(stack, env)
    page = start_page(env)
    empty = page.wait_for_state(
        lambda state: answers(state, "kafka") and answers(state, "redis"), SEES_S, "both answer"
    )
    assert sum(empty["counts"].values()) == 0
    start_worker(env)
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(200, partitions=PARTITIONS))

    full = page.wait_for_state(lambda state: sum(state["counts"].values()) == 200, LABELLED_S, "200 are counted")
    assert {name: count for name, count in full["counts"].items() if count} == verifier.redis_totals()
    settled = page.wait_for_state(
        lambda state: (state["lag"] or {}).get("records") == 0 and (state["quality"] or {}).get("tweets") == 200,
        SEES_S,
        "the lag is 0, and every label was compared",
    )
    assert 0.5 < settled["quality"]["accuracy"] <= 1
    assert page.exit_code is None


def test_the_lag_counts_uncommitted_tweets_and_the_page_commits_nothing(stack: Stack, start_page: StartPage) -> None:
    env = unique_topics(stack, PARTITIONS)
    page = start_page(env)
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(60, partitions=PARTITIONS))
    page.wait_for_state(lambda state: (state["lag"] or {}).get("records") == 60, SEES_S, "60 are waiting")
    positions = fetch_positions(stack.bootstrap, env["KAFKA_GROUP_ID"], env["KAFKA_INPUT_TOPIC"], PARTITIONS)
    assert positions == {}


def test_the_events_of_a_page_come_in_the_agreed_shapes(stack: Stack, start_page: StartPage) -> None:
    env = unique_topics(stack, PARTITIONS)
    publish(
        stack,
        env["KAFKA_OUTPUT_TOPIC"],
        [Message(labelled("<script>alert(1)</script>")), Message(b"no labelled tweet")],
    )
    page = start_page(env)
    seen: dict[str, list[Any]] = {}

    def complete() -> bool:
        name, content = next(events)
        seen.setdefault(name, []).append(content)
        return len(seen.get("history", [])) >= 2 and any(seen["tweets"])

    with page.events() as events:
        assert next(events)[0] == "hello"
    with page.events() as events:
        eventually(complete, SEES_S, "all kinds of events have come")
    (hello,) = seen["hello"]
    assert {"labels", "colours", "model", "bucket_s", "input_topic", "output_topic"} == set(hello)
    assert set(hello["colours"]) == set(hello["labels"])
    (tweet,) = seen["tweets"][-1]
    assert (tweet["text"], tweet["emotion"]) == ("<script>alert(1)</script>", "joy")
    assert all(
        abs(later["at"] - earlier["at"]) > 0.5 for earlier, later in zip(seen["state"], seen["state"][1:], strict=False)
    )
    assert set(seen["history"][-1]) == {"from", "series"}


def labelled(text: str) -> bytes:
    fields = {"id": "1", "text": text, "emotion": "joy", "confidence": 0.9, "scores": {"joy": 0.9}, "model": "m"}
    return json.dumps(fields | {"classified_at": "2026-01-01T00:00:00.000Z"}).encode()


def test_a_kafka_that_restarts_without_its_records_is_read_from_zero(tmp_path: Path, start_page: StartPage) -> None:
    stack = EmbeddedStack(tmp_path)
    try:
        stack.start()
        env = unique_topics(stack, 1)
        page = start_page(env)
        page.wait_for_state(lambda state: answers(state, "kafka"), SEES_S, "Kafka answers")
        page.wait_for_state(lambda state: bool(state["rates"]), SEES_S, "the rates are known")
        publish(stack, env["KAFKA_OUTPUT_TOPIC"], [Message(labelled(f"before {number}")) for number in range(9)])
        page.wait_for_state(lambda state: state["rates"].get("joy", 0) > 0, SEES_S, "the tweets are read")
        stack.stop()
        page.wait_for_state(lambda state: not answers(state, "kafka"), SEES_S, "Kafka is gone")
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        stack.start()
        create_topics(stack, [env["KAFKA_INPUT_TOPIC"], env["KAFKA_OUTPUT_TOPIC"]], 1)
        page.wait_for_state(lambda state: answers(state, "kafka"), SEES_S, "Kafka is back")
        publish(stack, env["KAFKA_OUTPUT_TOPIC"], [Message(labelled("after"))])
        eventually(lambda: newest_text(page) == "after", SEES_S, "the new tweet is shown")
        assert page.exit_code is None
    finally:
        stack.stop()


def newest_text(page: PageProcess) -> str:
    with page.events() as events:
        tweets: list[dict[str, str]] = next(content for name, content in events if name == "tweets")
    return tweets[0]["text"] if tweets else ""


def test_the_failure_and_the_restart_of_redis_are_shown(apache_stack: ApacheStack, start_page: StartPage) -> None:
    page = start_page(unique_topics(apache_stack, PARTITIONS))
    page.wait_for_state(lambda state: answers(state, "redis"), SEES_S, "Redis answers")
    apache_stack.kill_redis()
    try:
        gone = page.wait_for_state(lambda state: not answers(state, "redis"), SEES_S, "Redis is gone")
        assert gone["redis"] == {"state": "silent", "notice": "Redis does not answer."}
        assert page.ask("POST", "/classify", {"text": "so happy"})[0] == 200
    finally:
        apache_stack.start_redis()
    page.wait_for_state(lambda state: answers(state, "redis"), SEES_S, "Redis is back")


def test_without_kafka_and_redis_the_page_still_classifies(start_page: StartPage) -> None:
    page = start_page(NO_SERVERS)
    state = page.wait_for_state(lambda state: state["redis"]["state"] == "silent", SEES_S, "Redis is silent")
    assert not answers(state, "kafka")
    assert state["counts"] is None
    status, body = page.ask("POST", "/classify", {"text": "so happy to see you"})
    assert (status, json.loads(body)["emotion"]) == (200, "joy")


def test_sigterm_closes_open_pages_and_ends_the_program_within_seconds(start_page: StartPage) -> None:
    page = start_page(NO_SERVERS)
    with page.events() as first, page.events() as second:
        assert next(first)[0] == next(second)[0] == "hello"
        started_s = time.monotonic()
        page.terminate()
        assert len(list(first)) < 20, "the first page's events have no end"
        assert len(list(second)) < 20, "the second page's events have no end"
        eventually(lambda: page.exit_code is not None, ENDS_S, "the program has ended")
    assert page.exit_code == ExitCode.OK
    assert time.monotonic() - started_s < ENDS_S
    assert "Traceback" not in page.log
