"""TCP proxies that lose packets on demand."""

import json
import select
import socket
import sys
import threading
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from chaos.errors import ChaosError
from chaos.servers.children import start_child
from chaos.servers.waiting import wait_until
from deploy.local.ports import LOOPBACK

_ANSWER_S: Final = 30.0
_STOP_S: Final = 2.0


class TcpProxy:
    """Passes bytes between clients of `port` and a server at `target_port` of this machine."""

    def __init__(self, proxies: "Proxies", target_port: int) -> None:
        self._proxies = proxies
        self._target_port = target_port
        self.port = proxies.ask("open", target_port)

    @property
    def target_port(self) -> int:
        """The port of the server. A new one is for new connections; open ones stay where they are."""
        return self._target_port

    @target_port.setter
    def target_port(self, port: int) -> None:
        self._proxies.ask("set_target", self.port, target_port=port)
        self._target_port = port

    def cut(self, pids: Collection[int] | None = None) -> None:
        """Lose all packets, as a dead network does: connections stay open and carry nothing, new ones get no answer.

        `pids`: only connections of clients that are these processes.
        """
        self._proxies.ask("cut", self.port, pids=None if pids is None else sorted(pids))

    def restore(self) -> None:
        """Remove the cut. Connections that lost bytes are closed; new ones work."""
        self._proxies.ask("restore", self.port)

    def reset(self) -> None:
        """Close all connections now, at both ends."""
        self._proxies.ask("reset", self.port)


class Proxies:
    """The program that proxies live in; its methods may be called from any thread. `log` is its output."""

    def __init__(self, log: Path) -> None:
        self._lock = threading.Lock()
        with socket.create_server((LOOPBACK, 0)) as listener:
            port = listener.getsockname()[1]
            command = [sys.executable, "-m", "chaos.servers.proxy_program", str(port)]
            self._child = start_child("proxies", command, log=log, stop_s=_STOP_S)
            wait_until(lambda: self._connected(listener), _ANSWER_S, f"the program of the proxies starts (log: {log})")
            self._control, _ = listener.accept()
        self._control.settimeout(_ANSWER_S)
        self._answers = self._control.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process id of the program."""
        return self._child.pid

    def open(self, target_port: int) -> TcpProxy:
        """Return a new proxy in front of a port."""
        return TcpProxy(self, target_port)

    def ask(self, do: str, port: int, **arguments: Any) -> int:
        """Let the program run a command of `proxy_program`; return the port in its answer."""
        line = json.dumps({"do": do, "port": port, **arguments}).encode() + b"\n"
        with self._lock:
            answer = b""
            with suppress(OSError):
                self._control.sendall(line)
                answer = self._answers.readline()
        if not answer:
            raise ChaosError(f"the program of the proxies does not answer; its output is in {self._child.log}")
        return int(answer)

    def close(self) -> None:
        """End the program, and all connections with it."""
        self._answers.close()
        self._control.close()
        self._child.stop()

    def _connected(self, listener: socket.socket) -> bool:
        if self._child.exit_code is not None:
            raise ChaosError(f"the program of the proxies ended at its start; its output is in {self._child.log}")
        return bool(select.select([listener], [], [], 0)[0])
