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
    """Serve the live page until SIGTERM or SIGINT and return the exit code; a user's mistake is one line on stderr."""
    argparse.ArgumentParser(
        prog="python -m dashboard",
        description="Serve the live page and POST /classify until SIGTERM. Environment variables hold all settings: "
        "those of the worker for Kafka, Redis and the model, and DASHBOARD_HOST, DASHBOARD_PORT, "
        "DASHBOARD_ALLOWED_HOSTS; the README explains them.",
    ).parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):  # until `run` has threads to stop in order
        signal.signal(number, lambda *_: sys.exit(ExitCode.OK))
    try:
        from dashboard.run import run

        return run()
    except FatalError as error:
        print(f"dashboard: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        print(f"dashboard: {error}: pip install '.[dashboard]' in the project's folder", file=sys.stderr)
        return ExitCode.SETTINGS
    except Exception:
        traceback.print_exc()
        return ExitCode.BUG


def _leave(code: int) -> NoReturn:
    """End the process at once: the interpreter's own end would wait for the connections of Kafka's client."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _leave(main())
