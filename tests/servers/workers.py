"""A worker in a process of its own."""

import os
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

from deploy.local.children import Child
from deploy.local.metrics import ScrapedMetrics, answers, scrape
from tests.ports import free_ports
from tests.servers.waiting import eventually, while_alive


class WorkerProcess:
    """A `python -m worker`, or another module that runs a worker, with these options, in a process of its own."""

    def __init__(self, env: Mapping[str, str], folder: Path, *options: str, module: str = "worker") -> None:
        (free_port,) = free_ports(1)
        self.port = int(env.get("METRICS_PORT", free_port))
        number = uuid.uuid4().hex[:8]
        self._child = Child(
            f"worker {number}",
            [sys.executable, "-m", module, *options],
            env={**os.environ, **env, "METRICS_PORT": str(self.port)},
            log=folder / f"worker-{number}.log",
            stop_s=20,
        )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._child.exit_code

    @property
    def log(self) -> str:
        """The output of the worker on stdout and stderr so far."""
        return self._child.log.read_text(encoding="utf-8", errors="replace")

    def wait_ready(self, deadline_s: float = 60) -> None:
        """Return when the worker is ready: its model is warm, and it is a member of the group."""
        eventually(while_alive(self._child, lambda: answers(self.port, "/readyz")), deadline_s, "the worker is ready")

    def metrics(self) -> ScrapedMetrics:
        """Read the metrics of the worker."""
        return scrape(self.port)

    def terminate(self, deadline_s: float = 15) -> int:
        """Send SIGTERM, wait for the end and return the exit code."""
        self._child.terminate()
        return self.wait(deadline_s)

    def kill(self) -> None:
        """End the worker with SIGKILL, as a crash would."""
        self._child.kill()
        self.wait(5)

    def wait(self, deadline_s: float) -> int:
        """Wait for the end of the worker and return the exit code."""
        eventually(lambda: self.exit_code is not None, deadline_s, "the worker has ended")
        assert self.exit_code is not None
        return self.exit_code
