"""The web server of the live page: uvicorn, with a bound on connections and a limit for each wait for a client."""

import asyncio
import socket
from typing import Any, Final

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from worker.process.connections import Connections

CONNECTIONS_MAX: Final = 400
"""Twice as many as open pages (`events.VIEWERS_MAX`): the others are for short requests."""

DESCRIPTORS_EACH: Final = 2
"""A connection and the file that is sent over it."""

SPARE_CONNECTIONS: Final = 32
"""Connections that open pages and requests for the classifier leave free, at most a quarter of the bound: for further
pages, health checks and refusals."""

SPARE_PER_ACCEPTED: Final = 4
"""Spare connections to each that is accepted at once: asyncio reads and answers a request two or three rounds after it
accepted the connection, and newer connections must not end it before."""

BACKLOG: Final = 128
"""Connections that wait to be accepted, far more than arrive at once: a client that finds no place tries again only
after a second."""

STOP_S: Final = 1
"""Seconds that open requests get to finish after the stop flag is set."""


def requests_max(connections_max: int, viewers_max: int) -> int:
    """Return how many requests may wait for the classifier beside the open pages."""
    return connections_max - viewers_max - _spare_connections(connections_max)


def questions_max(connections_max: int) -> tuple[int, int]:
    """Return how many requests for a series and how many searches may wait: at most half of the spare connections."""
    spare = _spare_connections(connections_max)
    return max(1, spare // 4), max(1, spare // 8)


def _spare_connections(connections_max: int) -> int:
    return min(SPARE_CONNECTIONS, connections_max // 4)


def web_server(app: ASGIApp, *, connections_max: int) -> uvicorn.Server:
    """Return a server for the app; the caller passes the listening socket to its `run`."""
    return _Server(_Config(app, connections_max))


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Let more connections wait than are accepted at once: for asyncio, `backlog` is both."""
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(BACKLOG)


class _Config(uvicorn.Config):
    def __init__(self, app: ASGIApp, connections_max: int) -> None:
        self.open_connections = Connections(connections_max)
        super().__init__(
            app,
            access_log=False,
            backlog=_spare_connections(connections_max) // SPARE_PER_ACCEPTED,
            http=_Protocol,
            lifespan="off",
            log_config=None,
            log_level="warning",
            loop="asyncio",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_S,
            ws="none",
        )


class _Protocol(H11Protocol):
    """A connection that waits for its client or for the app; uvicorn limits only the wait between two requests."""

    def __init__(
        self,
        config: _Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._all = config.open_connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._all.wait_for_client(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.end(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.timeout_keep_alive_task is not None:  # the first bytes of a further request
            self._all.wait_for_client(self.transport)
        super().data_received(data)
        self._end_wait_for_request()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self in self.connections:
            self._all.wait_for_client(self.transport)  # until the client has read the response, or sends a request
            self._end_wait_for_request()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._all.wait_for_client(self.transport)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._end_wait_for_request()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP; a response that has begun cannot be followed by another."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()
            return
        super().send_400_response(msg)
        if self.cycle is not None:  # its app must not answer too
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _end_wait_for_request(self) -> None:
        """Record that the client waits, if its request was read to the end and the client need not read first.

        Once the response of a connection that ends is complete, the transport is closing until the client has read it.
        """
        is_whole = self.conn.their_state in (h11.DONE, h11.MUST_CLOSE)
        must_read = self.flow.write_paused or self.transport.is_closing()
        if is_whole and not must_read and self in self.connections:
            self._all.wait_for_server(self.transport)
