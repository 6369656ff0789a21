"""The live page's program."""

import argparse
import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from worker.errors import ExitCode, FatalError


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until it is told to end; what a person did wrong is one line on stderr. Returns the exit code."""
    argparse.ArgumentParser(
        prog="python -m dashboard",
        description="The live page and POST /classify, until SIGTERM. Everything is configured by environment "
        "variables; see the README.",
    ).parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):  # until there is something that needs an orderly end
        signal.signal(number, lambda *_: sys.exit(ExitCode.OK))
    try:
        from dashboard.run import run

        return run()
    except FatalError as error:
        print(f"dashboard: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        print(f"dashboard: {error}: install the extra dashboard", file=sys.stderr)
        return ExitCode.SETTINGS
    except Exception:
        traceback.print_exc()
        return ExitCode.BUG


def _leave(code: int) -> NoReturn:
    """Ends the process at once: a connection that Kafka's client is waiting for would hold up the interpreter."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _leave(main())
