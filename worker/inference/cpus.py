"""How many CPUs this process may use at the same time."""

import math
import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""The CPU time of a container on Linux: microseconds, or max, and the period in which the container may use them."""


def usable_cpus(quota: Path = _QUOTA) -> int:
    """Return the CPUs that affinity and container allow.

    The kernel stops a container that has used its quota, so that one thread too many delays all the others.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        time_us, period_us = map(float, quota.read_text().split())
        return max(1, min(cpus, math.ceil(time_us / period_us)))
    except (OSError, ValueError, ZeroDivisionError):  # no container, or one without a limit ("max")
        return cpus
