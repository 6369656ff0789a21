"""`python -m deploy.local demo|up`: the stack on this machine, without containers."""

import argparse
import sys
from collections.abc import Sequence

from deploy.local.demo import demo
from deploy.local.errors import LocalError, StopRequestedError
from deploy.local.progress import say
from deploy.local.supervisor import Supervisor
from deploy.local.up import up
from worker.process.option_types import not_negative, positive

_FAILED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code: 0, 1 after an error, 128 + n if signal n interrupted `demo`."""
    options = _parser().parse_args(arguments)
    supervisor = Supervisor()
    try:
        with supervisor.supervising():
            code: int = options.run(options, supervisor)
            return code
    except StopRequestedError as interrupted:
        say("stopped")
        return 0 if options.run is up else 128 + interrupted.signum
    except LocalError as error:
        if error.log:
            say(error.log)
        say(f"error: {error}")
        return _FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="demo|up")

    command = commands.add_parser(
        "demo", help="replay a data set through the whole stack; on a terminal, keep the live page running afterwards"
    )
    command.add_argument(
        "--dataset", default="sample", help="name, folder, file or Hugging Face hub id of a data set (%(default)s)"
    )
    command.add_argument("--tweets", type=positive, help="replay at most this number of tweets (default: all)")
    command.add_argument(
        "--rate", type=not_negative, default=0.0, help="tweets per second; 0 = as fast as possible (%(default)g)"
    )
    command.set_defaults(run=demo)

    command = commands.add_parser("up", help="run the stack and one worker until Ctrl-C")
    for name, port in (("kafka", 9092), ("redis", 6379), ("metrics", 8000), ("page", 8080)):
        command.add_argument(f"--{name}-port", type=positive, default=port, help="TCP port (%(default)s)")
    command.set_defaults(run=up)
    return parser


if __name__ == "__main__":
    sys.exit(main())
