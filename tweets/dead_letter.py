"""The dead letter: a record that could not be classified, with headers that say why."""

from typing import Final

from tweets.reasons import BadRecordError
from tweets.records import Headers, OutputRecord, Record, max_wire_bytes

DECODER_NAME: Final = "worker.messages.decode"
"""The value of `__connect.errors.class.name`. A name on the wire that filters may rely on; no module need have it."""

ERROR_NAME: Final = "worker.errors.BadMessage"
"""The value of `__connect.errors.exception.class.name`, fixed for the same reason."""

_STAGES: Final = {"classifier_failed": "TRANSFORMATION", "unreadable": "CONSUME"}


def encode(record: Record, error: BadRecordError, *, topic: str, max_bytes: int) -> OutputRecord:
    """Return the original record with headers in Kafka Connect's convention (KIP-298) that say what is wrong with it.

    A record that would exceed `max_bytes` on the wire loses first the end of its value, then its own headers and key,
    and gets the header `truncated: true`.
    """
    why: list[tuple[str, bytes | None]] = [
        ("__connect.errors.topic", record.partition.topic.encode()),
        ("__connect.errors.partition", str(record.partition.number).encode()),
        ("__connect.errors.offset", str(record.offset).encode()),
        ("__connect.errors.stage", _STAGES.get(error.reason, "VALUE_CONVERTER").encode()),
        ("__connect.errors.class.name", DECODER_NAME.encode()),
        ("__connect.errors.exception.class.name", ERROR_NAME.encode()),
        ("__connect.errors.exception.message", str(error).encode()),
    ]
    key, value = record.key, record.value
    headers: Headers = [*record.headers, *why]
    room = max_bytes - max_wire_bytes(key, b"", headers)
    if len(value or b"") > room:
        why.append(("truncated", b"true"))
        room -= max_wire_bytes(None, b"", [("truncated", b"true")])
        headers = [*record.headers, *why]
        if room < 0:
            key, headers = None, why
            room = max_bytes - max_wire_bytes(None, b"", why)
        value = (value or b"")[: max(0, room)]
    return OutputRecord(topic, record.partition.number, key, value, headers)
