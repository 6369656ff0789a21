"""The dead letter: a record that cannot be classified, with headers that say why."""

from typing import Final

from tweets.reasons import BadRecordError
from tweets.records import Headers, OutputRecord, Record, max_wire_bytes

DECODER_NAME: Final = "worker.messages.decode"
"""The value of `__connect.errors.class.name`. Filters may rely on this name; no module of the name has to exist."""

ERROR_NAME: Final = "worker.errors.BadMessage"
"""The value of `__connect.errors.exception.class.name`, fixed for the same reason."""

TRUNCATED: Final = "truncated"

ERRORS: Final = "__connect.errors."
"""The beginning of the names of Kafka Connect's headers."""

TOPIC: Final = f"{ERRORS}topic"
PARTITION: Final = f"{ERRORS}partition"
OFFSET: Final = f"{ERRORS}offset"
MESSAGE: Final = f"{ERRORS}exception.message"

HEADERS: Final = {
    TOPIC: "Input topic.",
    PARTITION: "Partition of the input record.",
    OFFSET: "Offset of the input record.",
    "__connect.errors.stage": "`CONSUME` (`unreadable`), `TRANSFORMATION` (`classifier_failed`), `KAFKA_PRODUCE` "
    "(`refused`) or `VALUE_CONVERTER`.",
    "__connect.errors.class.name": f"Always `{DECODER_NAME}`.",
    "__connect.errors.exception.class.name": f"Always `{ERROR_NAME}`.",
    MESSAGE: "The reason, a colon and the detail.",
    TRUNCATED: "`true`, only if the record had to be cut to fit into the topic's `max.message.bytes`.",
}
"""Header → meaning, of the headers that a dead letter has beside those of its input record; see docs/reference.md."""

_STAGES: Final = {"classifier_failed": "TRANSFORMATION", "unreadable": "CONSUME", "refused": "KAFKA_PRODUCE"}


def encode(record: Record, error: BadRecordError, *, topic: str, max_bytes: int) -> OutputRecord:
    """Return the input record with headers in Kafka Connect's convention (KIP-298) that say what is wrong.

    A record that would exceed `max_bytes` on the wire loses first the end of its value, then its own headers and key,
    and gets the header `truncated: true`.
    """
    why = _error_headers(record, error)
    key, value = record.key, record.value
    headers: Headers = [*record.headers, *why]
    room = max_bytes - max_wire_bytes(key, b"", headers)
    if len(value or b"") > room:
        why.append((TRUNCATED, b"true"))
        room -= max_wire_bytes(None, b"", [(TRUNCATED, b"true")])
        headers = [*record.headers, *why]
        if room < 0:
            key, headers = None, why
            room = max_bytes - max_wire_bytes(None, b"", why)
        value = (value or b"")[: max(0, room)]
    return OutputRecord(topic, record.partition.number, key, value, headers)


def _error_headers(record: Record, error: BadRecordError) -> list[tuple[str, bytes | None]]:
    return [
        (TOPIC, record.partition.topic.encode()),
        (PARTITION, str(record.partition.number).encode()),
        (OFFSET, str(record.offset).encode()),
        ("__connect.errors.stage", _STAGES.get(error.reason, "VALUE_CONVERTER").encode()),
        ("__connect.errors.class.name", DECODER_NAME.encode()),
        ("__connect.errors.exception.class.name", ERROR_NAME.encode()),
        (MESSAGE, str(error).encode()),
    ]
