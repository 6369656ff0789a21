"""A connection through a proxy: bytes pass from each end to the other, no faster than the other end reads."""

import selectors
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from deploy.local.ports import LOOPBACK

_READ_BYTES: Final = 1 << 20
_MAX_LATE_BYTES: Final = 16 << 20
"""So many bytes of delayed answers wait; a network with this delay and more in flight is slower."""

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: a close is a reset."""

_BUFFER: Final = memoryview(bytearray(_READ_BYTES))
"""Each read empties the buffer before the next one: the program has one thread."""


class Flow:
    """One direction of a connection."""

    def __init__(self, source: socket.socket, sink: socket.socket, delay_s: Callable[[], float]) -> None:
        self.source = source
        self.sink = sink
        self._delay_s = delay_s
        self._waiting: deque[tuple[float, memoryview]] = deque()
        self._waiting_bytes = 0
        self._source_ended = False
        self.ended = False

    @property
    def reads(self) -> bool:
        """Whether the flow takes more bytes from its source: not while earlier ones block the sink."""
        return not self._source_ended and not self.blocked and self._waiting_bytes < _MAX_LATE_BYTES

    @property
    def blocked(self) -> bool:
        """Whether bytes wait for the sink."""
        return bool(self._waiting) and self._waiting[0][0] <= time.monotonic()

    @property
    def late(self) -> bool:
        """Whether bytes wait for their time."""
        return bool(self._waiting)

    def read(self) -> None:
        """Take what the source has sent and pass it on. Raise OSError if an end has reset the connection."""
        size = self.source.recv_into(_BUFFER)
        delay_s = self._delay_s()
        if not size:
            self._source_ended = True
        elif delay_s or self._waiting:
            self._keep(time.monotonic() + delay_s, _BUFFER[:size])
        else:
            sent = _send(self.sink, _BUFFER[:size])
            if sent < size:
                self._keep(0.0, _BUFFER[sent:size])
        self._end_if_empty()

    def write(self) -> None:
        """Pass on what waited and is due, as far as the sink takes it."""
        while self.blocked:
            due_s, chunk = self._waiting.popleft()
            sent = _send(self.sink, chunk)
            self._waiting_bytes -= sent
            if sent < len(chunk):
                self._waiting.appendleft((due_s, chunk[sent:]))
                return
        self._end_if_empty()

    def _keep(self, due_s: float, chunk: memoryview) -> None:
        self._waiting.append((due_s, memoryview(bytes(chunk))))
        self._waiting_bytes += len(chunk)

    def _end_if_empty(self) -> None:
        if self._source_ended and not self._waiting and not self.ended:
            self.ended = True
            self.sink.shutdown(socket.SHUT_WR)


class Connection:
    """A client's connection and the one to the server behind the proxy."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        client: socket.socket,
        *,
        target_port: int,
        answers_delay_s: Callable[[], float],
    ) -> None:
        self.client_port: int = client.getpeername()[1]
        self._selector = selector
        self._client = client
        self._server = socket.socket()
        self._to_server = Flow(client, self._server, lambda: 0.0)
        self._to_client = Flow(self._server, client, answers_delay_s)
        self._masks = {client: 0, self._server: 0}
        self.dead = False
        """Whether the connection stays open and carries nothing."""
        self.closed = False
        for end in (client, self._server):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connecting = True
        self._target_port = target_port

    @property
    def late(self) -> bool:
        """Whether answers wait for their time."""
        return self._to_client.late and not self.dead

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
        """Pass on delayed answers whose time has come, and wait for what can happen next."""
        try:
            if not self.dead:
                self._to_client.write()
        except OSError:
            self.close(reset=True)
            return
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
