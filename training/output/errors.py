"""The error that ends a command, and the error messages of libraries on one line."""

from typing import Final

REASON_MAX_CHARACTERS: Final = 160
"""Characters of a library's message in an error line: enough for its first sentence, without its page of advice."""


class TrainingError(Exception):
    """A command cannot continue; the message is one line that names the option, file or row and what to do."""


def reason_of(error: Exception) -> str:
    """Return the start of an error's message on one line, or the name of the error's type if the message is empty."""
    return " ".join(str(error).split())[:REASON_MAX_CHARACTERS] or type(error).__name__
