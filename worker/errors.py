"""The two kinds of error that stop a batch, and the exit codes of every program.

The third kind, a record that cannot be classified, is `tweets.reasons.BadRecordError`: it becomes a dead letter.
"""

from enum import IntEnum
from typing import Self


class ExitCode(IntEnum):
    """A program's exit status; a supervisor restarts on anything but OK. `meaning` says what happened."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        """Make a member of a number and its meaning."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    OK = 0, "the program has done its work, or was stopped by SIGTERM or SIGINT and has drained"
    DIFFERENCE = 1, "`verify`: Redis or the output topic differs from the counts committed in Kafka"
    SETTINGS = 2, "a setting, an option or a file that the user named is wrong; the line names it"
    MODEL = 3, "the model folder is missing or damaged, or the model computes wrong scores on this machine"
    KAFKA = 4, "Kafka cannot be reached, or refuses the login, the user or the group member"
    TOPICS = 5, "a topic is missing, or an output topic has fewer partitions than the input topic"
    FENCED = 6, "another worker has started with the same WORKER_ID"
    ENGINE = 7, "the model fails on texts that it labelled correctly at the start"
    REDIS = 8, "`verify` cannot read Redis; the worker itself continues without Redis"
    STUCK = 9, "a step took longer than its time limit, and the watchdog ended the process"
    BUG = 70, "unexpected error, a bug (EX_SOFTWARE of sysexits.h); the log has the traceback"
    INTERRUPTED = 130, "Ctrl-C, where there was nothing to drain (128 + SIGINT)"


class TransientError(Exception):
    """Kafka or Redis failed and may work again: roll back, restore, retry."""


class FatalError(Exception):
    """No retry can help: log one line and exit with `exit_code`."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = exit_code
