"""Records that the broker refuses for good, as opposed to errors that a retry may cure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from kafka import errors

REFUSED_BATCH: Final = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)
"""The broker's answer to the size of a batch: a refusal of its record, if the record is alone."""

REFUSED_RECORD: Final = (
    errors.InvalidRecordError,  # no key on a compacted topic, a timestamp outside the topic's limits
    errors.InvalidTimestampError,
    *REFUSED_BATCH,
)
"""The broker's answer to one record alone: the same record is refused again in every later attempt."""

REFUSED_TOPIC: Final = (
    errors.InvalidTopicError,
    errors.PolicyViolationError,
    errors.UnsupportedForMessageFormatError,
    errors.InvalidRequiredAcksError,
)
"""The broker's answer to every record of a topic: no record can cure it."""


def refusals(outcomes: Sequence[Exception | None]) -> Mapping[int, str]:
    """Return the index of each refused record with the broker's reason.

    `outcomes` has the error of each record, or None. Other errors of the same batch, of records that share a batch
    with a refused one for instance, are not counted.
    """
    return {n: _reason(error) for n, error in enumerate(outcomes) if isinstance(error, REFUSED_RECORD)}


def are_exact(outcomes: Sequence[Exception | None]) -> bool:
    """Return whether each refusal belongs to its record alone.

    A broker before Kafka 2.4 refuses a batch without saying which records are meant: kafka-python then gives all
    records of the batch one and the same exception object.
    """
    counts = Counter(id(error) for error in outcomes if isinstance(error, REFUSED_RECORD))
    return all(count == 1 for count in counts.values())


def refused_topic(outcomes: Sequence[Exception | None]) -> Exception | None:
    """Return the first error that no record can cure; None without one."""
    return next((error for error in outcomes if isinstance(error, REFUSED_TOPIC)), None)


def _reason(error: Exception) -> str:
    """Return the class without its suffix, and the broker's text on one line."""
    name = type(error).__name__
    text = " ".join(str(error).split())
    return text if name in text else f"{name}: {text}"
