"""Memory: large buffers go back to the operating system when they are freed; Python looks for cycles less often."""

import ctypes
import gc
from typing import Final

LARGE_BYTES: Final = 512 * 1024
"""Smaller than a record of Kafka's default limit of 1 MB, larger than most arrays."""

COLLECT_AFTER: Final = 5_000
"""Objects between two searches for cycles, 700 by default: a batch of 4,096 tweets makes about 40,000 objects."""

_M_MMAP_THRESHOLD: Final = -3
"""The parameter of mallopt in glibc's malloc.h."""


def return_large_buffers() -> bool:
    """Let the C library give every buffer of LARGE_BYTES or more back when it is freed; return whether it does so.

    By default, glibc raises this bound to the size of each large buffer that is freed, up to 32 MiB. Every later record
    of 1 MB is then placed between small objects, which keep the heap from shrinking: a worker that has expanded one
    large batch grows with each further large record. Other C libraries have no such call, or ignore it.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES))
    except (AttributeError, OSError, TypeError):
        return False


def collect_less_often() -> None:
    """Leave all present objects out of Python's searches for reference cycles, and search after COLLECT_AFTER objects.

    The objects of a batch have no cycles and are freed with the batch. The searches among them, and among the objects
    of the model and the libraries, took a tenth of the time that a tweet needs outside the model.
    """
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
