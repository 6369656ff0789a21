"""A real Kafka that asks for TLS, a password and permissions, beside the open listener of the tests' own clients."""

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # the package does not declare what it exports
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.ports import free_ports
from tests.servers import ApacheStack

CLIENT_S = 30.0
"""Seconds that a request of the tests' own clients may take."""

_HOST = "localhost"

Permission = tuple[ResourceType, str, AclOperation]
"""An operation that a user may do on all resources of a type whose names have a prefix."""


class SecuredStack(ApacheStack):
    """An ApacheStack with a SASL_SSL listener and an authorizer; a client without a password may do everything."""

    def __init__(self, folder: Path, kafka_home: Path) -> None:
        super().__init__(folder, kafka_home)
        (self._secure_port,) = free_ports(1)
        self._authority = folder / "authority.pem"

    def start(self) -> None:
        """Make an authority and a certificate, then start both servers."""
        make_certificates(self.folder, self._authority)
        super().start()

    def environment(self, user: str, password: str) -> dict[str, str]:
        """Return the settings with which a worker logs in."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": f"{_HOST}:{self._secure_port}",
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": user,
            "KAFKA_SASL_PASSWORD": password,
            "KAFKA_SSL_CAFILE": str(self._authority),
        }

    def add_user(self, name: str, password: str, permissions: Iterable[Permission] = ()) -> None:
        """Add a user with these permissions and no others."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        made = admin.alter_user_scram_credentials([UserScramCredentialUpsertion(name, credential, password.encode())])
        made[name].result(CLIENT_S)
        rules = [
            AclBinding(
                kind, prefix, ResourcePatternType.PREFIXED, f"User:{name}", "*", operation, AclPermissionType.ALLOW
            )
            for kind, prefix, operation in permissions
        ]
        for future in admin.create_acls(rules).values() if rules else ():
            future.result(CLIENT_S)

    def _broker_properties(self) -> str:
        open_listeners = dict(line.partition("=")[::2] for line in super()._broker_properties().splitlines())
        secure = f"SASL_SSL://{_HOST}:{self._secure_port}"
        mapping = "listener.security.protocol.map"
        properties: Mapping[str, object] = {
            "listeners": f"{open_listeners['listeners']},{secure}",
            "advertised.listeners": f"{open_listeners['advertised.listeners']},{secure}",
            mapping: f"{open_listeners[mapping]},SASL_SSL:SASL_SSL",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.folder / "broker.pem",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self._authority,
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
        return "".join(f"{name}={value}\n" for name, value in {**open_listeners, **properties}.items())


def make_certificates(folder: Path, authority: Path) -> None:
    """Make `authority`, and broker.pem with a key, its certificate for this host, and the authority's."""
    new_key = ["req", "-newkey", "rsa:2048", "-nodes"]
    openssl(folder, *new_key, "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", "a.key", "-out", authority)
    openssl(folder, *new_key, "-subj", f"/CN={_HOST}", "-keyout", "b.key", "-out", "b.csr")
    (folder / "names").write_text(f"subjectAltName=DNS:{_HOST}\n")
    signed_by: list[str | Path] = ["-CA", authority, "-CAkey", "a.key", "-CAcreateserial"]
    openssl(folder, "x509", "-req", "-in", "b.csr", "-days", "2", "-extfile", "names", "-out", "b.pem", *signed_by)
    parts = [folder / "b.key", folder / "b.pem", authority]
    (folder / "broker.pem").write_text("".join(part.read_text() for part in parts))


def openssl(folder: Path, *arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
