"""The HTTP server of a worker: /metrics for Prometheus, /healthz and /readyz for Docker, Kubernetes and people."""

import logging
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from worker import time_limits
from worker.errors import ExitCode, FatalError

log = logging.getLogger(__name__)


class HealthServer:
    """Serves in a thread of its own, and changes nothing in the worker."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        registry: CollectorRegistry,
        overdue: Callable[[], str | None],
        ready: Callable[[], bool],
        on_death: Callable[[BaseException], None],
    ) -> None:
        """Listen on `port` of `host`; port 0 is any free port. Raises FatalError if the port is not available.

        `overdue` returns the step that takes too long, or None. `ready` returns whether the worker processes tweets.
        The thread calls `on_death` with the error that ended it.
        """
        try:
            self._server = _Server((host, port), registry, overdue, ready)
        except OSError as error:
            raise FatalError(
                f"METRICS_HOST={host} METRICS_PORT={port}: cannot listen there ({error.strerror}); "
                "set another host or port; METRICS_PORT=0 is any free port",
                ExitCode.SETTINGS,
            ) from None
        self._on_death = on_death
        self._thread = threading.Thread(target=self._serve, name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port on which the server listens."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread and close the port."""
        self._server.shutdown()
        self._server.server_close()

    def _serve(self) -> None:
        try:
            self._server.serve_forever(time_limits.HEALTH_POLL.seconds)
        except BaseException as error:
            self._on_death(error)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self,
        address: tuple[str, int],
        registry: CollectorRegistry,
        overdue: Callable[[], str | None],
        ready: Callable[[], bool],
    ) -> None:
        self.registry = registry
        self.overdue = overdue
        self.ready = ready
        super().__init__(address, _Handler)

    def handle_error(self, *_: object) -> None:
        log.debug("a client of the metrics port closed its connection early", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            encode, content_type = choose_encoder(self.headers.get("Accept", ""))
            self._answer(200, encode(self.server.registry), content_type)
        elif path == "/healthz":
            overdue = self.server.overdue()
            self._answer(503 if overdue else 200, f"{overdue or 'ok'}\n".encode())
        elif path == "/readyz":
            self._answer(200, b"ready\n") if self.server.ready() else self._answer(503, b"not ready\n")
        else:
            self._answer(404, b"try /metrics, /healthz or /readyz\n")

    def _answer(self, status: int, body: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        log.debug(format, *args)
