"""How long the loop waits before it tries again after transient errors."""

import random

from worker import time_limits


def retry_pause_s(errors_in_a_row: int) -> float:
    """Return seconds: RETRY_PAUSE doubled per error, at most RETRY_PAUSE_MAX, less a random part up to half.

    The random part keeps several workers from retrying at the same moment.
    """
    doubled_s = time_limits.RETRY_PAUSE.seconds * 2.0 ** min(errors_in_a_row - 1, 10)
    longest = min(time_limits.RETRY_PAUSE_MAX.seconds, doubled_s)
    return longest * random.uniform(0.5, 1.0)
