"""The programs that stand beside a worker under the same faults; they read the settings of a worker."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.suite.environments import python_of
from benchmarks.suite.programs import Program

KAFKA_LOOP: Final = "kafka-loop"
QUIX: Final = "quix"

#: The versions of a peer's packages; the name of a file is the name of its environment.
REQUIREMENTS: Final = Path(__file__).parent / "requirements"

_QUIX_ENVIRONMENT: Final = "quixstreams-redis"


def peer(name: str, folder: Path) -> Program:
    """Return a peer, which keeps its files in `folder`.

    Raises KeyError for an unknown name, and SkippedError if the packages of the peer do not install.
    """
    return Program(name, tuple(_COMMANDS[name](folder)))


def _kafka_loop(_folder: Path) -> list[str]:
    return [sys.executable, "-m", "chaos.peers.kafka_loop"]


def _quix_streams(folder: Path) -> list[str]:
    python = python_of(_QUIX_ENVIRONMENT, requirements=REQUIREMENTS)
    return [str(python), "-m", "chaos.peers.quix_streams", "--state-dir", str(folder / "quix-state")]


_COMMANDS: Final[dict[str, Callable[[Path], list[str]]]] = {KAFKA_LOOP: _kafka_loop, QUIX: _quix_streams}

PEERS: Final = tuple(_COMMANDS)
