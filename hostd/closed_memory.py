"""The daemon's memory, which holds keys and prompts, closed to other programs of the same user: its engines run as that user, too.

On Linux a process can say so (prctl(2), PR_SET_DUMPABLE): nothing but root may then read its memory and its environment, trace it,
or take a descriptor of it, and it leaves no core dump. What it starts can be read again, since that ends with the next program. On
macOS the system keeps other programs out unless they have its leave.
"""

import ctypes
import sys
from contextlib import suppress

_SET_DUMPABLE = 4


def close_memory() -> bool:
    """Close this process's memory; return whether that was done here."""
    if not sys.platform.startswith("linux"):
        return False
    with suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0) == 0)
    return False
