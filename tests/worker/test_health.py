"""What the worker answers over HTTP."""

import logging
import socket
import struct
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest

from tests.servers import eventually
from worker.errors import ExitCode, FatalError
from worker.process.health import HealthServer
from worker.process.metrics import Metrics


class Worker:
    """What the server asks for, and the errors that ended the server."""

    hanging: str | None = None
    ready = False

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
            ready=lambda: self.ready,
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


def test_readiness_is_that_of_the_loop_and_not_of_the_watchdog(worker: Worker) -> None:
    assert worker.get("/readyz") == (503, "not ready\n")
    worker.ready = True
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
            ready=lambda: True,
            on_death=lambda error: None,
        )


def test_a_client_that_resets_its_connection_does_not_end_the_server(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "worker.process.health")
    with socket.create_connection(("127.0.0.1", worker.server.port)) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\n")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close with a reset
    eventually(lambda: "closed its connection early" in caplog.text, 10, "the server has seen the reset")
    assert worker.get("/healthz") == (200, "ok\n")
    assert worker.deaths == []


def test_an_error_that_ends_the_server_is_reported(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    error = OSError(24, "Too many open files")

    def fail(_: ThreadingHTTPServer) -> None:
        raise error

    monkeypatch.setattr(ThreadingHTTPServer, "service_actions", fail)  # called between two requests
    eventually(lambda: worker.deaths, 10, "the server has ended")
    assert worker.deaths == [error]
