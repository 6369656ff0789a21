"""Ports for servers that are killed and started again on the same port."""

import random
import socket
from typing import Final

from chaos.errors import ChaosError
from deploy.local.ports import LOOPBACK, is_free

#: Below 32,768, where Linux begins to take ports for outgoing connections: while a server is down, no other program
#: takes its port.
_PORTS: Final = range(10_000, 12_000)


def server_ports(count: int) -> list[int]:
    """Return different ports on which no program listens at this moment."""
    found: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        if len(found) == count:
            break
        if is_free(port):
            found.append(port)
    if len(found) < count:
        raise ChaosError(f"fewer than {count} of the ports {_PORTS.start} to {_PORTS.stop - 1} are free")
    return found


def listening(port: int) -> bool:
    """Return whether a program on the loopback address accepts connections at the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0
