"""Connections to Redis with TLS and client certificates, and every way in which a connection fails: one sentence."""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from deploy.local.ports import LOOPBACK, free_ports
from tests.certificates import Authority, Certified
from tests.redis_server import RedisServer, needs_redis_server, running
from tests.servers import eventually
from tests.worker.redis_publishing import P0, PREFIX, committed
from worker.redis.store import CountsStore, CountsStoreError
from worker.settings import Settings

pytestmark = [needs_redis_server, pytest.mark.timeout(120)]

HOST = "localhost"
PASS_PHRASE = "correct-horse"


class Certificates:
    """An authority with a server's and a client's certificate, and an authority that no server knows."""

    def __init__(self, folder: Path) -> None:
        for name in ("trusted", "other"):
            (folder / name).mkdir()
        self.authority, self.other = Authority(folder / "trusted"), Authority(folder / "other")
        self.server, self.client = self.authority.certify(HOST), self.authority.certify("client")
        self.both_names = self.authority.certify("node", hosts=f"DNS:{HOST},IP:{LOOPBACK}")
        self.stranger = self.other.certify("stranger")

    def config(self, port: int, *more: str, server: Certified | None = None, clients: str = "yes") -> str:
        """Return the lines that make a redis-server listen with TLS on a port."""
        own = server or self.server
        lines = (
            'save ""',
            f"tls-port {port}",
            f"tls-cert-file {own.certificate}",
            f"tls-key-file {own.key}",
            f"tls-ca-cert-file {self.authority.certificate}",
            f"tls-auth-clients {clients}",
            *more,
        )
        return "".join(f"{line}\n" for line in lines)

    def settings(self, url: str, *, client: Certified | None = None, **more: Any) -> Settings:
        """Return settings with the authority, and the client's certificate."""
        files: dict[str, Any] = {"redis_ssl_cafile": self.authority.certificate}
        if client is not None:
            files |= {"redis_ssl_certfile": client.certificate, "redis_ssl_keyfile": client.key}
        return Settings(_env_file=None, redis_url=url, redis_key_prefix=PREFIX, **(files | more))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def mutual(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run a Redis that requires client certificates; yield its TLS port."""
    (port,) = free_ports(1)
    with running(tmp_path_factory.mktemp("mutual"), config=certificates.config(port)):
        yield port


@pytest.fixture(scope="module")
def one_sided(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run a Redis that requires no client certificates; yield its TLS port."""
    (port,) = free_ports(1)
    with running(tmp_path_factory.mktemp("one_sided"), config=certificates.config(port, clients="no")):
        yield port


def publishes(settings: Settings) -> None:
    store = CountsStore.of(settings)
    try:
        assert store.publish({P0: committed(1)}) in ({P0: "applied"}, {P0: "known"})
        assert store.snapshot()[0] == {"joy": 1}
    finally:
        store.close()


def failures(settings: Settings) -> list[str]:
    """Return the lines of both ways to use a store."""
    store = CountsStore.of(settings)
    lines = []
    for call in (lambda: store.publish({P0: committed(1)}), store.snapshot):
        with pytest.raises(CountsStoreError) as caught:
            call()
        lines.append(str(caught.value))
    store.close()
    assert not any("hunter2" in line or "\n" in line for line in lines)
    return lines


def failure(settings: Settings) -> str:
    """Return the one line of both ways to use a store."""
    (line,) = set(failures(settings))
    return line


def only_about_the_client_certificate(lines: list[str]) -> bool:
    """Return whether every line is about it: the server's alert may be overtaken by the end of its connection."""
    return all("client certificate" in line and "REDIS_SSL_CERTFILE" in line for line in lines)


def test_a_client_certificate_and_an_authority_of_ones_own_connect(certificates: Certificates, mutual: int) -> None:
    publishes(certificates.settings(f"rediss://{HOST}:{mutual}/0", client=certificates.client))


def test_an_encrypted_key_connects_with_its_pass_phrase(certificates: Certificates, mutual: int) -> None:
    encrypted = Certified(certificates.client.certificate, certificates.client.encrypted_key(PASS_PHRASE))
    url = f"rediss://{HOST}:{mutual}/0"
    publishes(certificates.settings(url, client=encrypted, redis_ssl_key_password=PASS_PHRASE))


def test_a_server_without_client_certificates_needs_the_authority_only(
    certificates: Certificates, one_sided: int
) -> None:
    options = (
        "ssl_cert_reqs=required&ssl_check_hostname=true&client_name=x&health_check_interval=30&protocol=3"
        "&socket_connect_timeout=5&socket_keepalive=true&socket_timeout=5.5&db=0"
    )
    publishes(certificates.settings(f"rediss://{HOST}:{one_sided}/0?{options}"))


def test_sentinel_and_its_servers_use_the_client_certificate(
    certificates: Certificates, tmp_path: Path, servers: ExitStack
) -> None:
    for_master, for_sentinel = free_ports(2)
    both_names = certificates.both_names  # Sentinel names the master by its IP address
    servers.enter_context(running(tmp_path, config=certificates.config(for_master, server=both_names)))
    lines = (
        "tls-replication yes",
        f"sentinel monitor counts {LOOPBACK} {for_master} 1",
        "sentinel down-after-milliseconds counts 2000",
    )
    config = certificates.config(for_sentinel, *lines, server=both_names).replace('save ""\n', "")
    servers.enter_context(running(tmp_path, "--sentinel", config=config))
    url = f"rediss+sentinel://{HOST}:{for_sentinel}/counts/0"
    publishes(certificates.settings(url, client=certificates.client))
    assert only_about_the_client_certificate(failures(certificates.settings(url)))


def test_a_cluster_uses_the_client_certificate(certificates: Certificates, tmp_path: Path, servers: ExitStack) -> None:
    port, bus = free_ports(2)
    options = ("--cluster-enabled", "yes", "--cluster-port", str(bus), "--tls-cluster", "yes")
    config = certificates.config(port, server=certificates.both_names)  # the cluster names nodes by their IP address
    node = servers.enter_context(running(tmp_path, *options, config=config))
    with node.client() as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
        eventually(lambda: "cluster_state:ok" in client.execute_command("CLUSTER", "INFO"), 30, "the cluster is there")
    url = f"rediss+cluster://{HOST}:{port}"
    publishes(certificates.settings(url, client=certificates.client))
    assert only_about_the_client_certificate(failures(certificates.settings(url)))
    unknown = failure(certificates.settings(url, client=certificates.client, redis_ssl_cafile=None))
    assert f"{LOOPBACK}:{port}: the authority of the certificate is not known (" in unknown


def test_a_missing_client_certificate_names_the_settings(certificates: Certificates, mutual: int) -> None:
    lines = failures(certificates.settings(f"rediss://:hunter2@{HOST}:{mutual}/0"))
    assert only_about_the_client_certificate(lines)


def test_a_client_certificate_of_another_authority_is_refused_by_name(certificates: Certificates, mutual: int) -> None:
    lines = failures(certificates.settings(f"rediss://{HOST}:{mutual}/0", client=certificates.stranger))
    assert only_about_the_client_certificate(lines)


def test_a_certificate_of_an_unknown_authority_names_the_setting(certificates: Certificates, one_sided: int) -> None:
    for cafile in (None, certificates.other.certificate):
        line = failure(certificates.settings(f"rediss://{HOST}:{one_sided}/0", redis_ssl_cafile=cafile))
        assert f"{HOST}:{one_sided}: the authority of the certificate is not known (" in line
        assert "REDIS_SSL_CAFILE" in line


def test_a_certificate_of_another_host_is_named(certificates: Certificates, one_sided: int) -> None:
    line = failure(certificates.settings(f"rediss://{LOOPBACK}:{one_sided}/0"))
    assert f"{LOOPBACK}:{one_sided}: the certificate is of another host (" in line
    publishes(certificates.settings(f"rediss://{LOOPBACK}:{one_sided}/0?ssl_check_hostname=false"))


def test_an_expired_certificate_is_named_without_advice_about_the_authority(
    certificates: Certificates, tmp_path: Path, servers: ExitStack
) -> None:
    expired = certificates.authority.certify("expired", hosts=f"DNS:{HOST}", days=-1)
    (port,) = free_ports(1)
    config = certificates.config(port, server=expired, clients="no")
    servers.enter_context(running(tmp_path, config=config))
    line = failure(certificates.settings(f"rediss://{HOST}:{port}/0"))
    assert "the certificate of the server is not valid (certificate has expired)" in line
    assert "CAFILE" not in line


def test_tls_to_a_port_without_tls_and_the_reverse_are_named(
    certificates: Certificates, one_sided: int, tmp_path: Path, servers: ExitStack
) -> None:
    plain = servers.enter_context(running(tmp_path))
    assert "does not answer in TLS" in failure(certificates.settings(f"rediss://{HOST}:{plain.port}/0"))
    line = failure(Settings(_env_file=None, redis_url=f"redis://:hunter2@{HOST}:{one_sided}/0"))
    assert "write rediss instead of redis" in line


@pytest.mark.parametrize("end", ["", "+sentinel", "+cluster"])
def test_a_refusal_an_unknown_name_and_silence_are_named_with_the_address(end: str, servers: ExitStack) -> None:
    path = "/counts/0" if end == "+sentinel" else ""
    silent = servers.enter_context(socket.create_server((LOOPBACK, 0)))
    quick = "?socket_timeout=0.2&socket_connect_timeout=0.2"
    (unused,) = free_ports(1)
    for host, port, why in (
        (LOOPBACK, unused, "connection refused"),
        ("no-such-host.invalid", 6379, "the host name cannot be resolved"),
        (LOOPBACK, silent.getsockname()[1], "no answer in time"),
    ):
        url = f"redis{end}://user:hunter2@{host}:{port}{path}{quick}"
        line = failure(Settings(_env_file=None, redis_url=url))
        assert f"{host}:{port}: {why}" in line


def test_a_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    line = failure(Settings(_env_file=None, redis_url=f"unix://{tmp_path}/redis.sock?db=1"))
    assert re.search(rf"{tmp_path}/redis.sock: No such file or directory; check REDIS_URL$", line)


def test_a_sentinel_that_refuses_the_login_is_named(tmp_path: Path, servers: ExitStack) -> None:
    config = "user watcher on >hush +@all ~* &*\nuser default on nopass +ping\n"
    sentinel: RedisServer = servers.enter_context(running(tmp_path, "--sentinel", config=config))
    url = f"redis+sentinel://{LOOPBACK}:{sentinel.port}/counts/0?sentinel_username=watcher&sentinel_password=hunter2"
    assert "check sentinel_username and sentinel_password" in failure(Settings(_env_file=None, redis_url=url))
