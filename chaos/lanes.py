"""Inject the faults of a schedule: one after another within a lane, at the same time in different lanes."""

import threading
from collections.abc import Callable, Sequence

from chaos.fault_log import Injected
from chaos.faults.surroundings import NotInjectedError
from chaos.kinds import KINDS, LANES
from chaos.schedule import Fault


class Lanes:
    """A thread for each lane. A fault begins when it is due, or as soon as the lane is free."""

    def __init__(
        self,
        faults: Sequence[Fault],
        inject: Callable[[Fault], None],
        clock: Callable[[], float],
        stop: threading.Event,
    ) -> None:
        self._inject = inject
        self._clock = clock
        self._stop = stop
        self._threads = [
            threading.Thread(
                target=self._run, args=([fault for fault in faults if KINDS[fault.kind].lane == lane],), name=lane
            )
            for lane in LANES
        ]
        self.injected: list[Injected] = []
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until each lane has ended; it ends after its last fault, or soon after the run stops."""
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def check(self) -> None:
        """Raise the error that has ended a lane."""
        if self._failure is not None:
            raise self._failure

    @property
    def ended(self) -> bool:
        """Whether each lane has ended."""
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self, faults: Sequence[Fault]) -> None:
        try:
            for fault in faults:
                if self._stop.wait(max(0.0, fault.at_s - self._clock())):
                    return
                self._run_one(fault)
        except BaseException as error:
            self._failure = self._failure or error

    def _run_one(self, fault: Fault) -> None:
        """Inject a fault; one that the end of the run cuts short has no end, and so does not count as injected."""
        injected = Injected(fault, self._clock())
        self.injected.append(injected)
        try:
            self._inject(fault)
        except NotInjectedError as error:
            injected.not_injected = str(error)
        if not self._stop.is_set():
            injected.ended_s = self._clock()
