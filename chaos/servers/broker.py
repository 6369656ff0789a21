"""One node of the Kafka cluster, and everything that can happen to it."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chaos.errors import ChaosError
from chaos.servers.children import FreezableChild, start_child
from chaos.servers.ports import listening
from chaos.servers.proxy import TcpProxy
from chaos.servers.waiting import wait_until

_END_S: Final = 10.0
_STOP_S: Final = 15.0
"""A broker hands its partitions over before it ends."""


@dataclass(slots=True, eq=False)
class Broker:
    """A broker and controller in one process. `index` counts from 0; Kafka's node id is one more."""

    index: int
    java: Sequence[str]
    folder: Path
    ports: Mapping[str, int]
    proxies: Mapping[str, TcpProxy]
    others: Sequence["Broker"] = field(default=(), repr=False)
    _child: FreezableChild | None = field(default=None, init=False)

    @property
    def node(self) -> int:
        """Kafka's node id."""
        return self.index + 1

    @property
    def pid(self) -> int:
        """The process id, also after the end of the process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there, frozen or not."""
        return self._child is not None and self._child.exit_code is None

    @property
    def listening(self) -> bool:
        """Whether the broker accepts connections, as it does once its start is complete."""
        return self.running and listening(self.ports["DIRECT"])

    @property
    def log(self) -> Path:
        """What the broker prints: errors only."""
        return self.folder / f"broker-{self.node}.log"

    @property
    def properties(self) -> Path:
        """The file with the broker's settings."""
        return self.folder / f"broker-{self.node}.properties"

    @property
    def data(self) -> Path:
        """The folder with the broker's records."""
        return self.folder / f"broker-{self.node}"

    def restart(self) -> None:
        """Start the broker, and kill it before if it runs; do not wait until it is ready."""
        if self.running:
            self.kill()
        temporary = self.folder / f"broker-{self.node}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)  # a killed JVM leaves its unpacked libraries there
        temporary.mkdir()
        command = [*self.java, f"-Djava.io.tmpdir={temporary}", "kafka.Kafka", str(self.properties)]
        self._child = start_child(f"broker {self.node}", command, log=self.log, stop_s=_STOP_S)

    def kill(self) -> None:
        """End the process with SIGKILL."""
        self._process.kill()
        wait_until(lambda: not self.running, _END_S, f"broker {self.node} has ended")

    def terminate(self) -> None:
        """Send SIGTERM, and let a frozen process continue to see the signal."""
        if self.running:
            self._process.terminate()
            self._process.thaw()

    def freeze(self) -> None:
        """Let the process stand still."""
        self._process.freeze()

    def thaw(self) -> None:
        """Continue a frozen process."""
        self._process.thaw()

    def cut_off(self) -> None:
        """Lose every packet between this broker and the others or the clients under test, in both directions."""
        own, others = [self.pid], [other.pid for other in self.others]
        self.proxies["CLIENTS"].cut()
        for name in ("BROKERS", "CONTROLLER"):
            self.proxies[name].cut(others)
            for other in self.others:
                other.proxies[name].cut(own)

    def reconnect(self) -> None:
        """Let packets pass again; the connections that lost bytes are closed."""
        for broker in (self, *self.others):
            for proxy in broker.proxies.values():
                proxy.restore()

    def reset_connections(self) -> None:
        """Close the connections of other brokers and of the clients under test to this broker."""
        for proxy in self.proxies.values():
            proxy.reset()

    def check(self) -> None:
        """Raise ChaosError if the process has ended."""
        if not self.running:
            tail = self._process.log_tail().splitlines()
            raise ChaosError(f"Kafka broker {self.node} ended: {tail[-1] if tail else 'no output'} (log: {self.log})")

    @property
    def _process(self) -> FreezableChild:
        if self._child is None:
            raise ChaosError(f"Kafka broker {self.node} was not started")
        return self._child
