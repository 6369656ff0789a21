"""Wait for a server."""

import time
from collections.abc import Callable
from typing import Final

from chaos.errors import ChaosError

_PAUSE_S: Final = 0.05


def became_true(condition: Callable[[], bool], deadline_s: float) -> bool:
    """Ask again and again until the answer is true; return False after `deadline_s` seconds."""
    end_s = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(_PAUSE_S)
    return True


def wait_until(condition: Callable[[], bool], deadline_s: float, what: str) -> None:
    """Return when the condition is true. Raise ChaosError after `deadline_s` seconds."""
    if not became_true(condition, deadline_s):
        raise ChaosError(f"within {deadline_s:g} s not true: {what}")
