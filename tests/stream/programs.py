"""The worker's short programs, run as a person would."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.servers import WorkerProcess

StartWorker = Callable[[Mapping[str, str]], WorkerProcess]

PROGRAM_S = 120.0
"""Seconds that a short program may take; verify waits for Redis in them."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Exit code and output of a program."""

    code: int
    out: str
    err: str


def run_program(env: Mapping[str, str], *arguments: str) -> Ended:
    """Run `python -m worker` with these arguments to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "worker", *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=PROGRAM_S,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def verify(env: Mapping[str, str], *arguments: str) -> Ended:
    """Run `python -m worker verify`."""
    return run_program(env, "verify", *arguments)


def started(env: Mapping[str, str], start_worker: StartWorker, **settings: str) -> WorkerProcess:
    """Start a worker and return it once it is ready."""
    worker = start_worker({**env, **settings})
    worker.wait_ready()
    return worker
