"""The settings of the Kafka connection, and the arguments of a Kafka client that follow from them."""

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings

from worker.setting_fields import setting

TOPIC_NAME: Final = r"^[a-zA-Z0-9._-]{1,249}$"
"""The names that Kafka accepts for a topic; groups get the same rule, so that their names fit into file names too."""


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
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = setting(
        "SCRAM-SHA-512",
        meaning="How programs log in. `PLAIN` sends the password itself and is accepted with `SASL_SSL` only.",
        change="When the brokers offer another mechanism.",
    )
    kafka_sasl_username: str | None = setting(
        None,
        meaning="User name of the login.",
        change="With `SASL_SSL` and `SASL_PLAINTEXT`, which need a user name and a password.",
    )
    kafka_sasl_password: SecretStr | None = setting(
        None,
        meaning="Password of the login. The log never shows the password.",
        change="With `SASL_SSL` and `SASL_PLAINTEXT`. A file is safer: `KAFKA_SASL_PASSWORD_FILE`.",
    )
    kafka_sasl_password_file: Path | None = setting(
        None,
        meaning="File that holds the password, in UTF-8.",
        change="Instead of `KAFKA_SASL_PASSWORD`; setting both is refused.",
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
        meaning="PEM file with the private key of the client's certificate, without a password.",
        change="For mutual TLS, together with `KAFKA_SSL_CERTFILE`.",
    )

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _host_and_port(cls, servers: str) -> str:
        for server in servers.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) < 65_536:
                raise ValueError("must be host:port, several separated by commas")
        return servers

    @field_validator("kafka_ssl_cafile", "kafka_ssl_certfile", "kafka_ssl_keyfile")
    @classmethod
    def _readable(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError("must be a file that exists")
        return path

    def written_topics(self) -> tuple[str, str, str]:
        """Return the topics that workers write; each needs the partition numbers of the input topic."""
        return self.kafka_output_topic, self.kafka_dead_letter_topic, self.kafka_checkpoint_topic

    def kafka_connection(self) -> dict[str, Any]:
        """Return the arguments that every kafka-python client of this project connects with."""
        connection: dict[str, Any] = {
            "bootstrap_servers": [server.strip() for server in self.kafka_bootstrap_servers.split(",")],
            "security_protocol": self.kafka_security_protocol,
        }
        if "SSL" in self.kafka_security_protocol:
            connection |= {
                "ssl_check_hostname": True,
                "ssl_cafile": _text(self.kafka_ssl_cafile),
                "ssl_certfile": _text(self.kafka_ssl_certfile),
                "ssl_keyfile": _text(self.kafka_ssl_keyfile),
            }
        if self.kafka_security_protocol.startswith("SASL") and self.kafka_sasl_password is not None:
            connection |= {
                "sasl_mechanism": self.kafka_sasl_mechanism,
                "sasl_plain_username": self.kafka_sasl_username,
                "sasl_plain_password": self.kafka_sasl_password.get_secret_value(),
            }
        return connection


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
