"""Checks the windows after all work is done, against a fold of the output that shares no code with the worker."""

from collections.abc import Mapping

from tests.simulator.surroundings import BrokenPromiseError, Clause, Surroundings
from tests.window_topic import Folded, fold
from tweets.periods import Cells, Period
from tweets.records import Partition
from worker.windows.state import WindowLimits


def check_windows(world: Surroundings, limits: WindowLimits) -> None:
    """Raise BrokenPromiseError unless the checkpoint topic and Redis have each kept period as the output has it."""
    broken: dict[Clause, str] = {}
    now_ms = world.unix_s * 1000
    for partition in world.broker.committed:
        expected, newest_ms, _ = fold(world.broker.labelled[partition], limits.late_ms)
        kept = {period: cells for period, cells in expected.items() if limits.expires_ms(period) > now_ms}
        shown = _difference(kept, expected, _on_the_checkpoint_topic(world, partition, newest_ms))
        if shown:
            broken[Clause.WINDOWS] = f"{partition}: {shown}"
        published = {
            period: cells
            for (at, period), (_, _, cells) in world.published.items()
            if at == partition and limits.expires_ms(period) > now_ms
        }
        shown = _difference(kept, expected, published)
        if shown:
            broken[Clause.PUBLISHED_WINDOWS] = f"{partition}: {shown}"
    if broken:
        raise BrokenPromiseError(broken)


def _on_the_checkpoint_topic(
    world: Surroundings, partition: Partition, newest_ms: int | None
) -> Mapping[Period, Cells]:
    """Return the periods that the next owner would restore; none if it would take another tweet for the newest."""
    topic = world.broker.windows.get(partition)
    windows = None if topic is None else topic.restored()
    if windows is None or windows.newest_ms != newest_ms:
        return {}
    return windows.current(0)


def _difference(kept: Folded, expected: Folded, found: Mapping[Period, Cells]) -> str:
    """Return the periods that are kept and differ, and those that the output has not at all; empty without any."""
    missing = {period for period, cells in kept.items() if found.get(period) != cells}
    foreign = {period for period, cells in found.items() if expected.get(period) != cells}
    return ", ".join(f"{period}: {found.get(period)} instead of {expected.get(period)}" for period in missing | foreign)
