"""Lines for the person who waits, on stderr."""

import sys


def say(text: str) -> None:
    """Print one line on stderr."""
    print(text, file=sys.stderr, flush=True)
