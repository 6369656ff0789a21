"""The two kinds of error that stop a batch, and the exit codes of every program.

The third kind of error is `tweets.reasons.BadRecordError`: a record that cannot be classified becomes a dead letter.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Self


class ExitCode(IntEnum):
    """The exit status of a program; a supervisor restarts on anything but OK. `meaning` describes what happened."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        """Make a member of a number and its meaning."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    OK = 0, "The program has done its work, or was stopped by SIGTERM or SIGINT and has drained."
    DIFFERENCE = (
        1,
        "Redis or the output topic differs from the counts committed in Kafka, or `verify --timeout` ended first.",
    )
    SETTINGS = 2, "A setting, an option or a file that the user named is wrong. The error names the cause."
    MODEL = 3, "The model folder is missing or damaged, or the model computes wrong scores on this machine."
    KAFKA = 4, "Kafka cannot be reached, or refuses the login, the user or the group member."
    TOPICS = (
        5,
        "A topic is missing, an output topic has fewer partitions than the input topic, or the input topic does not "
        "take a replayed record.",
    )
    FENCED = (
        6,
        "Another worker has started with the same `WORKER_ID`, or another replay of the dead letters, or a "
        "transaction of a replay timed out.",
    )
    ENGINE = 7, "The model fails on texts that the model labelled correctly at the start."
    REDIS = 8, "Redis does not answer, or refuses a command or a key. Only `verify` and `series` end with this code."
    STUCK = 9, "A step took longer than its time limit, and the watchdog ended the process."
    STATE = 10, "The committed offsets or counts cannot be used as they are. The last log line names what to change."
    DEAD_LETTERS = 11, "Dead letters have reached the share `DEAD_LETTER_MAX_SHARE`. The last log line has the reasons."
    BUG = 70, "Unexpected error, a bug (EX_SOFTWARE of sysexits.h). The log has the traceback."
    INTERRUPTED = 130, "Ctrl-C, where there was nothing to drain (128 + SIGINT)."


class TransientError(Exception):
    """Kafka or Redis failed and may recover: roll back, restore, retry."""


class RefusedRecordsError(TransientError):
    """Kafka refuses some records of a batch for good; nothing of the batch is committed.

    `refusals` is the broker's reason for each refused record, by the index in the batch. Where `exact` is false, at
    least one of these records is refused, and the others share its fate: publish again with one record per request.
    """

    def __init__(self, refusals: Mapping[int, str], *, exact: bool) -> None:
        super().__init__(f"Kafka refuses {len(refusals)} records: {next(iter(refusals.values()))}")
        self.refusals = refusals
        self.exact = exact


class FatalError(Exception):
    """No retry can help: log one line and exit with `exit_code`."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def described(error: Exception) -> str:
    """Return class and text of an error of a library on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
