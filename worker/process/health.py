"""HTTP for the people and machines that watch a worker: /metrics, /healthz, /readyz."""

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
    """Serves in a thread of its own; it reads what others write and can stop nothing."""

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
        """`overdue`: what hangs, or None; `ready`: whether tweets are being processed; `on_death`: told if serving
        ends by an error. Raises FatalError if the port is taken.
        """

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path == "/metrics":
                    encode, content_type = choose_encoder(self.headers.get("Accept", ""))
                    self._answer(200, encode(registry), content_type)
                elif path == "/healthz":
                    hanging = overdue()
                    self._answer(503 if hanging else 200, f"{hanging or 'ok'}\n".encode())
                elif path == "/readyz":
                    self._answer(200, b"ready\n") if ready() else self._answer(503, b"not ready\n")
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

        try:
            self._server = _Server((host, port), Handler)
        except OSError as error:
            raise FatalError(
                f"METRICS_HOST={host} METRICS_PORT={port}: cannot listen there ({error.strerror}); "
                "choose another host or port; port 0 is any",
                ExitCode.SETTINGS,
            ) from None
        self._on_death = on_death
        self._thread = threading.Thread(target=self._serve, name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Starts serving."""
        self._thread.start()

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._server.server_close()

    def _serve(self) -> None:
        try:
            self._server.serve_forever(time_limits.HEALTH_POLL.seconds)
        except BaseException as error:
            self._on_death(error)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        log.debug("a client of the metrics port went away", exc_info=True)
