"""Freed memory goes back to the system, where the C library can do that (glibc): by itself it keeps most of it for good."""

import asyncio
import ctypes
from contextlib import suppress

_MMAP_THRESHOLD = -3
"""What malloc.h calls M_MMAP_THRESHOLD."""
LARGE = 1 << 20
"""Bytes from which a block is mapped alone, and from which a body is large."""
AFTER = 5.0
"""Seconds after which the memory of a large body is returned; others are over by then as well."""


def map_large_blocks_alone() -> None:
    """Have blocks of many MiB returned to the system when they are freed.

    By itself glibc keeps what it has freed once, up to 32 MiB a block: some large bodies at a time would stay for good.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, LARGE)


def trim() -> None:
    """Return freed memory to the system. Blocks: some 10 ms for 200 MiB."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


class HeapTrimmer:
    """Trims the heap in a thread, *after* so many seconds: a body comes in pieces that are no large blocks."""

    def __init__(self, after: float = AFTER) -> None:
        self._after = after
        self._due = False

    def freed(self, count: int) -> None:
        """Note that *count* bytes are held no more."""
        if count >= LARGE and not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(self._after, self._trim)

    def _trim(self) -> None:
        self._due = False
        asyncio.get_running_loop().run_in_executor(None, trim)
