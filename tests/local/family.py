"""A program with two children for the tests of the supervisor: `family.py WAY_TO_END [LOG]`."""

import os
import sys
from pathlib import Path

from deploy.local.errors import LocalError, StopRequestedError
from deploy.local.progress import say
from deploy.local.supervisor import Supervisor

# Each prints when it is ready, and on SIGTERM writes its name to the file of last words.
_POLITE = 'trap "echo $0 >> $1; exit 0" TERM; echo ready; while :; do sleep 0.05; done'
_STUBBORN = 'trap "" TERM; echo ready; while :; do sleep 0.05; done'


def main() -> None:
    """Print what ended the program."""
    way, last_words = sys.argv[1], sys.argv[2]
    supervisor = Supervisor()
    try:
        with supervisor.supervising():
            _live(supervisor, way, last_words)
    except StopRequestedError as interrupted:
        say(f"interrupted by {interrupted.signum}")
    except LocalError as error:
        say(f"{error}\n{error.log}")


def _live(supervisor: Supervisor, way: str, last_words: str) -> None:
    script = _STUBBORN if way == "stubborn" else _POLITE
    supervisor.start("elder", ["sh", "-c", _POLITE, "elder", last_words])
    stop_s = 60.0 if way == "stubborn" else 5.0
    supervisor.start("younger", ["sh", "-c", script, "younger", last_words], stop_s=stop_s)
    logs = [Path(supervisor.folder / f"{name}.log") for name in ("elder", "younger")]
    supervisor.wait(lambda: all(log.read_text() == "ready\n" for log in logs), 10, "both to be ready")
    say("all ready")
    if way == "crash":
        supervisor.start("short-lived", ["sh", "-c", "echo 'my last words'; exit 3"])
    if way == "bug":
        raise ZeroDivisionError
    if way == "leave":
        os.kill(os.getpid(), 9)
    supervisor.wait(lambda: False, 0.5 if way == "deadline" else 60, "the end of time")


if __name__ == "__main__":
    main()
