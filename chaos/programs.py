"""The program under test: this project's worker, or a peer."""

import sys
from pathlib import Path

from benchmarks.suite.errors import SkippedError
from benchmarks.suite.programs import Program
from chaos.errors import ChaosError
from chaos.options import OURS, RunOptions
from chaos.peers.programs import peer


def program_of(options: RunOptions, folder: Path) -> Program:
    """Return the program, whose files are in `folder`. Raises ChaosError if the packages of a peer do not install."""
    if options.program == OURS:
        broken = ("--break", options.broken_rule) if options.broken_rule else ()
        return Program(OURS, (sys.executable, "-m", "chaos.worker_program", *broken))
    try:
        return peer(options.program, folder)
    except SkippedError as error:
        raise ChaosError(f"--program {options.program}: {error}") from None
