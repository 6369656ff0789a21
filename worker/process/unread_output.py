"""Standard output that nobody reads any more, as in `… | head`."""

import os
import sys


def forget_unread_output() -> None:
    """Whoever read it has seen enough: keeps the interpreter from flushing into the closed pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
