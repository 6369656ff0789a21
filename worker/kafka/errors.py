"""Translation of kafka-python's errors into TransientError and FatalError."""

from typing import Final

from kafka import errors

from worker.errors import ExitCode, FatalError, TransientError

_MEMBER_REFUSED: Final = (
    errors.InvalidSessionTimeoutError,
    errors.InvalidGroupIdError,
    errors.InconsistentGroupProtocolError,
    errors.GroupMaxSizeReachedError,
)


def translated(error: BaseException, bootstrap_servers: str) -> TransientError | FatalError:
    """Return FatalError for an error that no retry can repair, TransientError for every other error."""
    if isinstance(error, errors.FencedInstanceIdError):
        return FatalError(
            "another worker has started with the same WORKER_ID: give each replica a different WORKER_ID",
            ExitCode.FENCED,
        )
    if isinstance(error, errors.SaslAuthenticationFailedError):
        return FatalError(
            f"Kafka at {bootstrap_servers} refused the login ({error}): check KAFKA_SASL_USERNAME, "
            "KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM",
            ExitCode.KAFKA,
        )
    if isinstance(error, errors.AuthorizationError):
        return FatalError(
            f"Kafka at {bootstrap_servers} does not allow this operation to this user ({error}): "
            "grant READ on the group, the input topic and the checkpoint topic, WRITE on both output topics, the "
            "checkpoint topic and the transactional id",
            ExitCode.KAFKA,
        )
    if isinstance(error, _MEMBER_REFUSED):
        return FatalError(
            f"Kafka at {bootstrap_servers} refused this worker as a group member ({error}): check KAFKA_GROUP_ID, "
            "which only workers may use, and KAFKA_SESSION_TIMEOUT_MS, which must be within the brokers' limits",
            ExitCode.KAFKA,
        )
    # The producer of kafka-python raises this error as a KafkaError that has the name in its text only.
    if errors.OffsetMetadataTooLargeError.__name__ in f"{type(error).__name__} {error}":
        return FatalError(
            f"Kafka at {bootstrap_servers} refused the offset metadata, which holds the running counts, as too large: "
            "set offset.metadata.max.bytes of every broker to the value of KAFKA_OFFSET_METADATA_MAX_BYTES or more",
            ExitCode.STATE,
        )
    text, name = str(error), type(error).__name__
    return TransientError(text if name in text else f"{name}: {text}")  # many texts of the client begin with the name
