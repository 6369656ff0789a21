"""The web app as its clients see it, with a fake classifier behind it."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from dashboard.app import make_app
from dashboard.batcher import CALL_MAX_TEXTS, QUEUE_MAX_TEXTS, Batcher
from dashboard.board import Board
from dashboard.events import Events
from dashboard.guard import Guard
from dashboard.messages import BODY_MAX_BYTES, TEXTS_MAX
from tests.fakes import FakeClassifier
from tests.servers import eventually

MAX_CHARS = 200
JSON = {"Content-Type": "application/json"}


class Service:
    """The app, its batcher and its model; `client` never raises what the app answers with 500."""

    def __init__(self) -> None:
        self.model = FakeClassifier()
        self.stop = threading.Event()
        self.batcher = Batcher(self.model)
        self.owner = threading.Thread(target=self.batcher.run, args=(self.stop,))
        events = Events(Board(), {"labels": []}, self.stop)
        app = make_app(self.batcher, events, model="fake-1", tweet_max_chars=MAX_CHARS)
        guarded = Guard(app, frozenset({"page.example"}))
        self.client = TestClient(guarded, base_url="http://localhost", raise_server_exceptions=False)

    def post(self, path: str, content: Any) -> tuple[int, Any]:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        response = self.client.post(path, content=body, headers=JSON)
        return response.status_code, response.json()


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service()
    running.owner.start()
    yield running
    running.stop.set()
    running.model.may_answer.set()
    running.owner.join(5)


def test_one_text_gets_one_result(service: Service) -> None:
    status, result = service.post("/classify", {"text": "so happy"})
    assert status == 200
    assert (result["emotion"], result["confidence"], result["model"]) == ("joy", 0.65, "fake-1")
    assert sum(result["scores"].values()) == pytest.approx(1)


def test_several_texts_get_results_in_order(service: Service) -> None:
    status, answer = service.post("/classify", {"texts": ["happy happy", "what", "happy"]})
    assert status == 200
    assert [result["confidence"] for result in answer["results"]] == [0.9, 0.4, 0.65]


def test_an_explanation_is_a_result_with_words(service: Service) -> None:
    status, answer = service.post("/explain", {"text": "so happy"})
    assert status == 200
    assert answer["words"] == [{"word": "so", "fall": 0.0}, {"word": "happy", "fall": 0.25}]
    assert {name: answer[name] for name in answer if name != "words"} == service.post(
        "/classify", {"text": "so happy"}
    )[1]
    assert service.model.calls[0] == ["so happy", "happy", "so"]


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
        ({"text": "poison"}, 422, "text: the model fails on it"),
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
def test_a_request_that_cannot_be_answered_is_told_in_one_sentence(
    service: Service, content: Any, status: int, words: str
) -> None:
    assert_refused(service.post("/classify", content), status, words)


def assert_refused(got: tuple[int, Any], status: int, words: str) -> None:
    assert got[0] == status, got
    assert list(got[1]) == ["error"]
    assert words in got[1]["error"]
    assert len(got[1]["error"]) < 200
    assert "\n" not in got[1]["error"]


@pytest.mark.parametrize("path", ["/classify", "/explain"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_another_method_is_told_which_one_is_right(service: Service, method: str, path: str) -> None:
    response = service.client.request(method, path)
    assert_refused((response.status_code, response.json()), 405, "POST")
    assert response.headers["Allow"] == "POST"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
def test_another_content_type_is_refused_so_that_no_web_site_can_send_a_form(service: Service, kind: str) -> None:
    response = service.client.post("/classify", content=b'{"text":"a"}', headers={"Content-Type": kind})
    assert_refused((response.status_code, response.json()), 415, "application/json")
    assert service.model.calls == []


def test_a_body_without_a_length_is_cut_off_at_the_limit(service: Service) -> None:
    pieces = (b"a" * 10_000 for _ in range(100))
    response = service.client.post("/classify", content=pieces, headers=JSON)
    assert_refused((response.status_code, response.json()), 413, str(BODY_MAX_BYTES))


def test_exactly_the_limits_are_still_answered(service: Service) -> None:
    assert service.post("/classify", {"texts": ["a"] * TEXTS_MAX})[0] == 200
    assert service.post("/classify", {"text": "a" * MAX_CHARS})[0] == 200


def test_a_full_queue_answers_503_and_when_to_come_back(service: Service) -> None:
    service.model.may_answer.clear()
    service.batcher.submit(["busy"])
    eventually(lambda: service.model.calls, 5, "the model is busy")
    for _ in range(QUEUE_MAX_TEXTS // CALL_MAX_TEXTS):
        service.batcher.submit(["text"] * CALL_MAX_TEXTS)
    response = service.client.post("/classify", json={"text": "one too many"})
    assert_refused((response.status_code, response.json()), 503, "again")
    assert response.headers["Retry-After"] == "1"


def test_concurrent_requests_share_calls_of_the_model(service: Service) -> None:
    service.model.may_answer.clear()
    service.batcher.submit(["busy"])
    eventually(lambda: service.model.calls, 5, "the model is busy")
    with service.client, ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(service.post, "/classify", {"text": f"happy {number}"}) for number in range(20)]
        eventually(lambda: service.batcher.waiting_texts == 20, 5, "all are waiting")
        assert service.client.get("/healthz").status_code == 200, "the web server is blocked"
        service.model.may_answer.set()
        assert {answer.result(5)[0] for answer in answers} == {200}
    assert service.client.get("/stats").json() == {"model_calls": 2, "texts": 21}


def test_every_answer_tells_browsers_to_trust_nobody_else(service: Service) -> None:
    for path in ("/docs", "/healthz", "/nothing-here", "/openapi.json", "/classify"):
        headers = service.client.get(path).headers
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
def test_the_page_answers_to_addresses_plain_names_and_names_it_was_given(service: Service, host: str) -> None:
    assert service.client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "page.example.evil.com"])
def test_a_strangers_name_is_refused(service: Service, host: str) -> None:
    response = service.client.get("/healthz", headers={"Host": host})
    assert_refused((response.status_code, response.json()), 421, "DASHBOARD_ALLOWED_HOSTS")


def test_the_openapi_page_and_all_that_it_loads_come_from_here(service: Service) -> None:
    page = service.client.get("/docs")
    assert page.status_code == 200
    assert "http" not in page.text.replace("http-equiv", "")
    for path in ("/docs/start.js", "/docs/swagger/swagger-ui-bundle.js", "/docs/swagger/swagger-ui.css"):
        assert path in page.text
        assert service.client.get(path).status_code == 200
    described = service.client.get("/openapi.json").json()
    assert set(described["paths"]) == {"/classify", "/explain", "/events", "/stats"}
    refusals = described["paths"]["/classify"]["post"]["responses"]
    assert {"200", "400", "413", "415", "422", "503"} <= set(refusals)
    assert refusals["422"]["content"]["application/json"]["schema"]["$ref"].endswith("/Error")


def test_what_is_not_there_is_404_in_one_sentence(service: Service) -> None:
    for path in ("/nothing", "/static/nothing.js", "/docs/../run.py", "/static/%2e%2e/run.py"):
        response = service.client.get(path)
        assert_refused((response.status_code, response.json()), 404, "nothing")
