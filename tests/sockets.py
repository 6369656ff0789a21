"""Plain sockets as clients of the tests."""

import socket


def read_to_the_end(client: socket.socket) -> bytes:
    """Return what the server sends until it ends the connection."""
    received = b""
    try:
        while piece := client.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received
