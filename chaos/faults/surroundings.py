"""What faults disturb, and how they wait."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from chaos.errors import ChaosError
from chaos.fleet import Fleet
from chaos.member import Member
from chaos.servers.cluster import KafkaCluster
from chaos.servers.redis_servers import RedisServers
from chaos.servers.waiting import became_true
from chaos.stream.feeder import Feeder
from chaos.stream.verifier import StreamVerifier
from chaos.stream_names import StreamNames

_RUNS_S = 30.0
"""A supervisor starts a program that has ended after some seconds."""


class NotInjectedError(ChaosError):
    """A fault could not be injected, which says nothing about the program under test; the run continues."""


class NotHealedError(ChaosError):
    """A fault could not be ended, so that nothing can be judged any more."""


@contextmanager
def healing() -> Iterator[None]:
    """Turn an error of ending a fault into NotHealedError."""
    try:
        yield
    except ChaosError as error:
        raise NotHealedError(f"a fault could not be ended: {error}") from error


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The servers, the workers, the feeder and the verifier of a run; `stopping` ends every wait."""

    cluster: KafkaCluster
    redis: RedisServers
    fleet: Fleet
    feeder: Feeder
    verifier: StreamVerifier
    names: StreamNames
    stopping: threading.Event

    def hold(self, seconds: float) -> None:
        """Wait for so long, or until the run stops."""
        self.stopping.wait(seconds)

    def for_a_time(self, seconds: float, begin: Callable[[], None], end: Callable[[], None]) -> None:
        """Begin something, hold it and end it, also after an error. Raises NotHealedError if it does not end."""
        try:
            begin()
            self.hold(seconds)
        finally:
            with healing():
                end()

    def worker(self, target: int) -> Member:
        """Return a worker, by a number of any size. Raises NotInjectedError if none runs for a long time."""
        found: list[Member] = []

        def runs() -> bool:
            with suppress(ChaosError):  # all have ended, for example because Redis does not answer
                found.append(self.fleet.chosen(target))
            return bool(found)

        self.wait_for(runs, _RUNS_S, "a worker runs")
        if not found:
            raise NotInjectedError("no worker runs, and the run ends")
        return found[0]

    def wait_for(self, condition: Callable[[], bool], limit_s: float, what: str) -> None:
        """Wait for the condition, or until the run stops. Raises NotInjectedError after the limit."""
        if not became_true(lambda: condition() or self.stopping.is_set(), limit_s):
            raise NotInjectedError(f"not within {limit_s:g} s: {what}")
