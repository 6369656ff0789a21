"""The faults of a run by kind, for the terminal and for documents alike."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from rich.console import Console
from rich.table import Table

from chaos.fault_log import Injected
from chaos.kinds import KINDS
from chaos.result import RunResult

HEAD = ("fault", "number", "median pause s", "longest pause s")


def rows(injected: Sequence[Injected]) -> list[list[str]]:
    """Return a row for each kind that was injected, in the order of KINDS.

    A pause is how long, from the beginning of a fault on, a partition with waiting records stood still.
    """
    pauses: defaultdict[str, list[float]] = defaultdict(list)
    for each in injected:
        if each.was_injected:
            pauses[each.fault.kind].append(each.pause_s)
    return [
        [kind, str(len(found)), f"{median(found):.1f}", f"{max(found):.1f}"]
        for kind in KINDS
        if (found := pauses.get(kind))
    ]


def show(result: RunResult) -> None:
    """Print the table and what broke on stderr."""
    console = Console(stderr=True, highlight=False, width=120)
    drawn = Table(title="Faults, and pauses of a partition meanwhile", title_justify="left")
    for number, heading in enumerate(HEAD):
        drawn.add_column(heading, justify="left" if number == 0 else "right")
    for row in rows(result.injected):
        drawn.add_row(*row)
    console.print(drawn)
    for each in result.injected:
        if not each.was_injected:
            fault = each.fault
            console.print(f"not injected: fault {fault.number}, {fault.kind}: {each.not_injected}", markup=False)
    found = result.verdict
    console.print(
        f"{result.summary()}, {found.changed:,} changed, {found.stuck} partitions stuck, longest pause "
        f"{found.longest_pause_s:.1f} s, of one partition {found.longest_partition_pause_s:.1f} s, in "
        f"{result.seconds:,.0f} s",
        markup=False,
        soft_wrap=True,
    )
    for sentence in result.broken:
        console.print(f"broken: {sentence}", markup=False, soft_wrap=True)
