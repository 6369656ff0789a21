"""Errors that end the local stack; each is one line for the user."""


class LocalError(Exception):
    """The stack cannot continue; the text is one line, `log` the last lines of the log that explains the error."""

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log


class StopRequestedError(Exception):
    """Signal `signum` requested an orderly end."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"signal {signum}")
        self.signum = signum
