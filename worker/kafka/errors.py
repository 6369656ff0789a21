"""The lane in which every error of the Kafka client ends."""

from typing import Final

from kafka import errors

from worker.errors import ExitCode, FatalError, TransientError

_REFUSED_MEMBER: Final = (
    errors.InvalidSessionTimeoutError,
    errors.InvalidGroupIdError,
    errors.InconsistentGroupProtocolError,
    errors.GroupMaxSizeReachedError,
)


def translated(error: BaseException, bootstrap_servers: str) -> TransientError | FatalError:
    """The lane in which a client's error ends: what a retry cannot mend is fatal, everything else may pass."""
    if isinstance(error, errors.FencedInstanceIdError):
        return FatalError("another worker runs with the same WORKER_ID: give each replica its own", ExitCode.FENCED)
    if isinstance(error, errors.SaslAuthenticationFailedError):
        return FatalError(
            f"Kafka at {bootstrap_servers} refuses the login ({error}): check KAFKA_SASL_USERNAME, "
            "KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM",
            ExitCode.KAFKA,
        )
    if isinstance(error, errors.AuthorizationError):
        return FatalError(
            f"Kafka at {bootstrap_servers} does not allow this user to go on ({error}): "
            "grant READ on the group and the input topic, WRITE on both output topics and on the transactional id",
            ExitCode.KAFKA,
        )
    if isinstance(error, _REFUSED_MEMBER):
        return FatalError(
            f"Kafka at {bootstrap_servers} does not let this worker into its group ({error}): check KAFKA_GROUP_ID, "
            "which no other kind of program may use, and KAFKA_SESSION_TIMEOUT_MS, which the brokers limit",
            ExitCode.KAFKA,
        )
    words = str(error)
    name = type(error).__name__
    return TransientError(words if name in words else f"{name}: {words}")
