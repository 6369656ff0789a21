"""Ports: free ones are usable, taken ones are named."""

import socket

import pytest

from deploy.local.errors import LocalError
from deploy.local.ports import LOOPBACK, free_ports, require_free


def test_free_ports_are_all_different_and_free() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        require_free(port, "test")


@pytest.mark.parametrize("address", [LOOPBACK, ""])
def test_a_taken_port_is_named_with_a_way_to_find_its_owner(address: str) -> None:
    with socket.create_server((address, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(LocalError, match=rf"port {port} \(Kafka\) .* in use; .*: lsof -i tcp:{port}$"):
            require_free(port, "Kafka")


def test_a_port_is_free_again_right_after_its_connections_were_closed() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((LOOPBACK, port)):
            server.accept()[0].close()  # the side that closes first keeps the address in TIME_WAIT
    require_free(port, "Kafka")
