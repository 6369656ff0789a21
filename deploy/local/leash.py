"""Becomes the given program, which Linux then kills as soon as the process that started it is gone.

Usage: `leash.py PARENT_PID PROGRAM ARGUMENT…`. It runs before the program instead of inside the parent's
fork, because code between fork and exec can hang in a parent that has threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # from linux/prctl.h


def main() -> None:
    """Ties this process to its parent and replaces it by the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before prctl could take effect
        sys.exit(f"not started: process {parent} is gone")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # ignored by every Python, and exec would hand that on
    try:
        os.execvp(program[0], program)
    except OSError as error:
        sys.exit(f"{program[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
