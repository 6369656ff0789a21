"""The memory of large records goes back to the operating system as soon as the records are freed."""

import ctypes
from typing import Final

LARGE_BYTES: Final = 512 * 1024
"""Smaller than a record of Kafka's default limit of 1 MB, larger than a batch of the producer and than most arrays."""

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
