"""Settings of every client of this package, which works beside brokers that are killed, frozen and cut off."""

from typing import Any, Final

CLIENT: Final[dict[str, Any]] = {
    "reconnect.backoff.max.ms": 500,
    "topic.metadata.refresh.interval.ms": 2_000,
    "socket.timeout.ms": 10_000,
    "log_level": 0,  # a broker that is down is expected, and standard error belongs to the progress of the run
}
