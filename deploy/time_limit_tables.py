"""The two tables of docs/delivery.md that worker/time_limits.py declares: all durations, and their order."""

from typing import Final

from deploy.markdown import table
from worker.settings import Settings
from worker.time_limits import all_limits, heartbeat_interval
from worker.time_order import ORDER

BEGIN: Final = "<!-- time limits: begin -->"
END: Final = "<!-- time limits: end -->"


def with_time_limits(text: str) -> str:
    """Return a page with the tables between its two markers. Raises ValueError without the markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{_tables()}{END}{after}"


def _tables() -> str:
    defaults = Settings.model_construct()
    limits = all_limits() | {"HEARTBEAT_INTERVAL": heartbeat_interval(defaults)}
    rows = [(f"`{name}`", _shown(limit.seconds), limit.meaning) for name, limit in limits.items()]
    rows += [
        (f"`{name}`", _shown(getattr(defaults, name.lower()) / 1000), "A setting: the default is shown.")
        for name in ("KAFKA_SESSION_TIMEOUT_MS", "KAFKA_TRANSACTION_TIMEOUT_MS", "BATCH_MAX_WAIT_MS")
    ]
    orders = [(f"`{order.shorter}`", f"`{order.longer}`", f"{order.why[0].upper()}{order.why[1:]}.") for order in ORDER]
    return (
        f"\n{table(('Duration', 'Value', 'What it limits'), rows)}\n"
        f"{table(('This must be shorter', 'than this', 'Reason'), orders)}\n"
    )


def _shown(seconds: float) -> str:
    if seconds >= 3_600:
        return f"{seconds / 3_600:g} h"
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"
