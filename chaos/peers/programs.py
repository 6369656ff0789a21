"""The programs that stand beside a worker under the same faults; they read the settings of a worker."""

import sys
from pathlib import Path
from typing import Final

from benchmarks.suite.environments import python_of
from benchmarks.suite.programs import Program
from chaos.options import KAFKA_LOOP

#: The versions of a peer's packages; the name of a file is the name of its environment.
REQUIREMENTS: Final = Path(__file__).parent / "requirements"

_QUIX_ENVIRONMENT: Final = "quixstreams-redis"


def peer(name: str, folder: Path) -> Program:
    """Return KAFKA_LOOP or QUIX, which keeps its files in `folder`.

    Raises SkippedError if the packages of the peer do not install.
    """
    if name == KAFKA_LOOP:
        return Program(name, (sys.executable, "-m", "chaos.peers.kafka_loop"))
    python = python_of(_QUIX_ENVIRONMENT, requirements=REQUIREMENTS)
    return Program(name, (str(python), "-m", "chaos.peers.quix_streams", "--state-dir", str(folder / "quix-state")))
