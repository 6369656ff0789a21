"""The minutes, hours and days that workers have committed, for `verify` and for a Redis that has lost them."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from tweets.periods import Cells, Period
from tweets.records import Partition
from worker.errors import FatalError, TransientError
from worker.kafka.errors import translated
from worker.kafka.window_records import read_closed_periods, read_open_windows, read_windows
from worker.settings import Settings
from worker.windows.state import PartitionWindows


class CommittedWindows:
    """Reads the checkpoint topic. Methods raise TransientError or FatalError."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def states(self, partitions: Collection[Partition]) -> Mapping[Partition, PartitionWindows]:
        """Return the windows of each partition that has some."""
        with self._translating():
            return read_windows(self._settings, partitions)

    def open(self, partitions: Collection[Partition]) -> Iterator[tuple[Partition, Period, Cells]]:
        """Yield the counts of every open period."""
        with self._translating():
            found = read_open_windows(self._settings, partitions)
        for partition, update in found.items():
            for period, cells in update.periods.items():
                yield partition, period, cells

    def closed(self, partitions: Collection[Partition]) -> Iterator[tuple[Partition, Period, Cells]]:
        """Yield the counts of every closed period that is kept."""
        with self._translating():
            yield from read_closed_periods(self._settings, partitions)

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except (TransientError, FatalError):
            raise
        except Exception as error:  # of kafka-python, and any other of a connection that closes meanwhile
            raise translated(error, self._settings.kafka_bootstrap_servers) from error
