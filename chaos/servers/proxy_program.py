"""The program that all proxies of a run live in: one thread, and no lock of the verifier's interpreter.

    python -m chaos.servers.proxy_program PORT

It connects to PORT of its parent, obeys each line of JSON `{"do": …, "port": …, …}` and answers with a line. It ends
with this connection.
"""

import json
import selectors
import socket
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any, Final

import psutil

from chaos.servers.relayed import Connection
from deploy.local.ports import LOOPBACK

_READ_BYTES: Final = 65_536


class Proxy:
    """One listening port, and the connections through the port."""

    def __init__(self, selector: selectors.BaseSelector, target_port: int) -> None:
        self._target_port = target_port
        self._selector = selector
        self._cut = False
        self._cut_pids: Collection[int] | None = None
        self._connections: set[Connection] = set()
        self._listener = socket.create_server((LOOPBACK, 0), backlog=1024)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        selector.register(self._listener, selectors.EVENT_READ, lambda _events: self._accept())

    def set_target(self, *, target_port: int) -> None:
        """Send new connections to another port."""
        self._target_port = target_port

    def cut(self, *, pids: Collection[int] | None) -> None:
        """Carry nothing on connections of these processes, or on all, until `restore`."""
        self._cut, self._cut_pids = True, pids
        for connection in self._hit(self._open()):
            connection.kill()

    def restore(self) -> None:
        """Remove the cut, and close the connections that lost bytes."""
        self._cut = False
        for connection in self._open():
            if connection.dead:
                connection.close()

    def reset(self) -> None:
        """Close all connections; both ends see a reset."""
        for connection in self._open():
            connection.close(reset=True)

    def _accept(self) -> None:
        with suppress(OSError):  # the client has gone already
            client, _ = self._listener.accept()
            connection = Connection(self._selector, client, self._target_port)
            self._connections = {*self._open(), connection}
            if self._hit([connection]):
                connection.kill()
            else:
                connection.connect()

    def _open(self) -> set[Connection]:
        return {connection for connection in self._connections if not connection.closed}

    def _hit(self, connections: Collection[Connection]) -> list[Connection]:
        """Return those of the connections that the cut hits."""
        if not self._cut:
            return []
        if self._cut_pids is None:
            return list(connections)
        ports = {port for pid in self._cut_pids for port in self._ports_of(pid)}
        return [connection for connection in connections if connection.client_port in ports]

    def _ports_of(self, pid: int) -> list[int]:
        """Return the ports from which a process is connected to this proxy."""
        with suppress(psutil.Error):
            found = psutil.Process(pid).net_connections("tcp")
            return [each.laddr.port for each in found if each.raddr and each.raddr.port == self.port]
        return []


class ProxyProgram:
    """All proxies, and the connection to the program that commands them."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ, lambda _events: self._read_commands())
        self._unread = b""
        self._proxies: dict[int, Proxy] = {}
        self._commanded = True

    def run(self) -> None:
        """Pass bytes on until the connection to the other program ends."""
        while self._commanded:
            for key, events in self._selector.select():
                key.data(events)

    def _read_commands(self) -> None:
        received = self._control.recv(_READ_BYTES)
        self._commanded = bool(received)
        *lines, self._unread = (self._unread + received).split(b"\n")
        for line in lines:
            answer = self._obey(**json.loads(line))
            self._control.sendall(json.dumps(answer).encode() + b"\n")

    def _obey(self, do: str, port: int, **arguments: Any) -> int:
        """Run a command; return the port of the proxy."""
        if do == "open":
            proxy = Proxy(self._selector, port)
            self._proxies[proxy.port] = proxy
            return proxy.port
        proxy = self._proxies[port]
        commands: dict[str, Callable[..., None]] = {
            "set_target": proxy.set_target,
            "cut": proxy.cut,
            "restore": proxy.restore,
            "reset": proxy.reset,
        }
        commands[do](**arguments)
        return port


def main() -> None:
    """Run the proxies that the parent asks for."""
    with socket.create_connection((LOOPBACK, int(sys.argv[1]))) as control:
        control.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ProxyProgram(control).run()


if __name__ == "__main__":
    main()
