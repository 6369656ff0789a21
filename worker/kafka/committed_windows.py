"""The minutes, hours and days that workers have committed, for `verify`."""

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from tweets.periods import Cells, Period
from tweets.records import Partition
from worker.settings import Settings


class WindowState(Protocol):
    """The state of a partition's periods on the checkpoint topic."""

    @property
    def complete_from(self) -> int: ...


class CommittedWindows:
    """Reads the checkpoint topic. Methods raise TransientError or FatalError.

    No worker of this release writes periods there.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def states(self, partitions: Collection[Partition]) -> Mapping[Partition, WindowState]:  # noqa: ARG002
        """Return the state of each partition that has one."""
        return {}

    def open(self, partitions: Collection[Partition]) -> Iterable[tuple[Partition, Period, Cells]]:  # noqa: ARG002
        """Yield the counts of every open period."""
        return ()

    def closed(self, partitions: Collection[Partition]) -> Iterable[tuple[Partition, Period, Cells]]:  # noqa: ARG002
        """Yield the counts of every closed period that is kept."""
        return ()
