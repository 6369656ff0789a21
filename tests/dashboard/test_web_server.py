"""The web server under clients that send or read too little, too much, or all at the same time."""

import io
import logging
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection

import pytest

from dashboard.api_models import BODY_MAX_BYTES
from tests.dashboard.running_app import SEEN_S, RunningApp, connected, get, is_ended, open_connections
from tests.servers import eventually
from tests.sockets import read_to_the_end
from worker.process.logs import configure_logging

HEAD = b"Host: localhost\r\nContent-Type: application/json\r\n"
EVENTS = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def app() -> Iterator[RunningApp]:
    yield from started(RunningApp(viewers_max=20))


@pytest.fixture
def small_app() -> Iterator[RunningApp]:
    yield from started(RunningApp(viewers_max=20, connections_max=40))


def started(running: RunningApp) -> Iterator[RunningApp]:
    running.owner.start()
    yield running
    running.stop.set()
    running.owner.join(5)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Log as a program does, into memory."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    configure_logging("INFO", "text")
    lines = io.StringIO()
    root.handlers[0].setStream(lines)  # type: ignore[attr-defined]
    yield lines
    root.handlers[:], root.level = before


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /he",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n",
        b"POST /classify HTTP/1.1\r\n" + HEAD + b'Content-Length: 100\r\n\r\n{"te',
        b"POST /classify HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /he",
    ],
    ids=["nothing", "half a line", "half a head", "half a body", "half a chunk", "half of the next head"],
)
def test_a_request_that_does_not_become_whole_is_ended(
    app: RunningApp, impatient: None, log: io.StringIO, sent: bytes
) -> None:
    with app.served() as port, connected(port, sent) as client:
        eventually(lambda: is_ended(client), SEEN_S, "the server has ended the connection")
    assert "Traceback" not in log.getvalue()


def test_a_head_that_comes_in_drops_is_ended(app: RunningApp, impatient: None) -> None:
    with app.served() as port, connected(port, b"GET /healthz HTTP/1.1\r\nX: ") as client:

        def is_ended_after_a_drop() -> bool:
            try:
                client.send(b"x")
            except OSError:
                return True
            return is_ended(client)

        eventually(is_ended_after_a_drop, SEEN_S, "the server has ended the connection")


def test_a_client_that_does_not_read_its_response_is_ended(app: RunningApp, impatient: None) -> None:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    request = b"GET /docs/swagger/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with app.served() as port, client:
        client.connect(("127.0.0.1", port))
        client.sendall(4 * request)  # more than the buffers of both sockets take
        eventually(lambda: not open_connections(port), SEEN_S, "the server has ended the connection")


def test_requests_are_answered_while_others_hold_every_connection_half_open(small_app: RunningApp) -> None:
    with small_app.served() as port, ExitStack() as stack:
        halves = [stack.enter_context(connected(port, b"GET /he")) for _ in range(200)]
        assert get(port, "/healthz")[:2] == (200, b"ok\n")
        eventually(lambda: sum(is_ended(half) for half in halves) >= 160, SEEN_S, "no more than the bound is open")
        assert sum(is_ended(half) for half in halves) <= 161, "more were ended than there were too many"


def test_open_pages_are_not_ended_by_half_open_connections(small_app: RunningApp) -> None:
    with small_app.served() as port, ExitStack() as stack:
        viewers = [stack.enter_context(connected(port, EVENTS)) for _ in range(20)]
        assert all(viewer.recv(12) == b"HTTP/1.1 200" for viewer in viewers)
        for _ in range(100):
            stack.enter_context(connected(port, b"GET /he"))
        assert get(port, "/healthz")[0] == 200
        assert not any(is_ended(viewer) for viewer in viewers)


def test_exactly_the_allowed_number_of_pages_is_admitted_when_more_come_at_once(app: RunningApp) -> None:
    with app.served() as port, ThreadPoolExecutor(60) as pool, ExitStack() as stack:
        viewers = [stack.enter_context(each) for each in pool.map(lambda _: connected(port, EVENTS), range(60))]
        statuses = [viewer.recv(12) for viewer in viewers]
    assert (statuses.count(b"HTTP/1.1 200"), statuses.count(b"HTTP/1.1 503")) == (20, 40)


@pytest.mark.parametrize(("pages", "state_chars"), [(20, 10), (3, 10_000_000)], ids=["quick", "slow to read"])
def test_pages_that_vanish_at_once_leave_their_places_and_no_traceback(
    app: RunningApp, log: io.StringIO, pages: int, state_chars: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.events.EVERY_S", 0.01)
    monkeypatch.setattr("dashboard.board.Board.state", lambda _: {"text": state_chars * "x"})
    with app.served() as port:
        for _ in range(3):
            viewers = [connected(port, EVENTS) for _ in range(pages)]
            for viewer in viewers:
                read_until(viewer, b"xxx")  # the rest of a long state waits for the page
            for viewer in viewers:
                viewer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close with a reset
                viewer.close()
            eventually(lambda: open_connections(port) == 0, SEEN_S, "the connections are closed")
        assert is_admitted(port)
    assert "Traceback" not in log.getvalue()


def read_until(client: socket.socket, end: bytes) -> None:
    received = b""
    while end not in received:
        piece = client.recv(65536)
        assert piece, received
        received += piece


def is_admitted(port: int) -> bool:
    with connected(port, EVENTS) as viewer:
        return viewer.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST /classify HTTP/1.1\r\n" + HEAD + b"Content-Length: 1000000000\r\n\r\n", b"413"),
        (b"POST /classify HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"413"),
        (b"POST /nothing HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"404"),
        (b"GET /stats HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"200"),
        (b"POST /classify HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 200000\r\n\r\n", b"421"),
    ],
    ids=["length", "chunks", "no such path", "a GET", "another host"],
)
def test_a_refused_body_is_not_read_to_its_end(app: RunningApp, log: io.StringIO, head: bytes, status: bytes) -> None:
    piece = b"10000\r\n" + b"a" * 65536 + b"\r\n" if b"chunked" in head else b"a" * 10_000
    with app.served() as port, connected(port, head) as client:
        sent = 0
        try:
            while sent < 100 * BODY_MAX_BYTES:
                client.settimeout(SEEN_S)
                sent += client.send(piece)
                client.settimeout(0.01)
                if status == b"421" and sent >= 100_000:
                    break  # the rest of this body never comes
        except OSError:
            pass
        client.settimeout(SEEN_S)
        head_of_answer, _, _ = read_to_the_end(client).partition(b"\r\n\r\n")
    assert sent < 100 * BODY_MAX_BYTES
    assert head_of_answer.startswith(b"HTTP/1.1 " + status), head_of_answer
    assert b"connection: close" in head_of_answer.lower()
    assert "Traceback" not in log.getvalue()


def test_a_small_refused_body_that_is_read_keeps_the_connection(app: RunningApp) -> None:
    with app.served() as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=SEEN_S)
        connection.request("POST", "/classify", b"{}", {"Content-Type": "application/json"})
        response = connection.getresponse()
        assert (response.status, response.getheader("Connection")) == (422, None)
        response.read()
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok\n"
        connection.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"no HTTP at all\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + 20_000 * b"x",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: upgrade, close\r\n\r\n",
        b"POST /classify HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\nno length\r\n",
        b"POST /nothing HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\nno length\r\n",
    ],
    ids=["no HTTP", "a large head", "an upgrade", "no chunk", "no chunk after the response"],
)
def test_broken_requests_are_a_few_lines_of_log_however_many_come(
    app: RunningApp, log: io.StringIO, sent: bytes
) -> None:
    with app.served() as port:
        for _ in range(100):
            with connected(port, sent) as client:
                eventually(lambda client=client: is_ended(client), SEEN_S, "it is answered")  # type: ignore[misc]
        assert get(port, "/healthz")[0] == 200
    lines = log.getvalue().splitlines()
    assert len(lines) <= 5, lines[:20]
    assert not any("Traceback" in line for line in lines)


@pytest.mark.parametrize("path", ["/", "/healthz", "/stats", "/openapi.json", "/docs", "/static/page.js"])
def test_head_is_answered_like_get_without_the_body(app: RunningApp, path: str) -> None:
    with app.served() as port:
        got, asked = get(port, path), get(port, path, "HEAD")
    assert (got[0], asked[0], asked[1]) == (200, 200, b"")
    assert {name: asked[2][name] for name in ("content-type", "content-length")} == {
        name: got[2][name] for name in ("content-type", "content-length")
    }


def test_no_header_names_a_program_or_a_version(app: RunningApp) -> None:
    with app.served() as port:
        for path in ("/", "/healthz", "/nothing", "/stats"):
            headers = get(port, path)[2]
            assert not {"server", "x-powered-by", "via"} & {name.lower() for name in headers}
        with connected(port, b"no HTTP\r\n\r\n") as client:
            assert b"server:" not in read_to_the_end(client).lower()
