"""Every time limit, pause and interval of the worker and of its Kafka and Redis clients, and the order between them.

Values are in seconds. Most limits depend on each other: a client must report its own time-out before the watchdog ends
the process, and a transaction must live longer than the longest delivery. `ORDER` holds these rules with their reasons.
The settings refuse values that break `ORDER` when the program starts.
"""

from dataclasses import dataclass
from typing import Final, Protocol


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """A duration in seconds, and what the duration limits."""

    seconds: float
    meaning: str

    @property
    def ms(self) -> int:
        """The duration in whole milliseconds."""
        return round(self.seconds * 1000)


# Connections and requests, of the consumer and the producer alike.
BOOTSTRAP: Final = TimeLimit(2, "A new client looks for a first broker at most this long.")
CONNECTION_SETUP: Final = TimeLimit(2, "First attempt to connect to a broker (TCP, TLS and login).")
CONNECTION_SETUP_MAX: Final = TimeLimit(4, "Longest attempt to connect to a broker; each failure doubles the limit.")
REQUEST: Final = TimeLimit(5, "A request to a broker without an answer fails after this.")
REQUEST_RETRY_PAUSE: Final = TimeLimit(0.02, "Pause before a failed request is sent again.")
COORDINATOR_RETRY_PAUSE: Final = TimeLimit(
    0.02, "Pause after a failed connection to a coordinator; kafka-python retries at once, in a busy loop."
)
RECONNECT_PAUSE: Final = TimeLimit(0.05, "Pause before the first attempt to reconnect to a broker.")
RECONNECT_PAUSE_MAX: Final = TimeLimit(0.5, "Longest pause between attempts to reconnect to a broker.")
METADATA_MAX_AGE: Final = TimeLimit(5, "Leaders and partitions of the topics are looked up again after this.")
CLOSE: Final = TimeLimit(2, "The close of a client, the end of its thread, and the abort before the close.")
ADMIN_REQUEST: Final = TimeLimit(10, "A request of create-topics and of the checks of the topics at the start.")

# The start of a program.
START: Final = TimeLimit(15, "At the start, a program waits this long for a broker that accepts the login.")
START_RETRY_PAUSE: Final = TimeLimit(0.5, "Pause between attempts to reach a broker at the start.")

# Membership of the consumer group.
MAX_POLL_INTERVAL: Final = TimeLimit(
    30, "A member that does not poll for this long loses its partitions; also the time for all members to join."
)
JOIN_GROUP: Final = TimeLimit(
    MAX_POLL_INTERVAL.seconds + 5, "A JoinGroup request; kafka-python adds 5 s to the poll interval."
)
FINISH_JOIN: Final = TimeLimit(3, "After a poll, a join that is under way may take this long to complete.")
HEARTBEAT_MARGIN: Final = TimeLimit(0.5, "Extra wait for the answer to a heartbeat after the heartbeat interval.")
HEARTBEATS_PER_SESSION: Final = 5
"""HEARTBEAT_INTERVAL is KAFKA_SESSION_TIMEOUT_MS divided by this: four lost heartbeats do not end a session."""

# The loop, and the steps whose limits the watchdog enforces by ending the process.
IDLE_POLL: Final = TimeLimit(0.5, "A poll waits this long for the first record of a batch.")
POLL: Final = TimeLimit(60, "Watchdog: a poll, which may join the group; also the wait for a heartbeat.")
RESTORE: Final = TimeLimit(40, "Watchdog: look-up of the committed offsets of all owned partitions.")
LABEL_SLICE: Final = TimeLimit(2, "A part of a batch that is labelled at once, by the measured speed of the model.")
LABEL_BUDGET: Final = TimeLimit(
    5, "What is labelled of a batch after this is committed, a sixth of the poll interval; the rest follows."
)
LABEL: Final = TimeLimit(300, "Watchdog: decoding and classifying a batch.")
ACKNOWLEDGE: Final = TimeLimit(25, "Watchdog: sending a batch until every record is acknowledged.")
COMMIT: Final = TimeLimit(20, "Watchdog: beginning, committing or aborting a transaction.")
INIT_TRANSACTIONS: Final = TimeLimit(40, "Watchdog: making a new producer and initialising its transactions.")
TURN: Final = TimeLimit(600, "Watchdog: everything that the loop does outside the steps above.")
WATCHDOG_INTERVAL: Final = TimeLimit(0.25, "The watchdog compares the step with its limit this often.")
WATCHDOG_REPORT: Final = TimeLimit(
    0.5, "The watchdog ends the process after this, whether or not its log lines could be written."
)
RETRY_PAUSE: Final = TimeLimit(0.1, "Pause of the loop after a first transient error; doubles with each error.")
RETRY_PAUSE_MAX: Final = TimeLimit(5, "Longest pause of the loop after transient errors.")

# The producer.
LINGER: Final = TimeLimit(0.005, "The producer waits this long for more records of a partition before it sends.")
DELIVERY: Final = TimeLimit(14, "A record that is not acknowledged after this, retries included, has failed.")
MAX_BLOCK: Final = TimeLimit(15, "A send that needs metadata, and init_transactions, fail after this.")
FLUSH: Final = TimeLimit(20, "The producer waits this long until every record is acknowledged or has failed.")

# Look-ups.
OFFSET_LOOKUP: Final = TimeLimit(5, "A look-up of the committed, first or last offsets of all partitions of a worker.")
VERIFY_LOOKUP: Final = TimeLimit(10, "verify's look-up of the committed, first or last offsets of all partitions.")
RECOUNT: Final = TimeLimit(300, "verify's recount fails when no record of the output topic arrives for this long.")
RECOUNT_POLL: Final = TimeLimit(1, "One poll of verify's recount.")
VERIFY: Final = TimeLimit(10, "Default of verify --timeout: Kafka and Redis must agree within this.")
VERIFY_RETRY_PAUSE: Final = TimeLimit(0.2, "Pause of verify before it compares again.")

# Redis.
REDIS_CONNECT: Final = TimeLimit(2, "A connection to Redis.")
REDIS_ANSWER: Final = TimeLimit(2, "The answer to one command of Redis.")
REDIS_RETRY_PAUSE: Final = TimeLimit(1, "Pause before counts that Redis did not accept are published again.")
REPUBLISH: Final = TimeLimit(5, "All owned counts are published again after this, so that a wiped Redis recovers.")
MINUTE_KEPT: Final = TimeLimit(24 * 3600, "Redis keeps the counts of one minute for this long.")

# Logs.
REPORT: Final = TimeLimit(30, "The log gets the totals of committed records this often.")
CLIENT_LOG_REPEAT: Final = TimeLimit(30, "The same log line of the Kafka client is written once in this time.")

# The orderly stop.
STOP_GRACE: Final = TimeLimit(
    10, "Docker kills a container this long after SIGTERM by default; docker-compose.yml and Kubernetes give more."
)
SHUTDOWN: Final = TimeLimit(9, "From SIGTERM to exit: the open batch is committed and the clients are closed.")
FINAL_PUBLISH: Final = TimeLimit(2, "Publishing the last counts to Redis before exit.")
HEALTH_POLL: Final = TimeLimit(0.5, "The health server looks this often whether to stop.")


@dataclass(frozen=True, slots=True)
class Order:
    """Two durations of which the first must be shorter, and the reason.

    Each side is a sum such as `3 * CLOSE + FINAL_PUBLISH`. A name is a constant of this module, one of the settings
    KAFKA_SESSION_TIMEOUT_MS, KAFKA_TRANSACTION_TIMEOUT_MS and BATCH_MAX_WAIT_MS, or HEARTBEAT_INTERVAL.
    """

    shorter: str
    longer: str
    why: str

    @property
    def setting(self) -> str | None:
        """The setting that can break the order; None where only a change of this module can."""
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
    Order("LABEL_SLICE", "LABEL_BUDGET", "a slow batch must be cut between two slices"),
    Order(
        "LABEL_BUDGET + LABEL_SLICE + FLUSH",
        "MAX_POLL_INTERVAL",
        "labelling and publishing must end before the group removes the member, however slow the model is",
    ),
    Order("LABEL_SLICE", "SHUTDOWN", "after SIGTERM a slice must end before the watchdog ends the process"),
    Order("LINGER + REQUEST", "DELIVERY", "a record must have time for one failed request and another attempt"),
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
    Order("3 * REQUEST", "COMMIT", "AddOffsetsToTxn, TxnOffsetCommit and EndTxn may each take the whole REQUEST"),
    Order(
        "MAX_BLOCK + 3 * OFFSET_LOOKUP",
        "RESTORE",
        "the look-ups of metadata, twice of the committed offsets, and of the first offsets must raise their own "
        "errors before the watchdog ends the process",
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
        "3 * CLOSE + FINAL_PUBLISH + HEALTH_POLL",
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


class TimeSettings(Protocol):
    """The settings that are durations, in milliseconds."""

    @property
    def kafka_session_timeout_ms(self) -> int: ...
    @property
    def kafka_transaction_timeout_ms(self) -> int: ...
    @property
    def batch_max_wait_ms(self) -> int: ...


_SETTINGS: Final = ("KAFKA_SESSION_TIMEOUT_MS", "KAFKA_TRANSACTION_TIMEOUT_MS", "BATCH_MAX_WAIT_MS")


def all_limits() -> dict[str, TimeLimit]:
    """Return every constant of this module by its name, in the order of the file."""
    return {name: value for name, value in globals().items() if isinstance(value, TimeLimit)}


def heartbeat_interval(settings: TimeSettings) -> TimeLimit:
    """Return the time between two heartbeats, a fixed part of the session time-out."""
    interval_ms = settings.kafka_session_timeout_ms // HEARTBEATS_PER_SESSION
    return TimeLimit(interval_ms / 1000, "Time between two heartbeats to the group's coordinator.")


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
