"""Every time limit, pause and interval of the worker and of its Kafka and Redis clients, in seconds.

Most limits depend on each other; `worker/time_order.py` holds the rules.
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
EMPTY_FETCH: Final = TimeLimit(
    0.02,
    "Shortest time from a fetch without records to the next one, except the last one of a poll: a broker may answer at "
    "once instead of waiting.",
)
FETCH_ANSWER: Final = TimeLimit(
    0.005,
    "A broker that has records answers a fetch within this: a poll sends its last fetch so long before its end, and a "
    "batch stays open for the answer to a second fetch.",
)
RECONNECT_PAUSE: Final = TimeLimit(0.05, "Pause before the first attempt to reconnect to a broker.")
RECONNECT_PAUSE_MAX: Final = TimeLimit(0.5, "Longest pause between attempts to reconnect to a broker.")
METADATA_MAX_AGE: Final = TimeLimit(5, "Leaders and partitions of the topics are looked up again after this.")
CLOSE: Final = TimeLimit(2, "The close of a client, the end of its thread, and the abort before the close.")
ADMIN_REQUEST: Final = TimeLimit(10, "A request of create-topics and of the checks of the topics at the start.")

# Access tokens of OAUTHBEARER.
TOKEN_REQUEST: Final = TimeLimit(
    10, "Each step of a request to the token endpoint: the connection, the TLS handshake, and the whole answer."
)
TOKEN_WAIT: Final = TimeLimit(
    1.5, "A login waits this long for the token endpoint; a later answer serves the next attempt to log in."
)

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
JOIN: Final = TimeLimit(50, "A join without an outcome, which hangs in the Kafka client, begins again after this.")
FIND_COORDINATOR: Final = TimeLimit(
    15, "A search for the coordinator without an outcome, which hangs in the Kafka client, begins again after this."
)
JOIN_AGAIN: Final = TimeLimit(
    10,
    "A partition that moves has no owner until the member that had it joins again; the leader joins again after this.",
)
FINISH_JOIN: Final = TimeLimit(3, "After a poll, a join that is under way may take this long to complete.")
HEARTBEAT_MARGIN: Final = TimeLimit(0.5, "Extra wait for the answer to a heartbeat after the heartbeat interval.")
HEARTBEATS_PER_SESSION: Final = 5
"""HEARTBEAT_INTERVAL is KAFKA_SESSION_TIMEOUT_MS divided by this: four lost heartbeats do not end a session."""

# The loop, and the steps whose limits the watchdog enforces by ending the process.
IDLE_POLL: Final = TimeLimit(0.5, "A poll waits this long for the first record of a batch.")
POLL: Final = TimeLimit(60, "Watchdog: a poll, which may join the group; also the wait for a heartbeat.")
RESTORE: Final = TimeLimit(40, "Watchdog: look-up of the committed offsets of all owned partitions.")
CHECKPOINTS: Final = TimeLimit(
    6, "Reading the checkpoint topic, as each restore does, fails when nothing of it arrives for this long."
)
READ_CHECKPOINTS: Final = TimeLimit(
    120,
    "Watchdog: reading the checkpoint topic. After 30 s without a poll the member leaves the group, and reads again.",
)
LABEL_BATCH: Final = TimeLimit(
    1, "A batch has at most as many records as are labelled in this, by the measured speed of the model."
)
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
KAFKA_SILENT: Final = TimeLimit(
    30, "`/readyz` fails when no broker has answered the worker's consumer for this long; `/healthz` does not."
)
TOPICS_FILE_LOOK: Final = TimeLimit(
    1, "The worker looks this often whether `TOPICS_FILE` has changed, and reads a file that two looks find the same."
)
RETRY_PAUSE: Final = TimeLimit(0.1, "Pause of the loop after a first transient error; doubles with each error.")
RETRY_PAUSE_MAX: Final = TimeLimit(5, "Longest pause of the loop after transient errors.")

# The producer.
DELIVERY: Final = TimeLimit(14, "A record that is not acknowledged after this, retries included, has failed.")
MAX_BLOCK: Final = TimeLimit(15, "A send that needs metadata, and init_transactions, fail after this.")
ABORT: Final = TimeLimit(10, "An abort without an answer is left to the next producer after this.")
FLUSH: Final = TimeLimit(20, "The producer waits this long until every record is acknowledged or has failed.")

# Look-ups.
OFFSET_LOOKUP: Final = TimeLimit(5, "A look-up of the committed, first or last offsets of all partitions of a worker.")
VERIFY_LOOKUP: Final = TimeLimit(10, "verify's look-up of the committed, first or last offsets of all partitions.")
RECOUNT: Final = TimeLimit(300, "verify's recount fails when no record of the output topic arrives for this long.")
RECOUNT_POLL: Final = TimeLimit(1, "One poll of verify's recount, and of a reader of the checkpoint topic.")
DEAD_LETTERS: Final = TimeLimit(30, "A command on dead letters fails when no dead letter arrives for this long.")
VERIFY: Final = TimeLimit(
    10, "Without verify --timeout, Kafka and Redis must agree within this after the first comparison."
)
VERIFY_CAUSES: Final = TimeLimit(
    3, "verify --timeout leaves this much of its time, at most half, to look for the causes of differences."
)
VERIFY_RETRY_PAUSE: Final = TimeLimit(0.2, "Pause of verify before it compares again.")
VERIFY_EXPIRY_MARGIN: Final = TimeLimit(
    60, "verify does not compare minutes, hours and days that expire so soon: Redis may delete them meanwhile."
)

# Redis.
REDIS_CONNECT: Final = TimeLimit(2, "A connection to Redis.")
REDIS_ANSWER: Final = TimeLimit(2, "The answer to one command of Redis.")
REDIS_TIMEOUT_IN_URL: Final = TimeLimit(60, "Longest socket_timeout and socket_connect_timeout that REDIS_URL may set.")
REDIS_RETRY_PAUSE: Final = TimeLimit(1, "Pause before counts that Redis did not accept are published again.")
REPUBLISH: Final = TimeLimit(5, "All owned counts are published again after this, so that a wiped Redis recovers.")
MINUTE_KEPT: Final = TimeLimit(24 * 3600, "Redis keeps the counts of one minute for this long.")
WINDOWS_PUSH: Final = TimeLimit(1, "Changed minutes, hours and days are published at most once in this time.")
SUBJECTS_LOOK: Final = TimeLimit(
    3600, "Tweet topics that are not in `TOPICS_FILE` and have no counts any more leave the list in Redis this often."
)

# Logs.
REPORT: Final = TimeLimit(30, "The log gets the totals of committed records this often.")
CLIENT_LOG_REPEAT: Final = TimeLimit(
    30, "The same log line of the Kafka client or of a web server is written once in this time."
)
CLIENT_LOG_HOLD: Final = TimeLimit(
    5, "Log lines of the Kafka client about a state that a healthy start passes through are written if it lasts longer."
)

# The orderly stop.
STOP_GRACE: Final = TimeLimit(
    10, "Docker kills a container this long after SIGTERM by default; docker-compose.yml and Kubernetes give more."
)
SHUTDOWN: Final = TimeLimit(9, "From SIGTERM to exit: the open batch is committed and the clients are closed.")
FINAL_PUBLISH: Final = TimeLimit(2, "Publishing the last counts to Redis before exit.")
HEALTH_CLOSE: Final = TimeLimit(0.5, "The end of the health server's thread.")

# The HTTP servers of the worker and the live page.
HTTP_CLIENT: Final = TimeLimit(
    10, "A client of an HTTP server must send its request, and read the response, within this; also an idle client."
)
HTTP_PEER: Final = TimeLimit(20, "A connection whose peer acknowledges nothing ends after this (TCP_USER_TIMEOUT).")
HTTP_LINGER: Final = TimeLimit(
    1, "The rest of a refused body is read for this long, so that the client can read the refusal."
)


class TimeSettings(Protocol):
    """The settings that are durations, in milliseconds."""

    @property
    def kafka_session_timeout_ms(self) -> int: ...
    @property
    def kafka_transaction_timeout_ms(self) -> int: ...
    @property
    def batch_max_wait_ms(self) -> int: ...


def all_limits() -> dict[str, TimeLimit]:
    """Return every constant of this module by its name, in the order of the file."""
    return {name: value for name, value in globals().items() if isinstance(value, TimeLimit)}


def heartbeat_interval(settings: TimeSettings) -> TimeLimit:
    """Return the time between two heartbeats, a fixed part of the session time-out."""
    interval_ms = settings.kafka_session_timeout_ms // HEARTBEATS_PER_SESSION
    return TimeLimit(interval_ms / 1000, "Time between two heartbeats to the group's coordinator.")
