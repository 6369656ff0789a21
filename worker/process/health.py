"""The HTTP server of a worker: /metrics for Prometheus, /healthz and /readyz for Docker, Kubernetes and people."""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from typing import Final, cast

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from worker import time_limits
from worker.process.connections import Connections, allowed_connections, listening_socket

log = logging.getLogger(__name__)

CONNECTIONS_MAX: Final = 128
"""Far more than a few Prometheus servers and health checks open at once."""

HEAD_MAX_BYTES: Final = 16 * 1024
"""Bytes of a request's head, as on the live page; Prometheus sends a few hundred."""

BACKLOG: Final = 32
"""Connections accepted at once, at most a quarter of the bound: a request that is there is read before newer
connections can end it."""


class HealthServer:
    """Serves in a thread of its own, and changes nothing in the worker."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        registry: CollectorRegistry,
        overdue: Callable[[], str | None],
        not_ready: Callable[[], str | None],
        on_death: Callable[[BaseException], None],
    ) -> None:
        """Listen on `port` of `host`; port 0 is any free port. Raises FatalError if the port is not available.

        `overdue` returns the step that takes too long, or None. `not_ready` returns why the worker does not
        process tweets, or None.
        The thread calls `on_death` with the error that ended it.
        """
        self._listener = listening_socket(host, port, settings="METRICS", backlog=BACKLOG)
        self._answers = _Answers(registry, overdue, not_ready)
        self._on_death = on_death
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port on which the server listens."""
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread and close the port."""
        with suppress(RuntimeError):  # the loop closed with its thread
            self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(time_limits.HEALTH_CLOSE.seconds)
        self._listener.close()

    def _serve(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._answer_until_stopped())
        except BaseException as error:
            self._on_death(error)

    async def _answer_until_stopped(self) -> None:
        connections_max = allowed_connections(CONNECTIONS_MAX)
        connections = Connections(connections_max)
        backlog = min(BACKLOG, connections_max // 4)
        server = await self._loop.create_server(
            lambda: _Connection(connections, self._answers), sock=self._listener, backlog=backlog
        )
        try:
            await self._stopped.wait()
        finally:
            server.close()
            connections.abort()


class _Answers:
    """What the worker answers under each path."""

    def __init__(
        self, registry: CollectorRegistry, overdue: Callable[[], str | None], not_ready: Callable[[], str | None]
    ) -> None:
        self._registry = registry
        self._overdue = overdue
        self._not_ready = not_ready

    def answer(self, path: str, accept: str) -> tuple[int, bytes, str]:
        """Return status, body and content type."""
        plain = "text/plain; charset=utf-8"
        if path == "/metrics":
            encode, content_type = _encoder(accept)
            return 200, encode(self._registry), content_type
        if path == "/healthz":
            overdue = self._overdue()
            return 503 if overdue else 200, f"{overdue or 'ok'}\n".encode(), plain
        if path == "/readyz":
            not_ready = self._not_ready()
            return 503 if not_ready else 200, f"{not_ready or 'ready'}\n".encode(), plain
        return 404, b"try /metrics, /healthz or /readyz\n", plain


def _encoder(accept: str) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    """Return the text format that the header Accept asks for; Prometheus' own where the version is not a number."""
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):  # of the client library, at a version such as `x`
        return choose_encoder("")


class _Connection(asyncio.Protocol):
    """Reads the head of one request, answers, and closes; a body is not read."""

    def __init__(self, connections: Connections, answers: _Answers) -> None:
        self._connections = connections
        self._answers = answers
        self._head = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.wait_for_client(self._transport)

    def data_received(self, data: bytes) -> None:
        self._head += data
        whole = b"\r\n\r\n" in self._head or b"\n\n" in self._head
        if whole or len(self._head) > HEAD_MAX_BYTES:
            exchange = _Exchange(bytes(self._head) if whole else None, self._answers)
            self._transport.write(exchange.wfile.getvalue())
            self._transport.close()  # once the client has read the response, or after HTTP_CLIENT

    def connection_lost(self, _: Exception | None) -> None:
        self._connections.end(self._transport)


class _Exchange(BaseHTTPRequestHandler):
    """The standard library's reading of a head, without its socket; `wfile` has the response."""

    server_version = "emotion-stream"
    default_request_version = "HTTP/1.0"  # HTTP/0.9, the default, has answers without a status
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(message)s\n"
    wfile: BytesIO

    def __init__(self, head: bytes | None, answers: _Answers) -> None:
        """Answer the request; None is a head that is too large."""
        self._answers = answers
        self.client_address = ("", 0)
        self.rfile, self.wfile = BytesIO(head or b""), BytesIO()
        if head is None:
            self.requestline, self.request_version, self.command = "", self.protocol_version, ""
            self.send_error(431)
        else:
            self.handle_one_request()

    def do_GET(self) -> None:
        status, body, content_type = self._answers.answer(self.path.partition("?")[0], self.headers.get("Accept", ""))
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def version_string(self) -> str:
        """Return the header Server, without a version."""
        return self.server_version

    def log_message(self, format: str, *args: object) -> None:
        log.debug("%s", ascii(format % args))  # a request line may have control characters of a terminal
