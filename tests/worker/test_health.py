"""What the worker answers over HTTP."""

import logging
import resource
import socket
import struct
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import pytest
from prometheus_client import Gauge

from tests.servers import eventually
from tests.sockets import read_to_the_end
from worker import time_limits
from worker.errors import ExitCode, FatalError
from worker.process import health
from worker.process.connections import allowed_connections
from worker.process.health import CONNECTIONS_MAX, HEAD_MAX_BYTES, HealthServer
from worker.process.metrics import Metrics
from worker.time_limits import TimeLimit


class Worker:
    """What the server asks for, and the errors that ended the server."""

    hanging: str | None = None
    not_ready: str | None = "not ready: starting"

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.deaths: list[BaseException] = []
        self.server = self.serve(0)

    def serve(self, port: int) -> HealthServer:
        return HealthServer(
            "127.0.0.1",
            port,
            registry=self.metrics.registry,
            overdue=lambda: self.hanging,
            not_ready=lambda: self.not_ready,
            on_death=self.deaths.append,
        )

    def get(self, path: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.server.port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def connected(self, sent: bytes) -> socket.socket:
        """Return a connection on which these bytes were sent."""
        client = socket.create_connection(("127.0.0.1", self.server.port), timeout=10)
        client.sendall(sent)
        return client

    def open_connections(self) -> int:
        """Return how many connections the server holds."""
        mine = psutil.Process().net_connections("tcp")
        return sum(each.laddr.port == self.server.port and each.status == psutil.CONN_ESTABLISHED for each in mine)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the server wait for a client for a moment only."""
    monkeypatch.setattr(time_limits, "HTTP_CLIENT", TimeLimit(0.3, "for tests"))


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker()
    worker.server.start()
    yield worker
    worker.server.close()


def test_metrics_are_served_as_prometheus_reads_them(worker: Worker) -> None:
    worker.metrics.show_zeros(["joy"])
    worker.metrics.consumed.inc(3)
    status, text = worker.get("/metrics?x=1")
    assert status == 200
    assert "emotion_tweets_consumed_total 3.0" in text
    assert 'emotion_tweets_classified_total{emotion="joy"} 0.0' in text
    assert 'emotion_tweets_dead_lettered_total{reason="not_json"} 0.0' in text


def test_health_is_that_of_the_watchdog(worker: Worker) -> None:
    assert worker.get("/healthz") == (200, "ok\n")
    worker.hanging = "commit has taken more than 20 s"
    assert worker.get("/healthz") == (503, "commit has taken more than 20 s\n")


def test_readiness_has_a_reason_and_is_not_that_of_the_watchdog(worker: Worker) -> None:
    assert worker.get("/readyz") == (503, "not ready: starting\n")
    assert worker.get("/healthz") == (200, "ok\n")
    worker.not_ready = None
    worker.hanging = "poll"
    assert worker.get("/readyz") == (200, "ready\n")


def test_other_paths_name_those_that_there_are(worker: Worker) -> None:
    assert worker.get("/") == (404, "try /metrics, /healthz or /readyz\n")


def test_a_port_that_is_taken_is_one_line_that_names_the_setting(worker: Worker) -> None:
    with pytest.raises(FatalError) as caught:
        worker.serve(worker.server.port)
    assert caught.value.exit_code is ExitCode.SETTINGS
    assert f"METRICS_PORT={worker.server.port}: cannot listen there" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_host_of_another_machine_is_one_line_that_names_the_setting() -> None:
    with pytest.raises(FatalError, match=r"METRICS_HOST=192\.0\.2\.1 "):
        HealthServer(
            "192.0.2.1",
            0,
            registry=Metrics().registry,
            overdue=lambda: None,
            not_ready=lambda: None,
            on_death=lambda error: None,
        )


def test_a_client_that_resets_its_connection_does_not_end_the_server(worker: Worker) -> None:
    for sent in (b"", b"GET /metrics HTTP/1.1\r\n", b"GET /metrics HTTP/1.1\r\n\r\n"):
        with worker.connected(sent) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close with a reset
        assert worker.get("/healthz") == (200, "ok\n")
    assert worker.deaths == []


def test_an_error_that_ends_the_server_is_reported(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    error = OSError(24, "Too many open files")

    def fail(_: int) -> int:
        raise error

    assert worker.get("/healthz")[0] == 200, "the first server has not started"
    monkeypatch.setattr(health, "allowed_connections", fail)  # called in the server's thread
    other = worker.serve(0)
    other.start()
    eventually(lambda: worker.deaths, 10, "the server has ended")
    other.close()
    assert worker.deaths == [error]


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz", "/nothing"])
def test_head_is_answered_like_get_without_the_body(worker: Worker, path: str) -> None:
    def asked(method: str) -> tuple[str, list[str], bytes]:
        with worker.connected(f"{method} {path} HTTP/1.1\r\nHost: worker\r\n\r\n".encode()) as client:
            head, _, body = read_to_the_end(client).partition(b"\r\n\r\n")
        status, *headers = head.decode().split("\r\n")
        return status, [each for each in headers if each.startswith("Content-Type")], body

    got, head = asked("GET"), asked("HEAD")
    assert got[:2] == head[:2]
    assert got[2]
    assert head[2] == b""


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\n\r\n", b"200"),
        (b"HEAD /metrics HTTP/1.0\n\n", b"200"),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n", b"501"),
        (b"GET / HTTP/9.9\r\n\r\n", b"505"),
        (b"no HTTP at all\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/1.1\r\nX: " + b"x" * HEAD_MAX_BYTES, b"431"),
        (b"GET /" + b"x" * HEAD_MAX_BYTES, b"431"),
        (b"GET /healthz HTTP/1.1\r\n" + b"X: x\r\n" * 200 + b"\r\n", b"431"),
        (b"GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text; version=x;;=\r\n\r\n", b"200"),
        (b"GET /metrics HTTP/1.1\r\nAccept: text/plain; version=9.9.9; escaping=x\r\n\r\n", b"200"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_every_answer_is_short_and_names_no_version(
    worker: Worker, sent: bytes, status: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with worker.connected(sent) as client:
        head, _, _ = read_to_the_end(client).partition(b"\r\n\r\n")
    assert status in head.split(b"\r\n")[0]
    (server,) = [line for line in head.split(b"\r\n") if line.startswith(b"Server:")]
    assert server == b"Server: emotion-stream"
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    "line",
    [
        b"GET /\x1b[2J HTTP/1.1",
        b"GET /\x9b2J HTTP/1.1",
        b"\x1b]0;title\x07",
        b"\x7f\rGET / HTTP/1.1",
        b"G\x1bT / HTTP/1.0",
    ],
)
def test_a_request_reaches_the_log_without_control_characters(
    worker: Worker, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, health.__name__)
    with worker.connected(line + b"\r\n\r\n") as client:
        assert read_to_the_end(client).startswith(b"HTTP/1.")
    assert caplog.messages
    assert all(message.isascii() and message.isprintable() for message in caplog.messages)


@pytest.mark.parametrize("sent", [b"", b"GET /me", b"GET /metrics HTTP/1.1\r\nHost: worker\r\n"])
def test_a_head_that_does_not_become_whole_is_ended(worker: Worker, impatient: None, sent: bytes) -> None:
    with worker.connected(sent) as client:
        assert read_to_the_end(client) == b""


def test_a_head_that_comes_in_drops_is_ended(worker: Worker, impatient: None) -> None:
    with worker.connected(b"GET /healthz HTTP/1.1\r\nX: ") as client:

        def is_ended() -> bool:
            try:
                return client.send(b"x") == 0
            except OSError:
                return True

        eventually(is_ended, 10, "the server has ended the connection")


def test_a_client_that_does_not_read_the_metrics_is_ended(worker: Worker, impatient: None) -> None:
    Gauge("large", "x" * 20_000_000, registry=worker.metrics.registry)
    with worker.connected(b"GET /metrics HTTP/1.1\r\n\r\n"):
        eventually(worker.open_connections, 10, "the connection is open")
        eventually(lambda: not worker.open_connections(), 10, "the server has ended the connection")


def test_requests_are_answered_while_others_hold_every_connection_half_open(worker: Worker) -> None:
    with ExitStack() as stack:
        for _ in range(CONNECTIONS_MAX + 60):
            stack.enter_context(worker.connected(b"GET /me"))
        assert worker.get("/healthz") == (200, "ok\n")
        assert worker.get("/metrics")[0] == 200
        assert worker.open_connections() <= CONNECTIONS_MAX


def test_the_bound_leaves_descriptors_to_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = {1_024: 400, 256: 64, 64: 32, resource.RLIM_INFINITY: 400}
    for soft, most in allowed.items():
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert allowed_connections(400, descriptors_each=2) == most
