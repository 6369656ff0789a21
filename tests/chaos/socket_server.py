"""A TCP server of a few lines."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from deploy.local.ports import LOOPBACK

_END_S: Final = 20.0

Serve = Callable[[socket.socket], None]


class Server:
    """A server that runs a function with each of its connections, in a thread."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.connections: list[socket.socket] = []
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(_END_S)
        for each in (self._listener, *self.connections):
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections.append(connection)
                self._threads.append(threading.Thread(target=self._run, args=(connection,), daemon=True))
                self._threads[-1].start()

    def _run(self, connection: socket.socket) -> None:
        with suppress(OSError):
            self._serve(connection)
