"""What was measured on what: hardware, versions, commit, date."""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks.suite.environments import ROOT

_PACKAGES: Final = ("kafka-python", "numpy", "onnxruntime", "redis", "tokenizers")

#: Instructions for products of small integers and of bf16; which of them a processor has decides most of the speed.
_INSTRUCTIONS: Final = ("avx2", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "asimddp", "i8mm", "sve")


def hardware() -> dict[str, Any]:
    """Return processor, the cores that this process may use, instructions and memory."""
    information = dict(_cpu_information())
    flags = set(information.get("flags", information.get("Features", "")).split())
    return {
        "processor": information.get("model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "instructions": [name for name in _INSTRUCTIONS if name in flags],
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
    }


def load() -> float | None:
    """Return the mean number of running processes of the last minute; None where the system does not count them."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def versions() -> dict[str, str]:
    """Return the versions of Python and of what our worker consists of."""
    found = {"python": platform.python_version(), "emotion-stream": importlib.metadata.version("emotion-stream")}
    return found | {name: importlib.metadata.version(name) for name in _PACKAGES}


def commit(checkout: Path = ROOT) -> str | None:
    """Return the commit of a checkout, with `+` behind it if files were changed; None outside of a git repository."""
    with suppress(OSError):
        head = _git(checkout, "rev-parse", "--short=12", "HEAD")
        return None if head is None else head + ("+" if _git(checkout, "status", "--porcelain", "-uno") else "")
    return None


def date() -> str:
    """Return the day in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d")


def _git(checkout: Path, *arguments: str) -> str | None:
    ended = subprocess.run(["git", "-C", str(checkout), *arguments], capture_output=True, text=True, check=False)
    return None if ended.returncode else ended.stdout.strip()


def _cpu_information() -> Iterator[tuple[str, str]]:
    """Yield the fields of the first processor in /proc/cpuinfo; nothing where there is no such file."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, colon, value = line.partition(":")
            if not colon:
                return
            yield name.strip(), value.strip()
