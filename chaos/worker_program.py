"""The worker under test: a model that answers at once, kill points, and on request one rule switched off.

python -m chaos.worker_program --break restore
"""

import argparse
import os
import sys
from pathlib import Path

from benchmarks.worker_program import use_instant_engine
from chaos.broken_rules import RULES
from chaos.kill_points import FILE, KillPoint, install


def main() -> int:
    """Run the worker until SIGTERM; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m chaos.worker_program", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--break", dest="rule", choices=RULES, help="switch off this rule of the loop")
    options = parser.parse_args()
    use_instant_engine()
    if options.rule:
        RULES[options.rule]()
    install(KillPoint(Path(os.environ[FILE])))  # after the rules: a kill comes where a broken worker may die, too
    from worker.__main__ import main as worker

    return worker([])


if __name__ == "__main__":
    sys.exit(main())
