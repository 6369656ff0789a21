"""The only way in which tests wait."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from deploy.local.children import Child

_T = TypeVar("_T")
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 0.2
"""Each question costs processor time, which the programs of a long wait need themselves."""


def eventually(condition: Callable[[], _T], deadline_s: float, what: str) -> _T:
    """Ask again and again until the answer is true, and return the answer. Fails after `deadline_s` seconds."""
    end_s = time.monotonic() + deadline_s
    pause_s = _FIRST_PAUSE_S
    while not (answer := condition()):
        assert time.monotonic() < end_s, f"within {deadline_s:g} s not true: {what}"
        time.sleep(pause_s)
        pause_s = min(1.1 * pause_s, _LONGEST_PAUSE_S)
    return answer


def while_alive(child: Child, condition: Callable[[], bool]) -> Callable[[], bool]:
    """Return a condition that fails once the child has ended."""

    def ask() -> bool:
        child.check()
        return condition()

    return ask
