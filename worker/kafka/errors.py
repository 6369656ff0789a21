"""Translation of kafka-python's errors into TransientError and FatalError."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from kafka import errors

from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.token_endpoint import TokenRefusedError


@dataclass(frozen=True, slots=True)
class _Fatal:
    """Errors that no retry can repair, and the text for the user with the fields `servers` and `error`."""

    kinds: tuple[type[BaseException], ...]
    text: str
    exit_code: ExitCode


_FATAL: Final = (
    _Fatal(
        (errors.FencedInstanceIdError,),
        "another worker has started with the same WORKER_ID: give each replica a different WORKER_ID",
        ExitCode.FENCED,
    ),
    _Fatal((TokenRefusedError,), "no access token for Kafka at {servers}: {error}", ExitCode.KAFKA),
    _Fatal(
        (errors.SaslAuthenticationFailedError,),
        "Kafka at {servers} refused the login ({error}): check KAFKA_SASL_MECHANISM, and KAFKA_SASL_USERNAME and "
        "KAFKA_SASL_PASSWORD, or with OAUTHBEARER the access token and its expiry",
        ExitCode.KAFKA,
    ),
    _Fatal(
        (errors.UnsupportedSaslMechanismError,),
        "Kafka at {servers} does not offer this SASL mechanism ({error}): check KAFKA_SASL_MECHANISM",
        ExitCode.KAFKA,
    ),
    _Fatal(
        (errors.AuthorizationError,),
        "Kafka at {servers} does not allow this operation to this user ({error}): grant READ on the group, the input "
        "topic and the checkpoint topic, WRITE on both output topics, the checkpoint topic and the transactional id",
        ExitCode.KAFKA,
    ),
    _Fatal(
        (
            errors.InvalidSessionTimeoutError,
            errors.InvalidGroupIdError,
            errors.InconsistentGroupProtocolError,
            errors.GroupMaxSizeReachedError,
        ),
        "Kafka at {servers} refused this worker as a group member ({error}): check KAFKA_GROUP_ID, which only workers "
        "may use, and KAFKA_SESSION_TIMEOUT_MS, which must be within the brokers' limits",
        ExitCode.KAFKA,
    ),
)
"""The first entry that fits is used: a subclass comes before its parent."""


def translated(error: BaseException, bootstrap_servers: str) -> TransientError | FatalError:
    """Return FatalError for an error that no retry can repair, TransientError for every other error."""
    for fatal in _FATAL:
        if isinstance(error, fatal.kinds):
            return FatalError(fatal.text.format(servers=bootstrap_servers, error=error), fatal.exit_code)
    # The producer of kafka-python raises this error as a KafkaError that has the name in its text only.
    if errors.OffsetMetadataTooLargeError.__name__ in f"{type(error).__name__} {error}":
        return FatalError(
            f"Kafka at {bootstrap_servers} refused the offset metadata, which holds the running counts, as too large: "
            "set offset.metadata.max.bytes of every broker to the value of KAFKA_OFFSET_METADATA_MAX_BYTES or more",
            ExitCode.STATE,
        )
    text, name = str(error), type(error).__name__
    return TransientError(text if name in text else f"{name}: {text}")  # many texts of the client begin with the name


@contextmanager
def translating(bootstrap_servers: str) -> Iterator[None]:
    """Raise TransientError or FatalError in place of the errors of the client's call inside the block."""
    try:
        yield
    except errors.KafkaError as error:
        raise translated(error, bootstrap_servers) from error
    except (KeyError, TypeError, ValueError, OSError) as error:  # of a connection that is closed during the call
        raise TransientError(f"{type(error).__name__}: {error}") from error
