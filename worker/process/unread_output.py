"""Standard output whose reader has exited, as in `… | head`."""

import os
import sys


def forget_unread_output() -> None:
    """Redirect stdout to the null device, so that the interpreter's last flush does not fail on the closed pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
