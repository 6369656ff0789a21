"""The worker's settings: one frozen object, read once from the environment and `.env`."""

import re
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeVar

from pydantic import SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from worker.configuration.kafka import KafkaSettings
from worker.configuration.records import RecordSettings
from worker.configuration.redis_address import RedisAddress, parse_redis_url
from worker.configuration.secret_files import with_secrets_from_files
from worker.configuration.tls_files import check_tls_files
from worker.configuration.windows import WindowSettings
from worker.errors import ExitCode, FatalError
from worker.setting_fields import setting
from worker.time_order import broken_order

BUNDLED_MODEL: Final = Path(__file__).parent / "model"

_LOCAL_REDIS: Final = "redis://localhost:6379/0"
_SECRETS: Final = (
    "kafka_sasl_password",
    "kafka_sasl_oauth_client_secret",
    "kafka_ssl_key_password",
    "redis_url",
    "redis_ssl_key_password",
)
_MEMBER_NAME: Final = r"^[a-zA-Z0-9._-]{1,200}$"
"""Kafka's rule for `group.instance.id`, a little shorter than Kafka's limit of 249 characters."""

_HASH_TAG: Final = re.compile(r"^[^{]*\{[^}]+\}")
"""Redis Cluster's rule: the text between the first opening brace and the next closing brace chooses the slot."""

SomeSettings = TypeVar("SomeSettings", bound="Settings")


class SettingsError(FatalError):
    """A setting is wrong; the text is one line that names the variable, the value and what is allowed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, ExitCode.SETTINGS)


class Settings(WindowSettings, RecordSettings, KafkaSettings):
    """Every setting of the worker; a field's environment variable is its name in capitals."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True, env_ignore_empty=True
    )

    worker_id: str | None = setting(
        None,
        pattern=_MEMBER_NAME,
        meaning="Name of this replica: static group member, and end of the transactional id.",
        change="To a name of its own for each replica, the same after a restart: the partitions stay with the replica.",
    )
    redis_url: SecretStr = setting(
        SecretStr(_LOCAL_REDIS),
        shown=_LOCAL_REDIS,
        meaning="Address of Redis, `redis://user:password@host:port/database`; `rediss://` is TLS. Redis Sentinel: "
        "`redis+sentinel://host:port,host:port/service/database`. Redis Cluster: "
        "`redis+cluster://host:port,host:port`. Never in the log.",
        change="Always, unless Redis runs on the same machine. Write `/ # ? @` in a password as `%2F %23 %3F %40`.",
    )
    redis_url_file: Path | None = setting(
        None,
        meaning="File that holds the address of Redis, in UTF-8.",
        change="Instead of `REDIS_URL`, when the address contains a password; setting both is refused.",
    )
    redis_ssl_cafile: Path | None = setting(
        None,
        meaning="PEM file with the certificate of the authority that signed the certificate of Redis.",
        change="When `REDIS_URL` begins with `rediss` and the authority is not one of the system's.",
    )
    redis_ssl_certfile: Path | None = setting(
        None,
        meaning="PEM file with the client's certificate for Redis.",
        change="When Redis requires client certificates (`tls-auth-clients yes`), together with `REDIS_SSL_KEYFILE`.",
    )
    redis_ssl_keyfile: Path | None = setting(
        None,
        meaning="PEM file with the private key of the client's certificate for Redis.",
        change="Together with `REDIS_SSL_CERTFILE`, unless that file has the key too.",
    )
    redis_ssl_key_password: SecretStr | None = setting(
        None,
        meaning="Pass phrase of an encrypted `REDIS_SSL_KEYFILE`. Never in the log.",
        change="When the private key is encrypted. A file is safer: `REDIS_SSL_KEY_PASSWORD_FILE`.",
    )
    redis_ssl_key_password_file: Path | None = setting(
        None,
        meaning="File that holds the pass phrase of `REDIS_SSL_KEYFILE`, in UTF-8.",
        change="Instead of `REDIS_SSL_KEY_PASSWORD`; setting both is refused.",
    )
    redis_key_prefix: str = setting(
        "{emotion}",
        min_length=1,
        max_length=100,
        meaning="Beginning of every key. Braces keep all keys in one slot of a Redis Cluster, which requires them.",
        change="When two streams share one Redis. Keep the braces.",
    )
    model_path: Path = setting(
        BUNDLED_MODEL,
        shown="worker/model",
        meaning="Model folder. The default is the model that the package contains.",
        change="To serve a model that `python -m training` made.",
    )
    device: Literal["auto", "cpu", "cuda"] = setting(
        "auto",
        meaning="Where the model runs. `auto` is `cuda` where torch finds a GPU, else `cpu`.",
        change="To `cuda` where a missing GPU must be an error, to `cpu` to leave a GPU alone.",
    )
    neutral_threshold: float | None = setting(
        None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        meaning="Probability of neutral above which a tweet is labelled `neutral`, from 0 to 1. Unset: a tweet always "
        "gets one of the model's labels.",
        change="To the value that the model card suggests, when tweets without an emotion must not count as one. Set "
        "the same value for all workers and the live page. Refused for a model without a neutral output.",
    )
    topics_file: Path | None = setting(
        None,
        meaning="YAML file with tweet topics, see [Tweet topics](operations.md#tweet-topics). The worker reads a "
        "changed file within seconds. Unset: no tweet topics.",
        change="To count emotions by subject. Set the same file for all workers.",
    )
    batch_max_tweets: int = setting(
        4_096,
        ge=1,
        le=100_000,
        unit="tweets",
        meaning="A batch, which is one transaction, closes at this many tweets. Only a backlog fills a batch, and only "
        "with as many tweets as are labelled in a second.",
        change="Lower when memory is short.",
    )
    batch_max_wait_ms: int = setting(
        50,
        ge=0,
        unit="milliseconds",
        meaning="A batch also closes when its oldest tweet has waited this long for the worker: since the fetch, or, "
        "if the tweet came while the worker labelled the previous batch, since the poll before that batch.",
        change="Lower for a shorter delay, raise for fewer and larger transactions.",
    )
    batch_max_tokens: int | None = setting(
        None,
        ge=16,
        le=1_000_000,
        unit="tokens",
        meaning="Largest pass of the model: texts in the pass times tokens of the longest of these texts; where a GPU "
        "computes no padding, the tokens of all texts. Unset: 512 on a CPU, 32,768 on a GPU.",
        change="Lower when memory is short.",
    )
    cache_max_tweets: int = setting(
        0,
        ge=0,
        le=10_000_000,
        unit="tweets",
        meaning="Texts whose scores the worker keeps in memory, about 0.4 kB each: a later tweet with an equal text "
        "gets the same scores without the model. `0`: none. Of equal texts in one batch, the model always reads one.",
        change="Raise where many tweets repeat earlier ones, as retweets do; watch `emotion_cache_total`.",
    )
    metrics_host: str = setting(
        "127.0.0.1",
        meaning="Address that the worker's HTTP server listens on. The images set `0.0.0.0`.",
        change="To `0.0.0.0` when Prometheus or a supervisor asks from another machine.",
    )
    metrics_port: int = setting(
        8000,
        ge=0,
        le=65_535,
        meaning="Port of the worker's HTTP server. 0 is any free port, which the log names.",
        change="When several workers run on one machine.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting(
        "INFO",
        meaning="Least severe level that is logged.",
        change="To `DEBUG` to look for a fault. Tweets are never logged.",
    )
    log_format: Literal["text", "json"] = setting(
        "text",
        meaning="`json` writes one JSON object per line.",
        change="To `json` when a program collects the logs.",
    )

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        return with_secrets_from_files(values, _SECRETS)

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, url: SecretStr) -> SecretStr:
        parse_redis_url(url.get_secret_value())
        return url

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len({self.kafka_input_topic, *self.written_topics()}) < 4:
            raise ValueError(
                "KAFKA_INPUT_TOPIC, KAFKA_OUTPUT_TOPIC, KAFKA_DEAD_LETTER_TOPIC and KAFKA_CHECKPOINT_TOPIC must differ"
            )
        return self

    @model_validator(mode="after")
    def _one_slot(self) -> Self:
        if self._redis().kind == "cluster" and not _HASH_TAG.search(self.redis_key_prefix):
            raise ValueError(
                f"REDIS_KEY_PREFIX={self.redis_key_prefix}: needs braces, as in {{emotion}}, so that all keys are in "
                "one slot of the Redis Cluster"
            )
        return self

    @model_validator(mode="after")
    def _redis_tls_files(self) -> Self:
        files = {
            "cafile": self.redis_ssl_cafile,
            "certfile": self.redis_ssl_certfile,
            "keyfile": self.redis_ssl_keyfile,
        }
        with_tls = self._redis().tls
        for name, path in files.items():
            if path is not None and not with_tls:
                raise ValueError(
                    f"REDIS_SSL_{name.upper()}={path}: needs TLS: write rediss instead of redis in REDIS_URL"
                )
        check_tls_files("REDIS_SSL", **files, key_password=self.redis_ssl_key_password)
        return self

    @model_validator(mode="after")
    def _time_limits_in_order(self) -> Self:
        broken = broken_order(self)
        if broken is not None:
            raise ValueError(broken.refusal(self))
        return self

    def redis_tls(self) -> dict[str, str]:
        """Return the arguments of redis-py for the authority and the client certificate."""
        if not self._redis().tls:
            return {}
        password = self.redis_ssl_key_password
        arguments = {
            "ssl_ca_certs": self.redis_ssl_cafile,
            "ssl_certfile": self.redis_ssl_certfile,
            "ssl_keyfile": self.redis_ssl_keyfile,
            "ssl_password": None if password is None else password.get_secret_value(),
        }
        return {name: str(value) for name, value in arguments.items() if value is not None}

    def redacted(self) -> str:
        """Return all settings on one line for the log, with secrets hidden."""
        return " ".join(f"{name.upper()}={value}" for name, value in self if value is not None)

    def _redis(self) -> RedisAddress:
        return parse_redis_url(self.redis_url.get_secret_value())


def load_settings() -> Settings:
    """Return the worker's settings; see `load`."""
    return load(Settings)


def load(kind: type[SomeSettings]) -> SomeSettings:
    """Read the environment, `.env` in the working directory, and the files that `…_FILE` variables name.

    Raises SettingsError, whose text is one line, for the first wrong value.
    """
    try:
        return kind()
    except ValidationError as error:
        raise SettingsError(_one_line(error)) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{Path('.env').absolute()} is not UTF-8 text: save it as UTF-8") from None


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return message
    name = str(first["loc"][0]).upper()
    value = "(hidden)" if name.lower() in _SECRETS else first["input"]
    return " ".join(f"{name}={value}: {message[0].lower()}{message[1:]}".split())
