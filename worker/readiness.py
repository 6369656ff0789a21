"""Whether a worker is ready, for /readyz: the answer to supervisors that start workers one after another."""

from worker import time_limits


def reason_not_ready(*, restored: bool, silent_s: float, servers: str) -> str | None:
    """Return why a worker is not ready, on one line, or None.

    `restored`: the worker is a group member and has restored its partitions. `silent_s`: the seconds since a broker
    of the bootstrap `servers` last answered.
    """
    if silent_s > time_limits.KAFKA_SILENT.seconds:
        return f"not ready: no broker of Kafka at {servers} has answered for {silent_s:.0f} s"
    return None if restored else "not ready: starting, joining the consumer group, or restoring partitions"
