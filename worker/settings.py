"""The worker's settings: one frozen object, read once from the environment and `.env`."""

from pathlib import Path
from typing import Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from worker.errors import ExitCode, FatalError
from worker.time_limits import broken_order

BUNDLED_MODEL = Path(__file__).parent / "model"

_SECRETS = ("kafka_sasl_password", "redis_url")
_TOPIC_NAME = r"^[a-zA-Z0-9._-]{1,249}$"
_MEMBER_NAME = r"^[a-zA-Z0-9._-]{1,200}$"


SomeSettings = TypeVar("SomeSettings", bound="Settings")


class SettingsError(FatalError):
    """A setting is wrong; the text is one line that names the variable, the value and what is allowed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, ExitCode.SETTINGS)


class Settings(BaseSettings):
    """Every setting of the worker; a field's environment variable is its name in capitals."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True, env_ignore_empty=True
    )

    kafka_bootstrap_servers: str = Field("localhost:9092", description="host:port, several separated by commas")
    kafka_group_id: str = Field(
        "emotion-worker", pattern=_TOPIC_NAME, description="workers of one group share the work"
    )
    kafka_input_topic: str = Field("tweets", pattern=_TOPIC_NAME, description="where tweets are read")
    kafka_output_topic: str = Field("tweets.emotions", pattern=_TOPIC_NAME, description="where labelled tweets go")
    kafka_dead_letter_topic: str = Field("tweets.dead-letter", pattern=_TOPIC_NAME, description="where the rest goes")
    kafka_session_timeout_ms: int = Field(10_000, description="a silent worker is dead after this")
    kafka_transaction_timeout_ms: int = Field(
        15_000, le=900_000, description="a silent worker's transaction is aborted after this"
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how to talk to the brokers"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="how to log in; PLAIN only with SASL_SSL"
    )
    kafka_sasl_username: str | None = Field(None, description="who logs in")
    kafka_sasl_password: SecretStr | None = Field(None, description="its password")
    kafka_sasl_password_file: Path | None = Field(None, description="or the file that holds it")
    kafka_ssl_cafile: Path | None = Field(None, description="PEM file of the authority that signed the brokers")
    kafka_ssl_certfile: Path | None = Field(None, description="PEM file of our certificate, for mutual TLS")
    kafka_ssl_keyfile: Path | None = Field(None, description="PEM file of our key, for mutual TLS")
    worker_id: str | None = Field(
        None, pattern=_MEMBER_NAME, description="a replica's lasting name; unset: a new member at each start"
    )
    redis_url: SecretStr = Field(SecretStr("redis://localhost:6379/0"), description="rediss:// for TLS")
    redis_url_file: Path | None = Field(None, description="or the file that holds it")
    redis_key_prefix: str = Field(
        "{emotion}", min_length=1, max_length=100, description="braces keep all keys in one cluster slot"
    )
    model_path: Path = Field(BUNDLED_MODEL, description="the model folder")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: cuda where torch finds a GPU, else cpu")
    batch_max_tweets: int = Field(512, ge=1, le=100_000, description="a batch, one transaction, closes at so many")
    batch_max_wait_ms: int = Field(50, ge=0, description="or when its oldest tweet has waited this long")
    batch_max_tokens: int = Field(512, ge=16, le=1_000_000, description="padded tokens of one pass of the model")
    tweet_max_chars: int = Field(10_000, ge=1, le=1_000_000, description="longer texts are dead letters")
    metrics_host: str = Field("127.0.0.1", description="0.0.0.0 to be scraped from other machines")
    metrics_port: int = Field(8000, ge=0, le=65_535, description="0 = any free port, written to the log")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="of the worker's own log")
    log_format: Literal["text", "json"] = Field("text", description="json: one object a line")

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        for secret in _SECRETS:
            path = values.get(f"{secret}_file")
            if path and values.get(secret):
                raise ValueError(f"{secret.upper()} and {secret.upper()}_FILE are both set: set one of them")
            if path:
                values = values | {secret: _content(secret, path)}
        return values

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _host_and_port(cls, servers: str) -> str:
        for server in servers.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) < 65_536:
                raise ValueError("must be host:port, several separated by commas")
        return servers

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        try:
            _ = urlsplit(url.get_secret_value()).port
        except ValueError:  # its text quotes the URL, and so the password
            raise ValueError("cannot be understood; write / # ? @ in the password as %2F %23 %3F %40") from None
        return url

    @field_validator("kafka_ssl_cafile", "kafka_ssl_certfile", "kafka_ssl_keyfile")
    @classmethod
    def _readable(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError("must be a file that exists")
        return path

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        topics = (self.kafka_input_topic, self.kafka_output_topic, self.kafka_dead_letter_topic)
        if len(set(topics)) < 3:
            raise ValueError("KAFKA_INPUT_TOPIC, KAFKA_OUTPUT_TOPIC and KAFKA_DEAD_LETTER_TOPIC must differ")
        if self.kafka_security_protocol.startswith("SASL"):
            if not self.kafka_sasl_username or not self.kafka_sasl_password:
                raise ValueError("KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD are needed with SASL")
            if self.kafka_sasl_mechanism == "PLAIN" and self.kafka_security_protocol != "SASL_SSL":
                raise ValueError("KAFKA_SASL_MECHANISM=PLAIN sends the password as it is: use it with SASL_SSL only")
        return self

    @model_validator(mode="after")
    def _time_limits_in_order(self) -> Self:
        broken = broken_order(self)
        if broken is not None:
            raise ValueError(broken.refusal(self))
        return self

    def kafka_connection(self) -> dict[str, Any]:
        """The arguments that every kafka-python client of this project connects with."""
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

    def redacted(self) -> str:
        """All settings on one line, with secrets hidden, for the log."""
        return " ".join(f"{name.upper()}={value}" for name, value in self if value is not None)


def load_settings() -> Settings:
    """The worker's settings; see `load`."""
    return load(Settings)


def load(kind: type[SomeSettings]) -> SomeSettings:
    """Reads the environment, `.env` in the working directory, and the files that `…_FILE` variables name.

    Raises SettingsError with one line for the first thing that is wrong.
    """
    try:
        return kind()
    except ValidationError as error:
        raise SettingsError(_one_line(error)) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{Path('.env').absolute()} is not UTF-8 text: save it as UTF-8") from None


def _content(secret: str, path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"{secret.upper()}_FILE={path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError(f"{secret.upper()}_FILE={path}: is not UTF-8 text") from None


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return message
    name = str(first["loc"][0]).upper()
    value = "(hidden)" if name.lower() in _SECRETS else first["input"]
    return " ".join(f"{name}={value}: {message[0].lower()}{message[1:]}".split())


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
