"""The program `python -m training COMMAND`."""

import sys

from training.cli.program import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
