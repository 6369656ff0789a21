"""The picture of a run: records verified over time, and a mark for each fault in the colour of its group."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from chaos.fault_log import Injected
from chaos.kinds import GROUPS, KINDS
from chaos.result import RunResult

_LINE: Final = "#1f6feb"
_PAUSE: Final = "#ffd8a8"
_COLOURS: Final = dict(
    zip(GROUPS, ("#d1242f", "#8250df", "#0a7d91", "#bf8700", "#1a7f37", "#57606a", "#bf3989"), strict=True)
)

_SHORTEST_PAUSE_S: Final = 2.0
"""Shorter times without a verified record are not marked."""

_MOST_POINTS: Final = 2_000
_SECONDS_IN_MINUTES: Final = 60.0


def draw(result: RunResult, path: Path) -> None:
    """Write the picture, an SVG or PNG by the suffix of the path."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "chaos"  # the same results give the same file
    mpl.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot

    figure, (axes, marks) = pyplot.subplots(
        2, 1, figsize=(10, 5.5), sharex=True, height_ratios=(3, 1.4), layout="constrained"
    )
    points = thinned(result.points)
    for begin_s, end_s in pauses(result.points):
        axes.axvspan(begin_s / _SECONDS_IN_MINUTES, end_s / _SECONDS_IN_MINUTES, color=_PAUSE, linewidth=0)
    axes.plot([at / _SECONDS_IN_MINUTES for at, _ in points], [count for _, count in points], color=_LINE)
    axes.set_ylabel("records verified")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_title(_caption(result), fontsize=9, loc="left")
    _mark_faults(marks, [each for each in result.injected if each.was_injected])
    for each in (axes, marks):
        each.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)


def thinned(points: Sequence[tuple[float, int]]) -> list[tuple[float, int]]:
    """Return at most about _MOST_POINTS of the points, the last one among them."""
    step = max(1, len(points) // _MOST_POINTS)
    return [*points[:-1:step], *points[-1:]]


def pauses(points: Sequence[tuple[float, int]]) -> list[tuple[float, float]]:
    """Return begin and end of each time of _SHORTEST_PAUSE_S or more without a verified record."""
    found: list[tuple[float, float]] = []
    moved_s, last = points[0] if points else (0.0, 0)
    for at_s, count in points:
        if count != last:
            if at_s - moved_s >= _SHORTEST_PAUSE_S:
                found.append((moved_s, at_s))
            moved_s, last = at_s, count
    return found


def _mark_faults(axes: Any, injected: Sequence[Injected]) -> None:
    groups = [group for group in GROUPS if any(KINDS[each.fault.kind].group == group for each in injected)]
    for row, group in enumerate(groups):
        spans = [each for each in injected if KINDS[each.fault.kind].group == group]
        begins = [each.begun_s / _SECONDS_IN_MINUTES for each in spans]
        lengths = [((each.ended_s or each.begun_s) - each.begun_s) / _SECONDS_IN_MINUTES for each in spans]
        axes.barh([row] * len(spans), lengths, left=begins, height=0.5, color=_COLOURS[group], alpha=0.5)
        axes.scatter(begins, [row] * len(spans), marker="|", s=60, color=_COLOURS[group], linewidths=1)
    axes.set_yticks(range(len(groups)), groups)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlabel("minutes")


def _caption(result: RunResult) -> str:
    return f"{result.summary()};\nshaded: at least {_SHORTEST_PAUSE_S:g} s without a verified record"
