"""Run a program that Linux kills as soon as the process that started it has ended.

Usage: `parent_death.py PARENT_PID PROGRAM ARGUMENT…`. This file runs as a process of its own, which the program then
replaces; code between fork and exec can hang in a parent that has threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # from linux/prctl.h


def main() -> None:
    """Set the parent-death signal of this process and replace this process by the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent died before prctl could take effect
        sys.exit(f"not started: process {parent} has ended")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores SIGPIPE, and exec keeps ignored signals ignored
    try:
        os.execvp(program[0], program)
    except OSError as error:
        sys.exit(f"{program[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
