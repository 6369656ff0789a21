"""The only way in which this package waits for servers that faults may disturb."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

_T = TypeVar("_T")

_PAUSE_S: Final = 0.2


def wait_until(condition: Callable[[], _T], deadline_s: float) -> _T:
    """Ask again and again until the answer is true or the seconds are over; return the last answer."""
    end_s = time.monotonic() + deadline_s
    while not (answer := condition()) and time.monotonic() < end_s:
        time.sleep(_PAUSE_S)
    return answer
