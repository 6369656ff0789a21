"""The programs that read tweets from Kafka and publish labels: this project's worker, and what people write instead."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.suite.environments import ROOT, environment_variables, python_of

WORKER: Final = ROOT / "benchmarks" / "worker_program.py"


@dataclass(frozen=True, slots=True)
class Program:
    """A command; `processes` of it share the work. `environment` comes on top of that of the run."""

    name: str
    command: tuple[str, ...]
    processes: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = ROOT
    """The checkout whose packages the program imports."""

    def variables(self, run: Mapping[str, str]) -> dict[str, str]:
        """Return the whole environment of a process."""
        return environment_variables(PYTHONPATH=str(self.folder)) | dict(run) | dict(self.environment)


def worker(
    name: str,
    *options: str,
    processes: int = 1,
    checkout: Path = ROOT,
    settings: Mapping[str, str] | None = None,
) -> Program:
    """Return the worker with options of `worker_program.py`."""
    return Program(name, (sys.executable, str(WORKER), *options), processes, settings or {}, checkout)


def kafka_loop(model: Path, *, dtype: str, batch_size: int) -> Program:
    """Return a kafka-python loop around a pipeline. Raises SkippedError if its packages do not install."""
    arguments = ["--model", str(model), "--dtype", dtype, "--batch-size", str(batch_size)]
    python = str(python_of("transformers"))
    return Program("kafka-python loop", (python, "-m", "benchmarks.peers.kafka_loop", *arguments))


def quix_streams(model: Path) -> Program:
    """Return Quix Streams around the pipeline. Raises SkippedError if its packages do not install."""
    python = str(python_of("quixstreams"))
    return Program("quix streams", (python, "-m", "benchmarks.peers.quix_streams", "--model", str(model)))
