"""Wait for a condition while programs run."""

import time
from collections.abc import Callable, Iterable
from typing import Final

from benchmarks.suite.errors import BenchmarkError
from deploy.local.children import Child

#: Interval between two looks: short beside a round of seconds, and cheap.
POLL_S: Final = 0.05


def wait_until(condition: Callable[[], bool], limit_s: float, what: str, programs: Iterable[Child] = ()) -> None:
    """Return when the condition is true. Raises BenchmarkError after `limit_s`, LocalError if a program ends before."""
    ends_s = time.monotonic() + limit_s
    while not condition():
        for program in programs:
            program.check()
        if time.monotonic() > ends_s:
            raise BenchmarkError(f"timed out after {limit_s:g} s waiting for {what}")
        time.sleep(POLL_S)
