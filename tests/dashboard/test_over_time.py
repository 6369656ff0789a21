"""The answers about emotion over time, as clients get them, from a real Redis."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Any

import pytest

from dashboard.board import ServiceState, ServiceStatus
from dashboard.hashtags import HashtagSummary, RisingHashtag
from tests.dashboard.running_app import NOW_S, PREFIX, QUESTIONS_MAX, RunningApp
from tests.redis_server import RedisServer, needs_redis_server, running
from tests.servers import eventually
from tweets.periods import Period
from worker.errors import TransientError

MINUTE = int(NOW_S) // 60
SINCE_S = 60 * (MINUTE - 5)

pytestmark = needs_redis_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running(tmp_path_factory.mktemp("redis")) as server:
        with server.client() as client:
            client.hset(f"{PREFIX}:topics", mapping={"brand-x": SINCE_S, "cats": SINCE_S + 60})
            client.hset(f"{PREFIX}:minute:{MINUTE}", mapping={"joy": 5, "fear": 2})
            client.hset(f"{PREFIX}:topic:brand-x:minute:{MINUTE - 1}", mapping={"anger": 4})
        yield server


def with_threads(app: RunningApp) -> Iterator[RunningApp]:
    threads = [
        Thread(target=each, args=(app.stop,)) for each in (app.over_time.read_series, app.over_time.surest_queue.run)
    ]
    for thread in threads:
        thread.start()
    with app.client:  # one event loop for all requests
        yield app
    app.surest.may_answer.set()
    app.stop.set()
    for thread in threads:
        thread.join(10)


@pytest.fixture
def app(server: RedisServer) -> Iterator[RunningApp]:
    yield from with_threads(RunningApp(redis_url=server.url))


@pytest.fixture
def app_without_redis() -> Iterator[RunningApp]:
    yield from with_threads(RunningApp())


def get(app: RunningApp, path: str, **parameters: str) -> tuple[int, Any]:
    response = app.client.get(path, params=parameters)
    return response.status_code, response.json()


def test_the_last_hour_of_all_tweets_has_every_minute(app: RunningApp) -> None:
    status, answer = get(app, "/series")
    assert (status, answer["topic"], answer["step"], len(answer["series"])) == (200, "", "minute", 60)
    assert "since" not in answer
    assert answer["series"][-1] == {"start": "2026-05-05T16:53:00Z", "counts": {"joy": 5, "fear": 2}}
    assert answer["series"][-2] == {"start": "2026-05-05T16:52:00Z", "counts": {}}


def test_a_tweet_topic_has_its_own_counts_and_says_since_when(app: RunningApp) -> None:
    first, end = "2026-05-05T18:52:00+02:00", "2026-05-05T16:54:00Z"
    assert get(app, "/series", topic="brand-x", **{"from": first, "to": end}) == (
        200,
        {
            "topic": "brand-x",
            "step": "minute",
            "since": "2026-05-05T16:48:00Z",
            "series": [
                {"start": "2026-05-05T16:52:00Z", "counts": {"anger": 4}},
                {"start": "2026-05-05T16:53:00Z", "counts": {}},
            ],
        },
    )


@pytest.mark.parametrize(
    ("path", "parameters", "status", "words"),
    [
        ("/series", {"topic": "dogs"}, 404, "there is no tweet topic 'dogs': counted are brand-x, cats"),
        ("/series", {"topic": "Brand X"}, 404, "there is no tweet topic 'Brand X'"),
        ("/series", {"topic": "\n" * 900}, 404, "there is no tweet topic"),
        ("/series", {"from": "noon"}, 422, "from: 'noon' is no time in RFC 3339"),
        ("/series", {"to": "2026-02-30T00:00:00Z"}, 422, "to: '2026-02-30T00:00:00Z' is no time"),
        ("/series", {"from": "2026-05-05T17:00:00Z"}, 422, "from: 2026-05-05T17:00:00Z is not before the present"),
        ("/series", {"from": "2026-05-01T00:00:00Z"}, 422, "minutes are more than the 3,000 of an answer"),
        ("/series", {"step": "week"}, 422, "step: input should be 'minute', 'hour' or 'day'"),
        ("/series", {"topics": "brand-x"}, 422, "topics: there is no such field"),
        ("/surest", {}, 422, "minute: field required"),
        ("/surest", {"minute": "noon"}, 422, "minute: 'noon' is no time"),
    ],
)
def test_a_wrong_question_gets_an_error_of_one_sentence(
    app: RunningApp, path: str, parameters: dict[str, str], status: int, words: str
) -> None:
    found, answer = get(app, path, **parameters)
    assert (found, list(answer)) == (status, ["error"])
    assert words in answer["error"]
    assert "\n" not in answer["error"]
    assert len(answer["error"]) < 250


def test_a_silent_redis_is_503_with_the_time_to_retry(app_without_redis: RunningApp) -> None:
    response = app_without_redis.client.get("/series")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.json() == {"error": "Redis does not answer: try again in a moment"}
    assert get(app_without_redis, "/topics")[0] == 503


def test_hashtags_are_503_while_kafka_does_not_answer(app: RunningApp) -> None:
    silent = (503, {"error": "Kafka does not answer: try again in a moment"})
    assert get(app, "/hashtags") == silent
    app.board.hashtags = HashtagSummary(SINCE_S)
    app.board.kafka = ServiceStatus("Kafka", ServiceState.ANSWERS)
    assert get(app, "/hashtags")[0] == 200
    app.board.kafka = ServiceStatus("Kafka", ServiceState.SILENT)
    assert get(app, "/hashtags") == silent


def test_after_the_stop_no_connection_to_redis_is_left(server: RedisServer) -> None:
    with server.client() as client:
        for app in with_threads(RunningApp(redis_url=server.url)):
            assert get(app, "/series")[0] == 200
            assert len(client.client_list()) == 2
        eventually(lambda: len(client.client_list()) == 1, 10, "the connection is closed")


def test_the_tweet_topics_and_the_hashtags_are_those_on_the_board(app: RunningApp) -> None:
    app.board.subjects = {"brand-x": SINCE_S}
    app.board.kafka = ServiceStatus("Kafka", ServiceState.ANSWERS)
    app.board.hashtags = HashtagSummary(SINCE_S, (RisingHashtag("#rain", 40, 38, 5),), error_max=2, minutes_before=60)
    assert get(app, "/topics") == (200, {"topics": [{"name": "brand-x", "since": "2026-05-05T16:48:00Z"}]})
    status, answer = get(app, "/hashtags")
    assert (status, answer["approximate"], answer["error_max"]) == (200, True, 2)
    assert answer["hashtags"] == [{"hashtag": "#rain", "last_hour": 40, "last_hour_at_least": 38, "hour_before": 5}]


def test_a_search_for_the_surest_tweets_names_its_minute_and_where_it_stopped(app: RunningApp) -> None:
    app.board.kafka = ServiceStatus("Kafka", ServiceState.ANSWERS)
    app.board.subjects = {"brand-x": SINCE_S}
    status, answer = get(app, "/surest", minute="2026-05-05T16:53:59Z", topic="brand-x")
    assert app.surest.asked == [(Period("minute", MINUTE), "brand-x")]
    assert (status, answer["minute"], answer["read"], answer["read_max"]) == (200, "2026-05-05T16:53:00Z", 7, 50_000)
    assert (answer["stopped"], answer["until"]) == ("records", "2026-05-05T16:54:00Z")
    assert get(app, "/surest", minute="2026-05-05T16:53:59Z", topic="dogs")[0] == 404


def test_a_search_without_a_kafka_is_503(app: RunningApp) -> None:
    asked = {"minute": "2026-05-05T16:53:59Z"}
    assert get(app, "/surest", **asked) == (503, {"error": "Kafka does not answer: try again in a moment"})
    assert app.surest.asked == []
    app.board.kafka = ServiceStatus("Kafka", ServiceState.ANSWERS)
    app.surest.failure = TransientError("the broker closed the connection")
    assert get(app, "/surest", **asked)[0] == 503


def test_searches_that_take_long_delay_nothing_else_and_only_a_few_of_them_wait(app: RunningApp) -> None:
    app.board.kafka = ServiceStatus("Kafka", ServiceState.ANSWERS)
    app.surest.may_answer.clear()
    asked = {"minute": "2026-05-05T16:53:59Z"}
    with ThreadPoolExecutor(QUESTIONS_MAX + 1) as pool:
        first = pool.submit(get, app, "/surest", **asked)
        eventually(lambda: app.surest.asked, 10, "the search has begun")
        others = [pool.submit(get, app, "/surest", **asked) for _ in range(QUESTIONS_MAX)]
        waiting = app.over_time.surest_queue._waiting
        eventually(waiting.full, 10, "the others wait")
        assert app.client.get("/series").status_code == 200
        response = app.client.get("/surest", params=asked)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
        app.surest.may_answer.set()
        assert {each.result(10)[0] for each in (first, *others)} == {200}


@pytest.mark.parametrize("path", ["/series", "/topics", "/hashtags"])
def test_head_is_answered_as_on_the_other_paths(app: RunningApp, path: str) -> None:
    app.board.subjects, app.board.hashtags = {}, HashtagSummary()
    app.board.kafka = ServiceStatus("Kafka", ServiceState.ANSWERS)
    response = app.client.head(path)
    assert (response.status_code, response.content) == (200, b"")
