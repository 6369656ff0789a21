"""What no declaration in the code holds: who ends with which exit code, permissions, and HTTP endpoints.

docs/reference.md shows these tables. Tests compare exit codes and endpoints with the programs.
"""

from typing import Final, NamedTuple

from worker import time_limits
from worker.errors import ExitCode

EXIT_CODE_PROGRAMS: Final = {
    ExitCode.OK: "all",
    ExitCode.DIFFERENCE: "`worker verify`",
    ExitCode.SETTINGS: "all",
    ExitCode.MODEL: "`worker`, `worker classify`, `dashboard`",
    ExitCode.KAFKA: "`worker`, `worker create-topics`, `worker verify`, `worker dead-letters`, `producer`",
    ExitCode.TOPICS: "`worker`, `worker verify`, `worker dead-letters`, `producer`",
    ExitCode.FENCED: "`worker`, `worker dead-letters replay`",
    ExitCode.ENGINE: "`worker`, `dashboard`",
    ExitCode.REDIS: "`worker verify`, `worker series`",
    ExitCode.STUCK: "`worker`",
    ExitCode.STATE: "`worker`, `worker dead-letters replay`",
    ExitCode.DEAD_LETTERS: "`worker`",
    ExitCode.BUG: "`worker` with all its commands, `producer`, `dashboard`",
    ExitCode.INTERRUPTED: "`worker classify`, `worker create-topics`, `worker verify`, `worker dead-letters`, "
    "`training`",
}
"""Exit code → the programs that end with it, by the name after `python -m`."""


class Permission(NamedTuple):
    """What a program's Kafka user needs; `without` describes a program that runs without the permission."""

    program: str
    operations: str
    resource: str
    without: str


PERMISSIONS: Final = (
    Permission("`worker`", "READ", "group `KAFKA_GROUP_ID`", ""),
    Permission("`worker`", "READ", "topic `KAFKA_INPUT_TOPIC`", ""),
    Permission(
        "`worker`",
        "WRITE",
        "topics `KAFKA_OUTPUT_TOPIC`, `KAFKA_DEAD_LETTER_TOPIC` and `KAFKA_CHECKPOINT_TOPIC`",
        "",
    ),
    Permission(
        "`worker`",
        "READ",
        "topic `KAFKA_CHECKPOINT_TOPIC`",
        "The worker ends with an error when it gets its first partitions.",
    ),
    Permission("`worker`", "WRITE", "transactional ids with the prefix `KAFKA_GROUP_ID`", ""),
    Permission(
        "`worker`",
        "DESCRIBE_CONFIGS",
        "all four topics, optional",
        "The worker assumes Kafka's default `max.message.bytes` of 1,048,588 and logs a warning.",
    ),
    Permission("`worker create-topics`", "CREATE", "topics that are missing", ""),
    Permission("`worker create-topics`", "DESCRIBE", "all four topics", ""),
    Permission(
        "`worker create-topics`",
        "DESCRIBE_CONFIGS",
        "all four topics, optional",
        "The output topics are made for Kafka's default `max.message.bytes`.",
    ),
    Permission(
        "`worker create-topics`",
        "ALTER",
        "output topics that have to grow",
        "",
    ),
    Permission("`worker verify`", "DESCRIBE", "group `KAFKA_GROUP_ID`", ""),
    Permission("`worker verify`", "DESCRIBE", "topic `KAFKA_INPUT_TOPIC`", ""),
    Permission("`worker verify`", "READ", "topic `KAFKA_OUTPUT_TOPIC`", ""),
    Permission(
        "`worker verify`",
        "READ",
        "topic `KAFKA_CHECKPOINT_TOPIC`",
        "Where committed offsets are missing, `verify` cannot say what a worker would restore, and ends with an error.",
    ),
    Permission(
        "`worker verify`",
        "DESCRIBE_CONFIGS",
        "topic `KAFKA_OUTPUT_TOPIC`, optional",
        "`verify` cannot say that tweets are missing because the topic is compacted.",
    ),
    Permission(
        "`worker export-state`",
        "DESCRIBE and READ",
        "group `KAFKA_GROUP_ID`, topics `KAFKA_INPUT_TOPIC` and `KAFKA_CHECKPOINT_TOPIC`",
        "",
    ),
    Permission("`worker import-state`", "DESCRIBE, READ and WRITE", "the same as `worker`", ""),
    Permission("`worker dead-letters`", "READ", "topic `KAFKA_DEAD_LETTER_TOPIC`", ""),
    Permission(
        "`worker dead-letters replay`",
        "READ",
        "group `KAFKA_GROUP_ID.dead-letters`, topic `KAFKA_CHECKPOINT_TOPIC`",
        "",
    ),
    Permission(
        "`worker dead-letters replay`",
        "DESCRIBE; WRITE with `--yes`",
        "topic `KAFKA_INPUT_TOPIC`",
        "",
    ),
    Permission(
        "`worker dead-letters replay --yes`",
        "WRITE",
        "topic `KAFKA_CHECKPOINT_TOPIC`, transactional id `KAFKA_GROUP_ID.dead-letters`",
        "",
    ),
    Permission(
        "`worker dead-letters replay --yes`",
        "DESCRIBE_CONFIGS",
        "topic `KAFKA_INPUT_TOPIC`, optional",
        "The replay assumes Kafka's default `max.message.bytes` of 1,048,588 and logs a warning.",
    ),
    Permission("`producer`", "WRITE", "topic `KAFKA_INPUT_TOPIC`", ""),
    Permission(
        "`dashboard`",
        "READ",
        "topic `KAFKA_OUTPUT_TOPIC`",
        "The page shows no tweets and no rates, and reports the topic as missing.",
    ),
    Permission(
        "`dashboard`",
        "DESCRIBE",
        "topic `KAFKA_INPUT_TOPIC` and group `KAFKA_GROUP_ID`, optional",
        "The page shows no lag. Without DESCRIBE on the topic the page also reports the topic as missing.",
    ),
)

REDIS_COMMANDS: Final = (
    ("`worker`", "`evalsha` `script|load` `hgetall` `hmget` `hvals` `hset` `hdel` `expire`"),
    ("`worker verify`, `dashboard`", "`multi` `exec` `hgetall`"),
    ("`worker verify --repair`", "also `evalsha` `script|load` `hmget` `hset` `hdel` `expire`"),
    ("all three with a Redis Cluster", "also `cluster|slots` `command`"),
)
"""Program → the commands that an ACL user of Redis needs, on the keys under REDIS_KEY_PREFIX."""


class Endpoint(NamedTuple):
    """One address of an HTTP server."""

    method: str
    path: str
    meaning: str


WORKER_ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/metrics",
        "The metrics, in the text format of Prometheus or OpenMetrics. HEAD is answered on all three paths.",
    ),
    Endpoint(
        "GET",
        "/healthz",
        "200 while the worker makes progress, 503 with the name of the step that exceeds its time limit. A Kafka that "
        "does not answer is no reason for 503.",
    ),
    Endpoint(
        "GET",
        "/readyz",
        "200 while the worker is a member of the group, has restored its partitions, and a broker has answered within "
        f"{time_limits.KAFKA_SILENT.seconds:g} s; else 503 with the reason.",
    ),
)

PAGE_ENDPOINTS: Final = (
    Endpoint(
        "GET", "/", "The live page. HEAD is answered on every path of GET, except `/events`, `/surest` and `/static/…`."
    ),
    Endpoint("GET", "/static/…", "Scripts and styles of the live page."),
    Endpoint("GET", "/events", "Server-sent events: everything that the page shows, as it changes."),
    Endpoint(
        "POST",
        "/classify",
        '`{"text": "…"}` → a label with its scores; `{"texts": ["…", "…"]}` → `{"results": […]}`, at most 1,000 texts.',
    ),
    Endpoint("POST", "/explain", '`{"text": "…"}` → a label, and by how much the score falls without each word.'),
    Endpoint(
        "GET",
        "/series",
        "How many tweets got each emotion in each minute, hour or day: `topic`, `from`, `to` and `step`; at most 3,000 "
        "periods.",
    ),
    Endpoint(
        "GET",
        "/surest",
        "The five tweets of a `minute`, and of a `topic`, that the model was surest of, among at most 50,000 records.",
    ),
    Endpoint("GET", "/topics", "The tweet topics that are counted, and since when."),
    Endpoint("GET", "/hashtags", "The hashtags of the last hour that rise most, approximately."),
    Endpoint("GET", "/stats", "Calls of the model and classified texts since the start."),
    Endpoint("GET", "/healthz", "200 while the server answers."),
    Endpoint("GET", "/docs", "API page (Swagger UI), with every field and every error."),
    Endpoint("GET", "/docs/…", "Scripts and styles of the API page."),
    Endpoint("GET", "/openapi.json", "OpenAPI description of the server."),
)
