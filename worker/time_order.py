"""The order between the time limits: which duration must be shorter than which, and why.

A client must report its own time-out before the watchdog ends the process, and a transaction must live longer than the
longest delivery. The settings refuse values that break `ORDER` when the program starts.
"""

from dataclasses import dataclass
from typing import Final

from worker.time_limits import HEARTBEATS_PER_SESSION, TimeSettings, all_limits, heartbeat_interval


@dataclass(frozen=True, slots=True)
class Order:
    """Two durations of which the first must be shorter, and the reason.

    Each side is a sum such as `3 * CLOSE + FINAL_PUBLISH`. A name is a constant of time_limits, one of the settings
    KAFKA_SESSION_TIMEOUT_MS, KAFKA_TRANSACTION_TIMEOUT_MS and BATCH_MAX_WAIT_MS, or HEARTBEAT_INTERVAL.
    """

    shorter: str
    longer: str
    why: str

    @property
    def setting(self) -> str | None:
        """The setting that can break the order; None where only a change of time_limits can."""
        return _setting_in(self.shorter) or _setting_in(self.longer)

    def holds(self, settings: "TimeSettings") -> bool:
        """Return whether the order holds with these settings."""
        return _seconds(self.shorter, settings) < _seconds(self.longer, settings)

    def limit_ms(self, settings: "TimeSettings") -> int:
        """Return the value that `setting` must stay below, or above if the setting is on the longer side."""
        side, bound = (self.shorter, self.longer) if _setting_in(self.shorter) else (self.longer, self.shorter)
        s_per_ms = 0.001 / (HEARTBEATS_PER_SESSION if "HEARTBEAT_INTERVAL" in side else 1)
        others_s: float = _seconds(side, settings) - getattr(settings, str(self.setting).lower()) * s_per_ms
        return round((_seconds(bound, settings) - others_s) / s_per_ms)

    def refusal(self, settings: "TimeSettings") -> str:
        """Return one line: the setting that breaks the order, its value, what is allowed, and why."""
        if self.setting is None:
            return f"{self.shorter} must be shorter than {self.longer}: {self.why}"
        value_ms, limit_ms = getattr(settings, self.setting.lower()), self.limit_ms(settings)
        less = _setting_in(self.shorter) is not None
        limit = f"less than {limit_ms} ({self.longer})" if less else f"more than {limit_ms} ({self.shorter})"
        return f"{self.setting}={value_ms}: must be {limit}: {self.why}"


ORDER: Final = (
    Order("CONNECTION_SETUP", "CONNECTION_SETUP_MAX", "each failed attempt doubles the limit, up to the second value"),
    Order(
        "CONNECTION_SETUP_MAX",
        "REQUEST",
        "an attempt to connect to a frozen broker must fail before the request that waits for the connection",
    ),
    Order("TOKEN_WAIT", "CONNECTION_SETUP", "a login that waited for an access token must still have time to use it"),
    Order(
        "LABEL_BUDGET",
        "JOIN_AGAIN",
        "a member that loses partitions joins again after its batch, before the leader of the group does",
    ),
    Order("FETCH_ANSWER", "EMPTY_FETCH", "the last fetch of a poll comes after a pause, not in place of every pause"),
    Order("RECONNECT_PAUSE_MAX", "REQUEST", "a request must have time for more than one attempt to reconnect"),
    Order(
        "CONNECTION_SETUP_MAX + START_RETRY_PAUSE",
        "START",
        "the start must have time for a second attempt when the first one meets a frozen broker",
    ),
    Order(
        "REQUEST",
        "KAFKA_SESSION_TIMEOUT_MS",
        "a heartbeat without an answer must fail, and be sent again, before the broker ends the session",
    ),
    Order("HEARTBEAT_INTERVAL", "KAFKA_SESSION_TIMEOUT_MS", "a heartbeat must arrive before the session ends"),
    Order(
        "HEARTBEAT_INTERVAL",
        "MAX_POLL_INTERVAL",
        "a heartbeat, sent at a fifth of the session time-out, reports a rebalance, and members have only the poll "
        "interval to join",
    ),
    Order(
        "HEARTBEAT_INTERVAL + HEARTBEAT_MARGIN",
        "POLL",
        "the wait for a heartbeat after a fenced producer must end before the watchdog ends the process",
    ),
    Order("MAX_POLL_INTERVAL", "JOIN_GROUP", "the broker answers JoinGroup only when all members had time to join"),
    Order(
        "CONNECTION_SETUP_MAX + JOIN_GROUP + REQUEST",
        "JOIN",
        "a connection, JoinGroup and SyncGroup may each take their time",
    ),
    Order(
        "CONNECTION_SETUP_MAX + REQUEST",
        "FIND_COORDINATOR",
        "a connection and FindCoordinator may each take their time",
    ),
    Order("JOIN_GROUP + FINISH_JOIN", "POLL", "a poll that joins must end before the watchdog ends the process"),
    Order(
        "BATCH_MAX_WAIT_MS",
        "MAX_POLL_INTERVAL",
        "a batch waits inside a poll, and that time counts towards the poll interval",
    ),
    Order("RETRY_PAUSE_MAX", "MAX_POLL_INTERVAL", "a worker that pauses does not poll and must keep its partitions"),
    Order("RETRY_PAUSE", "RETRY_PAUSE_MAX", "the pause doubles from the first value to the second"),
    Order(
        "MAX_POLL_INTERVAL",
        "LABEL",
        "a slice that takes too long must cost the membership, and be retried, before the watchdog ends the process",
    ),
    Order("LABEL_BATCH", "LABEL_SLICE", "a batch of the measured size must be labelled at once, not in slices"),
    Order("LABEL_SLICE", "LABEL_BUDGET", "a slow batch must be cut between two slices"),
    Order(
        "LABEL_BUDGET + LABEL_SLICE + FLUSH",
        "MAX_POLL_INTERVAL",
        "labelling and publishing must end before the group removes the member, however slow the model is",
    ),
    Order("LABEL_SLICE", "SHUTDOWN", "after SIGTERM a slice must end before the watchdog ends the process"),
    Order("REQUEST", "DELIVERY", "a record must have time for one failed request and another attempt"),
    Order(
        "DELIVERY",
        "KAFKA_TRANSACTION_TIMEOUT_MS",
        "a transaction must live longer than the longest delivery, or the broker aborts a batch that still waits",
    ),
    Order("DELIVERY", "FLUSH", "every record must be acknowledged or have failed when the flush ends"),
    Order("FLUSH", "ACKNOWLEDGE", "the errors of the records must be raised before the watchdog ends the process"),
    Order("MAX_BLOCK", "ACKNOWLEDGE", "a send without metadata must fail before the watchdog ends the process"),
    Order("REQUEST", "MAX_BLOCK", "init_transactions must have time for one failed request and another attempt"),
    Order("BOOTSTRAP + MAX_BLOCK", "INIT_TRANSACTIONS", "a new producer must fail before the watchdog acts"),
    Order("REQUEST", "ABORT", "an abort must have time for an answer"),
    Order("ABORT", "COMMIT", "an abort that the brokers do not answer must be given up before the watchdog acts"),
    Order("3 * REQUEST", "COMMIT", "AddOffsetsToTxn, TxnOffsetCommit and EndTxn may each take the whole REQUEST"),
    Order(
        "MAX_BLOCK + 3 * OFFSET_LOOKUP",
        "RESTORE",
        "the look-ups of metadata, twice of the committed offsets, and of the first offsets must raise their own "
        "errors before the watchdog ends the process",
    ),
    Order(
        "2 * BOOTSTRAP + 5 * OFFSET_LOOKUP + CHECKPOINTS",
        "READ_CHECKPOINTS",
        "reading the checkpoint topic must raise its own errors before the watchdog ends the process",
    ),
    Order(
        "CHECKPOINTS", "SHUTDOWN", "after SIGTERM, reading checkpoints must end before the watchdog ends the process"
    ),
    Order("CHECKPOINTS + OFFSET_LOOKUP", "MAX_POLL_INTERVAL", "a worker that reads checkpoints does not poll"),
    Order("READ_CHECKPOINTS", "TURN", "the watchdog must name the step that hangs"),
    Order(
        "METADATA_MAX_AGE + 2 * REQUEST",
        "KAFKA_SILENT",
        "a worker without partitions hears from Kafka at each look-up of metadata, one of which may fail",
    ),
    Order("CONNECTION_SETUP_MAX", "ADMIN_REQUEST", "an admin request must outlast a slow attempt to connect"),
    Order("REQUEST", "VERIFY_LOOKUP", "a look-up must have time for one failed request and another attempt"),
    Order("VERIFY_LOOKUP + RECOUNT_POLL", "RECOUNT", "a recount consists of look-ups and many polls"),
    Order("VERIFY_RETRY_PAUSE", "VERIFY", "verify must have time for a second comparison"),
    Order("IDLE_POLL", "SHUTDOWN", "after SIGTERM the poll under way must end before the watchdog ends the process"),
    Order(
        "BATCH_MAX_WAIT_MS",
        "SHUTDOWN",
        "after SIGTERM the open batch must be complete before the watchdog ends the process",
    ),
    Order(
        "3 * CLOSE + FINAL_PUBLISH + HEALTH_CLOSE",
        "SHUTDOWN",
        "an abort, the end of the producer, the end of the consumer and the last publish must fit into the shutdown",
    ),
    Order(
        "SHUTDOWN + WATCHDOG_INTERVAL + WATCHDOG_REPORT",
        "STOP_GRACE",
        "the worker must end itself, with a log line, before Docker kills the container",
    ),
)
"""Every order that must hold. An Order without a setting is checked by a test, an Order with one also at the start."""

_SETTINGS: Final = ("KAFKA_SESSION_TIMEOUT_MS", "KAFKA_TRANSACTION_TIMEOUT_MS", "BATCH_MAX_WAIT_MS")


def broken_order(settings: TimeSettings) -> Order | None:
    """Return the first order that these settings break, or None; a test checks the orders without a setting."""
    return next((order for order in ORDER if order.setting and not order.holds(settings)), None)


def allowed_ms(setting: str, settings: TimeSettings) -> tuple[int | None, int | None]:
    """Return the smallest and the largest value that ORDER allows for a setting; None: ORDER has no such limit."""
    one_sided = [
        order for order in ORDER if (_setting_in(order.shorter) is None) != (_setting_in(order.longer) is None)
    ]
    orders = [order for order in one_sided if order.setting == setting]
    above = [order.limit_ms(settings) + 1 for order in orders if _setting_in(order.longer)]
    below = [order.limit_ms(settings) - 1 for order in orders if _setting_in(order.shorter)]
    return max(above, default=None), min(below, default=None)


def _terms(side: str) -> list[tuple[int, str]]:
    """Return how often each name of a sum counts: `3 * CLOSE + FLUSH` gives (3, CLOSE), (1, FLUSH)."""
    parts = [term.rpartition(" * ") for term in side.split(" + ")]
    return [(int(times or 1), name) for times, _, name in parts]


def _seconds(side: str, settings: TimeSettings) -> float:
    named = {name: limit.seconds for name, limit in all_limits().items()}
    named |= {name: getattr(settings, name.lower()) / 1000 for name in _SETTINGS}
    named["HEARTBEAT_INTERVAL"] = heartbeat_interval(settings).seconds
    return sum(times * named[name] for times, name in _terms(side))


def _setting_in(side: str) -> str | None:
    names = [name for _, name in _terms(side)]
    if "HEARTBEAT_INTERVAL" in names:
        return "KAFKA_SESSION_TIMEOUT_MS"
    return next((name for name in names if name in _SETTINGS), None)
