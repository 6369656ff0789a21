"""The moment at which a run must end, and calls that are left behind when it comes."""

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, TypeVar

from worker.time_limits import TimeLimit

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of the clock; the default never comes."""

    end_s: float = math.inf
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, timeout_s: float | None, clock: Callable[[], float] = time.monotonic) -> "Deadline":
        """Return the moment so many seconds from now; None: never."""
        return cls(math.inf if timeout_s is None else clock() + timeout_s, clock)

    @property
    def left_s(self) -> float:
        """Seconds until then; not above zero afterwards."""
        return self.end_s - self.clock()

    @property
    def has_passed(self) -> bool:
        """Whether the moment has come."""
        return self.left_s <= 0

    def earlier(self, by_s: float) -> "Deadline":
        """Return the moment so many seconds before this one."""
        return Deadline(self.end_s - by_s, self.clock)

    def shortened(self, limit: TimeLimit) -> TimeLimit:
        """Return the limit, or what is left until the deadline if that is less."""
        return limit if limit.seconds <= self.left_s else TimeLimit(max(0.0, self.left_s), limit.meaning)


NEVER: Final = Deadline()


def in_time(work: Callable[[], _T], deadline: Deadline, *, instead: Callable[[], _T]) -> _T:
    """Return the result of `work`, or of `instead` if the work has not ended at the deadline. Raises their errors.

    Python cannot interrupt a call of a client that waits for a server. The work then continues in a thread that does
    not keep the process alive.
    """
    if math.isinf(deadline.end_s):
        return work()
    outcome: Future[_T] = Future()
    threading.Thread(target=_run, args=(work, outcome), name="in-time", daemon=True).start()
    try:
        return outcome.result(timeout=max(0.0, deadline.left_s))
    except TimeoutError:
        if outcome.done():
            return outcome.result()
        return instead()


def _run(work: Callable[[], _T], outcome: "Future[_T]") -> None:
    try:
        outcome.set_result(work())
    except BaseException as error:
        outcome.set_exception(error)
