"""A real Kafka that asks for TLS, a login and permissions, beside the open listener of the tests' own clients."""

import base64
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

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

from tests.certificates import Authority, Certified
from tests.ports import free_ports
from tests.servers import ApacheStack

CLIENT_S = 30.0
"""Seconds that a request of the tests' own clients may take."""

PASSWORD: Final = "correct-horse"

SESSION_S: Final = 3.0
"""Seconds after which the broker asks for another login on the same connection (connections.max.reauth.ms)."""

_HOST = "localhost"
_SCRAM: Final = {"SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256, "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512}
_LOGIN_MODULES: Final = {
    "scram-sha-256": "scram.ScramLoginModule required;",
    "scram-sha-512": "scram.ScramLoginModule required;",
    "plain": f"plain.PlainLoginModule required user_worker={PASSWORD};",
    "oauthbearer": "oauthbearer.OAuthBearerLoginModule required;",
}

Permission = tuple[ResourceType, str, AclOperation]
"""An operation that a user may do on all resources of a type whose names have a prefix."""


class SecuredStack(ApacheStack):
    """An ApacheStack with an authorizer and these listeners; on PLAINTEXT everybody may do everything.

    SASL_SSL takes all mechanisms, the mechanism PLAIN with the user `worker` alone. MUTUAL requires a certificate of
    the client. LOST and NAMELESS advertise addresses that no client can reach.
    """

    def __init__(self, folder: Path, kafka_home: Path) -> None:
        super().__init__(folder, kafka_home)
        self._sasl_port, self._mutual_port, self._lost_port, self._nameless_port, unused_port = free_ports(5)
        self.unreachable = f"127.0.0.1:{unused_port}"
        self.unresolvable = f"kafka.invalid:{unused_port}"
        self.authority: Authority
        self.lost = f"127.0.0.1:{self._lost_port}"
        self.nameless = f"127.0.0.1:{self._nameless_port}"

    def start(self) -> None:
        """Make an authority and a certificate, then start both servers."""
        self.authority = Authority(self.folder)
        broker = self.authority.certify(_HOST)
        parts = [broker.key, broker.certificate, self.authority.certificate]
        (self.folder / "broker.pem").write_text("".join(part.read_text() for part in parts))
        super().start()

    def environment(self, user: str, password: str, mechanism: str = "SCRAM-SHA-512") -> dict[str, str]:
        """Return the settings with which a worker logs in with a password."""
        login = {"KAFKA_SASL_USERNAME": user, "KAFKA_SASL_PASSWORD": password}
        return self._over_tls("SASL_SSL", self._sasl_port) | {"KAFKA_SASL_MECHANISM": mechanism} | login

    def token_environment(self) -> dict[str, str]:
        """Return the settings of a login with an access token, except where the token comes from."""
        return self._over_tls("SASL_SSL", self._sasl_port) | {"KAFKA_SASL_MECHANISM": "OAUTHBEARER"}

    def mutual_tls_environment(self, client: Certified | None) -> dict[str, str]:
        """Return the settings with which a worker shows its certificate."""
        shown = {}
        if client is not None:
            shown = {"KAFKA_SSL_CERTFILE": str(client.certificate), "KAFKA_SSL_KEYFILE": str(client.key)}
        return self._over_tls("SSL", self._mutual_port) | shown

    def _over_tls(self, protocol: str, port: int) -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": f"{_HOST}:{port}",
            "KAFKA_SECURITY_PROTOCOL": protocol,
            "KAFKA_SSL_CAFILE": str(self.authority.certificate),
        }

    def add_user(
        self, name: str, password: str, permissions: Iterable[Permission] = (), *, mechanism: str = "SCRAM-SHA-512"
    ) -> None:
        """Add a user with these permissions and no others."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        credential = ScramCredentialInfo(_SCRAM[mechanism], 4096)
        made = admin.alter_user_scram_credentials([UserScramCredentialUpsertion(name, credential, password.encode())])
        made[name].result(CLIENT_S)
        self.allow(name, permissions)

    def allow(self, name: str, permissions: Iterable[Permission]) -> None:
        """Give a user permissions; a user may also be the name in a certificate or in an access token."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
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
        more = {
            "SASL_SSL": (f"{_HOST}:{self._sasl_port}", f"{_HOST}:{self._sasl_port}", "SASL_SSL"),
            "MUTUAL": (f"{_HOST}:{self._mutual_port}", f"{_HOST}:{self._mutual_port}", "SSL"),
            "LOST": (self.lost, self.unreachable, "PLAINTEXT"),
            "NAMELESS": (self.nameless, self.unresolvable, "PLAINTEXT"),
        }
        names: list[tuple[str, Iterable[str]]] = [
            ("listeners", (f"{name}://{at}" for name, (at, _, _) in more.items())),
            ("advertised.listeners", (f"{name}://{address}" for name, (_, address, _) in more.items())),
            ("listener.security.protocol.map", (f"{name}:{protocol}" for name, (_, _, protocol) in more.items())),
        ]
        modules = {
            f"listener.name.sasl_ssl.{mechanism}.sasl.jaas.config": "org.apache.kafka.common.security." + module
            for mechanism, module in _LOGIN_MODULES.items()
        }
        properties: Mapping[str, object] = {
            **{name: ",".join([open_listeners[name], *added]) for name, added in names},
            **modules,
            "listener.name.sasl_ssl.sasl.enabled.mechanisms": ",".join(_LOGIN_MODULES).upper(),
            "listener.name.sasl_ssl.connections.max.reauth.ms": round(SESSION_S * 1000),
            "listener.name.mutual.ssl.client.auth": "required",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.folder / "broker.pem",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.authority.certificate,
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
        return "".join(f"{name}={value}\n" for name, value in {**open_listeners, **properties}.items())


def worker_permissions(env: Mapping[str, str]) -> list[Permission]:
    """Return what a worker on these topics needs, and a producer of tweets."""
    return [
        (ResourceType.GROUP, env["KAFKA_GROUP_ID"], AclOperation.READ),
        (ResourceType.TOPIC, env["KAFKA_INPUT_TOPIC"], AclOperation.READ),
        (ResourceType.TOPIC, env["KAFKA_OUTPUT_TOPIC"], AclOperation.WRITE),
        (ResourceType.TOPIC, env["KAFKA_DEAD_LETTER_TOPIC"], AclOperation.WRITE),
        (ResourceType.TOPIC, env["KAFKA_CHECKPOINT_TOPIC"], AclOperation.WRITE),
        (ResourceType.TOPIC, env["KAFKA_CHECKPOINT_TOPIC"], AclOperation.READ),
        (ResourceType.TRANSACTIONAL_ID, env["KAFKA_GROUP_ID"], AclOperation.WRITE),
    ]


def access_token(subject: str, lifetime_s: float) -> str:
    """Return a JSON web token without a signature, which a broker without keys accepts until the token expires."""
    now_s = time.time()
    claims = {"sub": subject, "iat": now_s, "exp": now_s + lifetime_s}
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in ({"alg": "none"}, claims))
    return "".join(f"{part.rstrip('=')}." for part in parts)
