"""The open connections of an HTTP server: a bound on their number, and a time limit for each wait for a client."""

import asyncio
import resource
import socket
from typing import Final

from worker import time_limits
from worker.errors import ExitCode, FatalError

SPARE_DESCRIPTORS: Final = 128
"""Descriptors of the process that HTTP connections never take: Kafka's brokers, Redis, the model's files, the log."""

_LEAST: Final = 32
"""Connections that are always allowed: health checks, Prometheus, and a few people."""


def allowed_connections(wanted: int, *, descriptors_each: int = 1) -> int:
    """Return how many connections a server may hold: `wanted`, or fewer where the process may open few files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(_LEAST, min(wanted, (soft - SPARE_DESCRIPTORS) // descriptors_each))


def listening_socket(host: str, port: int, *, settings: str, backlog: int) -> socket.socket:
    """Return a socket that listens on `port` of `host`; port 0 is any free port.

    `settings` is the start of the names of the settings, such as METRICS. Raises FatalError.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)[0]
        # asyncio sets TCP_NODELAY only for IPPROTO_TCP; without TCP_NODELAY small responses are 40 ms late.
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; the connections of a listener inherit the limit
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, time_limits.HTTP_PEER.ms)
            listener.bind(address)
            listener.listen(backlog)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise FatalError(
            f"{settings}_HOST={host} {settings}_PORT={port}: cannot listen there ({error.strerror}); "
            f"set another host or port; {settings}_PORT=0 is any free port",
            ExitCode.SETTINGS,
        ) from None
    return listener


class Connections:
    """At most `most` connections; each waits for its client no longer than HTTP_CLIENT.

    A connection beyond the bound ends the one that has waited longest, so that connections on which nothing is sent
    never keep out a client that sends its request. Only the thread of the event loop calls the methods.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[asyncio.Transport, asyncio.TimerHandle] = {}
        self._busy: set[asyncio.Transport] = set()

    def wait_for_client(self, transport: asyncio.Transport) -> None:
        """From now on, the server waits for this client: for the rest of its request, or until it reads a response."""
        self.end(transport)
        limit = asyncio.get_running_loop().call_later(time_limits.HTTP_CLIENT.seconds, transport.abort)
        self._waiting[transport] = limit
        if len(self._waiting) + len(self._busy) > self._most:
            longest = next(iter(self._waiting))
            self.end(longest)
            longest.abort()

    def wait_for_server(self, transport: asyncio.Transport) -> None:
        """From now on, this client waits for its response."""
        self.end(transport)
        self._busy.add(transport)

    def end(self, transport: asyncio.Transport) -> None:
        """Forget a connection that is closed."""
        self._busy.discard(transport)
        if limit := self._waiting.pop(transport, None):
            limit.cancel()

    def abort(self) -> None:
        """End every connection at once."""
        for transport in [*self._waiting, *self._busy]:
            self.end(transport)
            transport.abort()
