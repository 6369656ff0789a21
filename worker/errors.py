"""The three lanes in which every error of the worker ends, and the exit codes of its programs."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a program's exit status says; a supervisor restarts on anything but OK."""

    OK = 0
    DIFFERENCE = 1  # verify: Redis or the output topic differs from Kafka's committed counts
    SETTINGS = 2  # a setting, an option or a file that the user named is wrong
    MODEL = 3  # the model folder is missing, damaged, or computes wrong scores here
    KAFKA = 4  # Kafka cannot be reached or refuses us
    TOPICS = 5  # a topic is missing or an output topic has too few partitions
    FENCED = 6  # another worker took over our WORKER_ID
    ENGINE = 7  # the model stopped working while running
    REDIS = 8  # verify cannot reach Redis; the worker itself goes on without it
    STUCK = 9  # a step took longer than its limit; the watchdog ended the process
    BUG = 70  # an error nobody foresaw (EX_SOFTWARE of sysexits.h); the log has its traceback


class BadMessage(Exception):
    """Lane one: this record cannot be classified; it becomes a dead letter and the stream goes on."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class PassingFault(Exception):
    """Lane two: something outside failed and may work again; roll back, restore, retry."""


class Fatal(Exception):
    """Lane three: going on would be wrong or useless; log one line and exit with a named code."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = exit_code
