"""What faults disturb, and how they wait."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from chaos.errors import ChaosError
from chaos.fleet import Fleet
from chaos.servers.cluster import KafkaCluster
from chaos.servers.redis_servers import RedisServers
from chaos.stream.feeder import Feeder
from chaos.stream_names import StreamNames

_LOOK_S = 0.05


class NotInjectedError(ChaosError):
    """A fault could not be injected, which says nothing about the program under test; the run continues."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The servers, the workers and the feeder of a run; `stopping` ends every wait."""

    cluster: KafkaCluster
    redis: RedisServers
    fleet: Fleet
    feeder: Feeder
    names: StreamNames
    stopping: threading.Event = field(default_factory=threading.Event)

    def hold(self, seconds: float) -> None:
        """Wait for so long, or until the run stops."""
        self.stopping.wait(seconds)

    def wait_for(self, condition: Callable[[], bool], limit_s: float, what: str) -> None:
        """Wait for the condition, or until the run stops. Raises NotInjectedError after the limit."""
        end_s = time.monotonic() + limit_s
        while not condition() and not self.stopping.wait(_LOOK_S):
            if time.monotonic() > end_s:
                raise NotInjectedError(f"not within {limit_s:g} s: {what}")
