"""TCP ports of this machine's loopback address."""

import socket
from contextlib import ExitStack, suppress

from deploy.local.errors import LocalError

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Return different ports on which no program listens at this moment."""
    with ExitStack() as sockets:
        return [_bound(sockets, 0) for _ in range(count)]


def is_free(port: int) -> bool:
    """Return whether no program listens on the port at this moment."""
    with suppress(OSError), ExitStack() as sockets:
        _bound(sockets, port)
        return True
    return False


def require_free(port: int, purpose: str) -> None:
    """Raise LocalError if another program listens on the port."""
    try:
        with ExitStack() as sockets:
            _bound(sockets, port)
    except OSError as error:
        raise LocalError(
            f"port {port} ({purpose}) cannot be used: {error.strerror}; to list the process that uses the port: "
            f"lsof -i tcp:{port}"
        ) from None


def _bound(sockets: ExitStack, port: int) -> int:
    listener = sockets.enter_context(socket.socket())
    # Servers set SO_REUSEADDR too; without the option a port whose program has just ended would count as taken.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LOOPBACK, port))
    number: int = listener.getsockname()[1]
    return number
