"""Connections that wait for the classifier, or for a client that reads slowly, leave places for others."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from dashboard.api_models import TEXTS_MAX
from dashboard.web_server import questions_max, requests_max
from tests.dashboard.running_app import SEEN_S, RunningApp, connected, get, open_connections
from tests.servers import eventually

EVENTS = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"
MANY = {"texts": ["happy"] * TEXTS_MAX}
SMALL = 4096
SLOW = {
    "HTTP/1.0": ("1.0", "", 1),
    "HTTP/1.0 that keeps the connection": ("1.0", "Connection: keep-alive\r\n", 1),
    "the last response": ("1.1", "Connection: close\r\n", 1),
    "an endless connection": ("1.1", "", 1),
    "requests one after another": ("1.1", "", 3),
}


@pytest.fixture(params=[(20, 40), (16, 32)], ids=["40 connections", "32, the least"])
def app(request: pytest.FixtureRequest) -> Iterator[RunningApp]:
    viewers_max, connections_max = request.param
    running = RunningApp(viewers_max=viewers_max, connections_max=connections_max)
    running.owner.start()
    yield running
    running.model.may_answer.set()
    running.stop.set()
    running.owner.join(5)


def post(path: str, content: object, version: str = "1.1", header: str = "") -> bytes:
    body = json.dumps(content)
    head = f"POST {path} HTTP/{version}\r\nHost: localhost\r\nContent-Type: application/json\r\n{header}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def slow_reader(port: int, sent: bytes) -> socket.socket:
    """Return a connection with small buffers on which a long response has begun."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    client.settimeout(SEEN_S)
    client.connect(("127.0.0.1", port))
    client.sendall(sent)
    assert client.recv(12)[-3:] == b"200"
    return client


@pytest.mark.parametrize(("version", "header", "times"), SLOW.values(), ids=SLOW)
def test_a_slow_reader_is_ended(app: RunningApp, impatient: None, version: str, header: str, times: int) -> None:
    sent = times * post("/classify", MANY, version, header)
    with app.served(SMALL) as port, slow_reader(port, sent) as client:

        def is_ended_after_a_few_bytes() -> bool:
            try:
                client.recv(4)
            except OSError:
                return True
            return not open_connections(port)

        eventually(is_ended_after_a_few_bytes, SEEN_S, "the server has ended the connection")


def test_bytes_of_a_further_request_do_not_lift_the_limit_of_a_slow_reader(app: RunningApp, impatient: None) -> None:
    with app.served(SMALL) as port, slow_reader(port, 2 * post("/classify", MANY)) as client:

        def is_ended_after_a_byte() -> bool:
            try:
                client.send(b"G")
            except OSError:
                return True
            return not open_connections(port)

        eventually(is_ended_after_a_byte, SEEN_S, "the server has ended the connection")


@pytest.mark.parametrize(("version", "header", "times"), SLOW.values(), ids=SLOW)
def test_others_are_served_while_slow_readers_take_every_place(
    app: RunningApp, version: str, header: str, times: int
) -> None:
    sent = times * post("/classify", MANY, version, header)
    with app.served(SMALL) as port, ExitStack() as stack:
        for _ in range(app.connections_max + 5):
            stack.enter_context(slow_reader(port, sent))
        assert get(port, "/healthz")[0] == 200
        assert open_connections(port) <= app.connections_max


@pytest.mark.parametrize("path", ["/classify", "/explain"])
def test_open_pages_and_waiting_requests_leave_places_for_others(app: RunningApp, path: str) -> None:
    app.model.may_answer.clear()
    app.batcher.submit(["busy"])
    eventually(lambda: app.model.calls, SEEN_S, "the model is busy")
    with app.served() as port, ExitStack() as stack:
        viewers = [stack.enter_context(connected(port, EVENTS)) for _ in range(app.connections_max // 2)]
        assert all(viewer.recv(12) == b"HTTP/1.1 200" for viewer in viewers)
        sent = post(path, {"text": "happy"})
        waiting = [stack.enter_context(connected(port, sent)) for _ in range(app.requests_max)]
        eventually(lambda: app.batcher.waiting_texts == app.requests_max, SEEN_S, "the requests wait for the model")
        further = [stack.enter_context(connected(port, sent)) for _ in range(3 * app.connections_max)]
        for client in further[-app.connections_max // 4 :]:
            head = client.recv(65536).lower()
            assert head.startswith(b"http/1.1 503"), head
            assert b"retry-after: 1" in head
        assert get(port, "/healthz")[0] == 200
        assert get(port, "/events")[0] == 503
        app.model.may_answer.set()
        assert all(client.recv(12) == b"HTTP/1.1 200" for client in waiting)


def test_a_place_is_free_again_after_a_response(app: RunningApp) -> None:
    with app.served() as port:
        for _ in range(2 * app.requests_max):
            with connected(port, post("/classify", {"text": "happy"})) as client:
                assert client.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize(
    ("connections_max", "viewers_max", "most"), [(400, 200, 168), (100, 50, 25), (64, 32, 16), (32, 16, 8)]
)
def test_some_requests_are_allowed_under_every_bound(connections_max: int, viewers_max: int, most: int) -> None:
    assert requests_max(connections_max, viewers_max) == most


@pytest.mark.parametrize(("connections_max", "most"), [(400, (8, 4)), (64, (4, 2)), (16, (1, 1))])
def test_questions_about_time_leave_connections_for_health_checks(connections_max: int, most: tuple[int, int]) -> None:
    assert questions_max(connections_max) == most
