"""Processor time and memory of running processes and their children."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil


def processor_seconds(pids: Iterable[int]) -> float:
    """Return the seconds of processor time, user and system, that the processes have used so far."""
    total = 0.0
    for process in _with_children(pids):
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def peak_mb(pid: int) -> float:
    """Return the largest resident memory of a process so far: VmHWM on Linux, elsewhere the present memory."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        with suppress(psutil.Error):
            return float(psutil.Process(pid).memory_info().rss) / 1e6
        return 0.0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0]) * 1024 / 1e6 if found else 0.0


def _with_children(pids: Iterable[int]) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for pid in pids:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            found += [process, *process.children(recursive=True)]
    return found
