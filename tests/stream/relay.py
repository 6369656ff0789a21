"""A TCP relay that delays every answer, as a long network does, or passes nothing on, as a dead one does."""

import selectors
import socket
import threading
import time
from collections import deque
from typing import Final, Self

_READ_BYTES: Final = 1 << 20
_LOOK_S: Final = 0.001


class Relay:
    """Passes bytes between `port` and `target_port` of this machine; answers arrive `delay_s` later.

    While `silent` is true, connections stay open and carry nothing; those that were open then stay so afterwards.
    """

    def __init__(self, port: int, target_port: int, delay_s: float) -> None:
        self.port = port
        self._target_port = target_port
        self.delay_s = delay_s
        self.silent = False
        self._listener = socket.create_server(("127.0.0.1", port))
        self._closing = False
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self._closing:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target_port))
            except OSError:
                continue
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._threads.append(threading.Thread(target=self._pass_on, args=(client, server), daemon=True))
            self._threads[-1].start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        late: deque[tuple[float, bytes]] = deque()
        dead = False
        with client, server, selectors.DefaultSelector() as readable:
            readable.register(client, selectors.EVENT_READ)
            readable.register(server, selectors.EVENT_READ)
            try:
                while not self._closing:
                    ready = readable.select(_LOOK_S if late else 0.1)
                    dead = dead or self.silent
                    for key, _ in ready:
                        if not (read := key.fileobj.recv(_READ_BYTES)):  # type: ignore[union-attr]
                            return
                        if dead:
                            continue
                        if key.fileobj is client:
                            server.sendall(read)
                        else:
                            late.append((time.monotonic() + self.delay_s, read))
                    while late and not dead and late[0][0] <= time.monotonic():
                        client.sendall(late.popleft()[1])
            except OSError:
                return
