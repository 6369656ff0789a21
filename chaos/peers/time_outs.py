"""The time-outs that a peer takes over from a worker, from the same settings and with the same defaults.

With the session time-out of its own client a frozen program would not lose its partitions while a fault lasts, and a
killed one would keep them for 45 s; an open transaction would hold up readers for a minute.
"""

import os
from typing import Final

SESSION_TIMEOUT: Final = "KAFKA_SESSION_TIMEOUT_MS"
TRANSACTION_TIMEOUT: Final = "KAFKA_TRANSACTION_TIMEOUT_MS"

_DEFAULTS: Final = {SESSION_TIMEOUT: 10_000, TRANSACTION_TIMEOUT: 15_000}
"""Not read from the worker's settings: a peer's environment may lack the worker's packages."""


def milliseconds(setting: str) -> int:
    """Return the value of SESSION_TIMEOUT or TRANSACTION_TIMEOUT."""
    return int(os.environ.get(setting, _DEFAULTS[setting]))
