"""Ports for servers of the tests: no two test processes are given the same one."""

import os
import random
from collections.abc import Iterator
from typing import Final

from deploy.local.ports import is_free

_FIRST: Final = 12_000
_EACH: Final = 1_000
"""Ports of each test process. All lie below 32,768, where Linux begins to take ports for outgoing connections."""

_PROCESSES: Final = 20


def free_ports(count: int) -> list[int]:
    """Return ports on which no server listens; none comes twice before all of this process have had their turn."""
    found: list[int] = []
    for _ in range(_EACH):
        port = next(_PORTS)
        if is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise AssertionError(f"fewer than {count} of the ports from {_first_port()} are free")


def _first_port() -> int:
    """Return the first port of this process: pytest-xdist names its processes gw0, gw1, and so on."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return _FIRST + _EACH * (number % _PROCESSES)


def _in_turn() -> Iterator[int]:
    turn = random.randrange(_EACH)
    while True:
        turn = (turn + 1) % _EACH
        yield _first_port() + turn


_PORTS: Final = _in_turn()
