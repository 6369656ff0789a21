"""A connection through a proxy: bytes pass from each end to the other, no faster than the other end reads."""

import selectors
import socket
import struct
from contextlib import suppress
from typing import Final

from deploy.local.ports import LOOPBACK

_READ_BYTES: Final = 1 << 20
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: a close is a reset."""

_BUFFER: Final = memoryview(bytearray(_READ_BYTES))
"""Each read empties the buffer before the next one: the program has one thread."""


class Flow:
    """One direction of a connection."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source = source
        self.sink = sink
        self._waiting = memoryview(b"")
        self.ended = False

    @property
    def reads(self) -> bool:
        """Whether the flow takes more bytes from its source: not while earlier ones wait for the sink."""
        return not self.ended and not self.blocked

    @property
    def blocked(self) -> bool:
        """Whether bytes wait for the sink."""
        return bool(self._waiting)

    def read(self) -> None:
        """Take what the source has sent and pass it on. Raise OSError if an end has reset the connection."""
        size = self.source.recv_into(_BUFFER)
        if size:
            sent = _send(self.sink, _BUFFER[:size])
            self._waiting = memoryview(bytes(_BUFFER[sent:size]))
        else:
            self.ended = True
            self.sink.shutdown(socket.SHUT_WR)

    def write(self) -> None:
        """Pass on what waited, as far as the sink takes it."""
        self._waiting = self._waiting[_send(self.sink, self._waiting) :]


class Connection:
    """A client's connection and the one to the server behind the proxy."""

    def __init__(self, selector: selectors.BaseSelector, client: socket.socket, target_port: int) -> None:
        self.client_port: int = client.getpeername()[1]
        self._selector = selector
        self._client = client
        self._server = socket.socket()
        self._to_server = Flow(client, self._server)
        self._to_client = Flow(self._server, client)
        self._masks = {client: 0, self._server: 0}
        self.dead = False
        """Whether the connection stays open and carries nothing."""
        self.closed = False
        for end in (client, self._server):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connecting = True
        self._target_port = target_port

    def connect(self) -> None:
        """Begin to connect to the server; the client sees a refusal as a reset."""
        self._server.connect_ex((LOOPBACK, self._target_port))
        self.update()

    def kill(self) -> None:
        """Carry nothing from now on, and leave both ends open."""
        self.dead = True
        self.update()

    def close(self, *, reset: bool = False) -> None:
        """Close both ends."""
        self.closed = True
        for end in (self._client, self._server):
            self._watch(end, 0)
            if reset:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.close()

    def update(self) -> None:
        """Wait for what can happen next."""
        if self._to_server.ended and self._to_client.ended:
            self.close()
            return
        self._watch(self._client, self._mask(self._to_server, self._to_client))
        self._watch(self._server, self._mask(self._to_client, self._to_server))

    def _mask(self, reading: Flow, writing: Flow) -> int:
        """Return what to wait for on the socket that one flow reads and the other writes."""
        if self.dead:
            return 0
        if self._connecting:
            return selectors.EVENT_WRITE if writing is self._to_server else 0
        reads = selectors.EVENT_READ if reading.reads else 0
        return reads | (selectors.EVENT_WRITE if writing.blocked else 0)

    def _watch(self, end: socket.socket, mask: int) -> None:
        before, self._masks[end] = self._masks[end], mask
        if mask == before:
            return
        if not before:
            self._selector.register(end, mask, lambda events: self._ready(end, events))
        elif not mask:
            self._selector.unregister(end)
        else:
            self._selector.modify(end, mask, lambda events: self._ready(end, events))

    def _ready(self, end: socket.socket, events: int) -> None:
        if self.closed or self.dead:  # by another event of the same round
            return
        reading, writing = self._to_server, self._to_client
        if end is self._server:
            reading, writing = writing, reading
        try:
            if self._connecting:
                self._connected()
            elif events & selectors.EVENT_WRITE:
                writing.write()
            if events & selectors.EVENT_READ:
                reading.read()
        except BlockingIOError:  # the bytes that the kernel announced were dropped
            pass
        except OSError:
            self.close(reset=True)
            return
        self.update()

    def _connected(self) -> None:
        error = self._server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, "the server refuses the connection")
        self._connecting = False


def _send(sink: socket.socket, chunk: memoryview) -> int:
    try:
        return sink.send(chunk)
    except BlockingIOError:
        return 0
