"""What can go wrong while the stack runs; each error is one line for the user."""


class LocalError(Exception):
    """The stack cannot go on; the text is one line, `log` the last lines that explain it."""

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log


class StopRequestedError(Exception):
    """A signal asked for an orderly end."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"signal {signum}")
        self.signum = signum
