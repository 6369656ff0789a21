"""Child processes that outlive the thread that asked for them."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from deploy.local.children import Child

#: Linux ends a Child with the *thread* that started the program. This thread ends with the process.
_STARTER: Final = ThreadPoolExecutor(1, thread_name_prefix="child-starter")


def start_child(
    name: str, command: Sequence[str], *, log: Path, stop_s: float, env: Mapping[str, str] | None = None
) -> Child:
    """Start a program from any thread; `env` is added to this process's environment."""
    full = {**os.environ, **(env or {})}
    return _STARTER.submit(lambda: Child(name, command, env=full, log=log, stop_s=stop_s)).result()
