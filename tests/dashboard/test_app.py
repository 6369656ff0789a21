"""The web app as its clients see it, with a fake classifier."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from dashboard.api_models import BODY_MAX_BYTES, TEXTS_MAX
from dashboard.request_queue import CALL_MAX_TEXTS, QUEUE_MAX_TEXTS
from tests.dashboard.running_app import JSON, MAX_CHARS, RunningApp
from tests.records import a_prediction
from tests.servers import eventually
from tweets.emotions import NEUTRAL
from tweets.prediction import Prediction


@pytest.fixture
def app() -> Iterator[RunningApp]:
    running = RunningApp()
    running.owner.start()
    yield running
    running.stop.set()
    running.model.may_answer.set()
    running.owner.join(5)


def test_one_text_gets_one_result(app: RunningApp) -> None:
    status, result = app.post("/classify", {"text": "so happy"})
    assert status == 200
    assert (result["emotion"], result["confidence"], result["model"]) == ("joy", 0.65, "fake-1")
    assert sum(result["scores"].values()) == pytest.approx(1)


def test_a_result_has_neutral_only_from_a_model_with_a_neutral_output(app: RunningApp) -> None:
    assert "neutral" not in app.post("/classify", {"text": "so happy"})[1]
    app.model.predict = lambda text: replace(a_prediction("joy", 0.9), neutral=0.123_456_7)
    status, result = app.post("/classify", {"texts": ["so happy"]})
    assert (status, list(result["results"][0])) == (200, ["emotion", "confidence", "scores", "neutral", "model"])
    assert result["results"][0]["neutral"] == 0.123457


def test_the_words_of_a_neutral_text_are_explained_by_the_probability_of_neutral(app: RunningApp) -> None:
    def predict(text: str) -> Prediction:
        neutral = 0.95 if "rain" in text else 0.25
        return replace(a_prediction("joy", 0.9), emotion=NEUTRAL, confidence=neutral, neutral=neutral)

    app.model.predict = predict
    status, answer = app.post("/explain", {"text": "rain today"})
    assert (status, answer["emotion"]) == (200, NEUTRAL)
    assert answer["words"] == [{"word": "rain", "fall": 0.7}, {"word": "today", "fall": 0.0}]


def test_several_texts_get_results_in_order(app: RunningApp) -> None:
    status, answer = app.post("/classify", {"texts": ["happy happy", "what", "happy"]})
    assert status == 200
    assert [result["confidence"] for result in answer["results"]] == [0.9, 0.4, 0.65]


@pytest.mark.parametrize("path", ["/classify", "/explain"])
def test_a_byte_order_mark_before_the_json_is_skipped(app: RunningApp, path: str) -> None:
    status, answer = app.post(path, b'\xef\xbb\xbf{"text":"happy"}')
    assert (status, answer["emotion"]) == (200, app.post(path, {"text": "happy"})[1]["emotion"])


def test_an_explanation_is_a_result_with_words(app: RunningApp) -> None:
    status, answer = app.post("/explain", {"text": "so happy"})
    assert status == 200
    assert answer["words"] == [{"word": "so", "fall": 0.0}, {"word": "happy", "fall": 0.25}]
    assert {name: answer[name] for name in answer if name != "words"} == app.post("/classify", {"text": "so happy"})[1]
    assert app.model.calls[0] == ["so happy", "happy", "so"]


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        ({"texts": []}, 422, "texts: the list is empty"),
        ({"texts": ["a"] * 10_000}, 422, "10000 texts, at most 1000"),
        ({"text": "a" * 1_000_000}, 413, str(BODY_MAX_BYTES)),
        ({"text": "a" * (MAX_CHARS + 1)}, 422, "text: 201 characters, at most 200"),
        ({"texts": ["fine", "a" * (MAX_CHARS + 1)]}, 422, "texts[1]: 201 characters"),
        ({"texts": ["fine", " \u200b"]}, 422, "texts[1]: nothing but blank characters"),
        ({"text": 5}, 422, "text: must be a string"),
        ({"text": None}, 422, "either text"),
        ({"texts": "a"}, 422, "texts: must be a list of strings"),
        ({"texts": ["a", {}]}, 422, "texts[1]: must be a string"),
        ({"text": "a", "texts": ["a"]}, 422, "either text"),
        ({"tekst": "a"}, 422, "tekst: there is no such field"),
        ({"text": "poison"}, 422, "text: the model fails on this text"),
        ({}, 422, "either text"),
        ([], 422, "send a JSON object"),
        ("a", 422, "send a JSON object"),
        (None, 422, "send a JSON object"),
        (b"", 422, "send a JSON object"),
        (b"text=a", 400, "not JSON"),
        (b'{"text":"\xff"}', 400, "JSON"),
        (b"[" * 100_000, 400, "JSON"),
        (b'{"text":' + b"9" * 10_000 + b"}", 400, "JSON"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_wrong_request_gets_an_error_of_one_sentence(app: RunningApp, content: Any, status: int, words: str) -> None:
    assert_refused(app.post("/classify", content), status, words)


def assert_refused(got: tuple[int, Any], status: int, words: str) -> None:
    assert got[0] == status, got
    assert list(got[1]) == ["error"]
    assert words in got[1]["error"]
    assert len(got[1]["error"]) < 200
    assert "\n" not in got[1]["error"]


@pytest.mark.parametrize("path", ["/classify", "/explain"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_the_error_for_a_wrong_method_names_the_allowed_method(app: RunningApp, method: str, path: str) -> None:
    response = app.client.request(method, path)
    assert_refused((response.status_code, response.json()), 405, "POST")
    assert response.headers["Allow"] == "POST"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
def test_other_content_types_are_refused_so_that_no_web_site_can_send_a_form(app: RunningApp, kind: str) -> None:
    response = app.client.post("/classify", content=b'{"text":"a"}', headers={"Content-Type": kind})
    assert_refused((response.status_code, response.json()), 415, "application/json")
    assert app.model.calls == []


def test_a_body_without_a_length_is_cut_off_at_the_limit(app: RunningApp) -> None:
    pieces = (b"a" * 10_000 for _ in range(100))
    response = app.client.post("/classify", content=pieces, headers=JSON)
    assert_refused((response.status_code, response.json()), 413, str(BODY_MAX_BYTES))


def test_exactly_the_limits_are_still_answered(app: RunningApp) -> None:
    assert app.post("/classify", {"texts": ["a"] * TEXTS_MAX})[0] == 200
    assert app.post("/classify", {"text": "a" * MAX_CHARS})[0] == 200


def test_a_full_queue_answers_503_with_the_time_to_retry(app: RunningApp) -> None:
    app.model.may_answer.clear()
    app.batcher.submit(["busy"])
    eventually(lambda: app.model.calls, 5, "the model is busy")
    for _ in range(QUEUE_MAX_TEXTS // CALL_MAX_TEXTS):
        app.batcher.submit(["text"] * CALL_MAX_TEXTS)
    response = app.client.post("/classify", json={"text": "one too many"})
    assert_refused((response.status_code, response.json()), 503, "again")
    assert response.headers["Retry-After"] == "1"


def test_concurrent_requests_share_calls_of_the_model(app: RunningApp) -> None:
    app.model.may_answer.clear()
    app.batcher.submit(["busy"])
    eventually(lambda: app.model.calls, 5, "the model is busy")
    with app.client, ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(app.post, "/classify", {"text": f"happy {number}"}) for number in range(20)]
        eventually(lambda: app.batcher.waiting_texts == 20, 5, "all are waiting")
        assert app.client.get("/healthz").status_code == 200, "the web server is blocked"
        app.model.may_answer.set()
        assert {answer.result(5)[0] for answer in answers} == {200}
    assert app.client.get("/stats").json() == {"model_calls": 2, "texts": 21}


def test_every_response_has_headers_against_other_origins(app: RunningApp) -> None:
    for path in ("/docs", "/healthz", "/nothing-here", "/openapi.json", "/classify"):
        headers = app.client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "127.0.0.1:80", "[::1]:80", "dashboard", "PAGE.example"]
)
def test_the_host_may_be_an_address_a_plain_name_or_an_allowed_name(app: RunningApp, host: str) -> None:
    assert app.client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "page.example.evil.com"])
def test_another_host_name_is_refused(app: RunningApp, host: str) -> None:
    response = app.client.get("/healthz", headers={"Host": host})
    assert_refused((response.status_code, response.json()), 421, "DASHBOARD_ALLOWED_HOSTS")


def test_the_openapi_page_loads_everything_from_this_server(app: RunningApp) -> None:
    page = app.client.get("/docs")
    assert page.status_code == 200
    assert "http" not in page.text.replace("http-equiv", "")
    for path in ("docs/start.js", "docs/swagger/swagger-ui-bundle.js", "docs/swagger/swagger-ui.css"):
        assert f'"{path}"' in page.text
        assert app.client.get(f"/{path}").status_code == 200
    described = app.client.get("/openapi.json").json()
    assert set(described["paths"]) == {
        *("/classify", "/explain", "/events", "/stats"),
        *("/series", "/surest", "/topics", "/hashtags"),
    }
    refusals = described["paths"]["/classify"]["post"]["responses"]
    assert {"200", "400", "413", "415", "422", "503"} <= set(refusals)
    assert refusals["422"]["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorResponse")


def test_an_unknown_address_is_404_in_one_sentence(app: RunningApp) -> None:
    for path in ("/nothing", "/static/nothing.js", "/docs/../run.py", "/static/%2e%2e/run.py"):
        response = app.client.get(path)
        assert_refused((response.status_code, response.json()), 404, "nothing")
