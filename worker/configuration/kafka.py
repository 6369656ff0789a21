"""The settings of the Kafka connection; `worker.kafka.connection` makes the arguments of a Kafka client of them."""

import re
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from worker.configuration.tls_files import check_tls_files
from worker.setting_fields import setting

TOPIC_NAME: Final = r"^[a-zA-Z0-9._-]{1,249}$"
"""The names that Kafka accepts for a topic; groups get the same rule, so that their names fit into file names too."""

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
"""Hosts to which a client secret may be sent without TLS: the request does not leave this machine."""

_URL: Final = re.compile(r"[\x21-\x7e]+")
"""A URL has visible ASCII characters and no blanks (RFC 3986); the parser of the standard library drops some others."""


class KafkaSettings(BaseSettings):
    """Where Kafka is, how a program logs in, and which topics and group the stream uses."""

    kafka_bootstrap_servers: str = setting(
        "localhost:9092",
        meaning="Addresses of Kafka brokers, `host:port`, several separated by commas.",
        change="Always, unless Kafka runs on the same machine. Name two or three brokers of a cluster.",
    )
    kafka_group_id: str = setting(
        "emotion-worker",
        pattern=TOPIC_NAME,
        meaning="Consumer group of the workers. Workers of one group share the partitions and the counts.",
        change="When two independent streams use one Kafka. A new group starts at the beginning with counts of zero, "
        "and needs an output topic of its own.",
    )
    kafka_input_topic: str = setting(
        "tweets",
        pattern=TOPIC_NAME,
        meaning="Topic that tweets are read from.",
        change="When tweets already arrive on another topic.",
    )
    kafka_output_topic: str = setting(
        "tweets.emotions",
        pattern=TOPIC_NAME,
        meaning="Topic that labelled tweets are published to.",
        change="When the topic names of a cluster follow another rule.",
    )
    kafka_dead_letter_topic: str = setting(
        "tweets.dead-letter",
        pattern=TOPIC_NAME,
        meaning="Topic that receives each record that cannot be classified.",
        change="When the topic names of a cluster follow another rule.",
    )
    kafka_checkpoint_topic: str = setting(
        "tweets.checkpoints",
        pattern=TOPIC_NAME,
        meaning="Compacted topic with the second copy of the position and the counts of each partition.",
        change="When the topic names of a cluster follow another rule. Groups may share the topic; a topic for each "
        "group is read faster.",
    )
    kafka_session_timeout_ms: int = setting(
        10_000,
        unit="milliseconds",
        meaning="Kafka removes a worker from the group when no heartbeat has arrived for this long.",
        change="Raise for a network with long pauses; lower for a faster takeover of a crashed worker's partitions.",
    )
    kafka_transaction_timeout_ms: int = setting(
        15_000,
        le=900_000,
        unit="milliseconds",
        meaning="Kafka aborts an open transaction of a worker that has been silent for this long.",
        change="Raise when the brokers are slow and abort transactions; until then readers of the partition wait.",
    )
    kafka_offset_metadata_max_bytes: int = setting(
        4_096,
        ge=64,
        le=32_767,
        unit="bytes",
        meaning="Most bytes of offset metadata, which holds the running counts of a partition.",
        change="To the brokers' `offset.metadata.max.bytes` where this differs from Kafka's default.",
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = setting(
        "PLAINTEXT",
        meaning="How programs connect to the brokers: SSL is TLS, SASL is a login.",
        change="When the brokers require TLS or a login.",
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = setting(
        "SCRAM-SHA-512",
        meaning="How programs log in. `PLAIN` sends the password itself, `OAUTHBEARER` an access token: both are "
        "accepted with `SASL_SSL` only.",
        change="When the brokers offer another mechanism.",
    )
    kafka_sasl_username: str | None = setting(
        None,
        meaning="User name of the login.",
        change="With `PLAIN` and `SCRAM-…`, which need a user name and a password.",
    )
    kafka_sasl_password: SecretStr | None = setting(
        None,
        meaning="Password of the login. The log never shows the password.",
        change="With `PLAIN` and `SCRAM-…`. A file is safer: `KAFKA_SASL_PASSWORD_FILE`.",
    )
    kafka_sasl_password_file: Path | None = setting(
        None,
        meaning="File that holds the password, in UTF-8.",
        change="Instead of `KAFKA_SASL_PASSWORD`; setting both is refused.",
    )
    kafka_sasl_oauth_token_file: Path | None = setting(
        None,
        meaning="File that holds an access token, which another program renews. Each login reads the file again, and "
        "every connection logs in again before the token expires.",
        change="With `OAUTHBEARER`, where the platform writes the token; setting `KAFKA_SASL_OAUTH_TOKEN_URL` too is "
        "refused.",
    )
    kafka_sasl_oauth_token_url: str | None = setting(
        None,
        meaning="Token endpoint, `https://…`, that gives access tokens for client credentials (RFC 6749, section 4.4). "
        "`http://` is accepted for this machine only.",
        change="With `OAUTHBEARER`, where an identity provider gives the tokens.",
    )
    kafka_sasl_oauth_client_id: str | None = setting(
        None,
        meaning="Name of the client at the token endpoint.",
        change="With `KAFKA_SASL_OAUTH_TOKEN_URL`.",
    )
    kafka_sasl_oauth_client_secret: SecretStr | None = setting(
        None,
        meaning="Secret of the client at the token endpoint. The log never shows the secret.",
        change="With `KAFKA_SASL_OAUTH_TOKEN_URL`. A file is safer: `KAFKA_SASL_OAUTH_CLIENT_SECRET_FILE`.",
    )
    kafka_sasl_oauth_client_secret_file: Path | None = setting(
        None,
        meaning="File that holds the secret of the client, in UTF-8.",
        change="Instead of `KAFKA_SASL_OAUTH_CLIENT_SECRET`; setting both is refused.",
    )
    kafka_sasl_oauth_scope: str | None = setting(
        None,
        meaning="Scope that the token endpoint is asked for; several are separated by blanks.",
        change="When the identity provider requires a scope.",
    )
    kafka_ssl_cafile: Path | None = setting(
        None,
        meaning="PEM file with the certificate of the authority that signed the brokers' certificates.",
        change="When the authority is not one of the system's.",
    )
    kafka_ssl_certfile: Path | None = setting(
        None,
        meaning="PEM file with the client's certificate.",
        change="For mutual TLS, together with `KAFKA_SSL_KEYFILE`.",
    )
    kafka_ssl_keyfile: Path | None = setting(
        None,
        meaning="PEM file with the private key of the client's certificate.",
        change="For mutual TLS, together with `KAFKA_SSL_CERTFILE`.",
    )
    kafka_ssl_key_password: SecretStr | None = setting(
        None,
        meaning="Pass phrase of an encrypted private key. The log never shows the pass phrase.",
        change="When the key in `KAFKA_SSL_KEYFILE` is encrypted. A file is safer: `KAFKA_SSL_KEY_PASSWORD_FILE`.",
    )
    kafka_ssl_key_password_file: Path | None = setting(
        None,
        meaning="File that holds the pass phrase, in UTF-8.",
        change="Instead of `KAFKA_SSL_KEY_PASSWORD`; setting both is refused.",
    )

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _host_and_port(cls, servers: str) -> str:
        for server in servers.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) < 65_536:
                raise ValueError("must be host:port, several separated by commas")
        return servers

    @field_validator("kafka_ssl_cafile", "kafka_ssl_certfile", "kafka_ssl_keyfile", "kafka_sasl_oauth_token_file")
    @classmethod
    def _readable(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError("must be a file that exists")
        return path

    @model_validator(mode="after")
    def _login_complete(self) -> Self:
        if not self.kafka_security_protocol.startswith("SASL"):
            return self
        mechanism = self.kafka_sasl_mechanism
        if mechanism in ("PLAIN", "OAUTHBEARER") and self.kafka_security_protocol != "SASL_SSL":
            sent = "the password itself" if mechanism == "PLAIN" else "the access token itself"
            raise ValueError(f"KAFKA_SASL_MECHANISM={mechanism} sends {sent}: use {mechanism} with SASL_SSL only")
        if mechanism != "OAUTHBEARER" and not (self.kafka_sasl_username and self.kafka_sasl_password):
            raise ValueError("KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD are needed with SASL")
        if mechanism == "OAUTHBEARER" and not (self.kafka_sasl_oauth_token_file or self.kafka_sasl_oauth_token_url):
            raise ValueError(
                "KAFKA_SASL_OAUTH_TOKEN_FILE or KAFKA_SASL_OAUTH_TOKEN_URL is needed with KAFKA_SASL_MECHANISM="
                "OAUTHBEARER"
            )
        return self

    @model_validator(mode="after")
    def _one_source_of_tokens(self) -> Self:
        if self.kafka_sasl_oauth_token_file and self.kafka_sasl_oauth_token_url:
            raise ValueError("KAFKA_SASL_OAUTH_TOKEN_FILE and KAFKA_SASL_OAUTH_TOKEN_URL are both set: set one of them")
        if self.kafka_sasl_oauth_token_url:
            _check_token_url(self.kafka_sasl_oauth_token_url)
            if not (self.kafka_sasl_oauth_client_id and self.kafka_sasl_oauth_client_secret):
                raise ValueError(
                    "KAFKA_SASL_OAUTH_CLIENT_ID and KAFKA_SASL_OAUTH_CLIENT_SECRET are needed with "
                    "KAFKA_SASL_OAUTH_TOKEN_URL"
                )
        return self

    @model_validator(mode="after")
    def _usable_tls_files(self) -> Self:
        if "SSL" in self.kafka_security_protocol:
            check_tls_files(
                "KAFKA_SSL",
                cafile=self.kafka_ssl_cafile,
                certfile=self.kafka_ssl_certfile,
                keyfile=self.kafka_ssl_keyfile,
                key_password=self.kafka_ssl_key_password,
            )
        return self

    def written_topics(self) -> tuple[str, str, str]:
        """Return the topics that workers write; each needs the partition numbers of the input topic."""
        return self.kafka_output_topic, self.kafka_dead_letter_topic, self.kafka_checkpoint_topic


def _check_token_url(url: str) -> None:
    """Raise ValueError, whose text does not repeat the URL, for an address that is wrong or would leak the secret."""
    if not _URL.fullmatch(url):
        raise ValueError(
            "KAFKA_SASL_OAUTH_TOKEN_URL: must be ASCII without blanks; percent-encode other characters of a path, and "
            "write a host in its xn-- form"
        )
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError where the port is no number
    except ValueError as error:
        raise ValueError(f"KAFKA_SASL_OAUTH_TOKEN_URL: must be https://host/path ({error})") from None
    if parts.username or parts.password:
        raise ValueError("KAFKA_SASL_OAUTH_TOKEN_URL: must not contain a user or a password")
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError("KAFKA_SASL_OAUTH_TOKEN_URL: must be https://host/path")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("KAFKA_SASL_OAUTH_TOKEN_URL: must begin with https://, the request contains the client secret")
