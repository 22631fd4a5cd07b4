"""The limit of open files: raised for the daemon, whose clients and engines need a descriptor each, and kept from its engines."""

import resource
from contextlib import suppress
from functools import cache

WANTED = 65_536
"""Descriptors, far more than the bounds of the server allow for."""
_OPEN_MAX = 10_240
"""What macOS accepts as a soft limit although its hard one may be unlimited (setrlimit(2), COMPATIBILITY)."""


@cache
def inherited() -> tuple[int, int]:
    """Return the soft and the hard limit that this process was started with; first asked before `raise_limit`."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def raise_limit() -> int:
    """Raise the soft limit towards the hard one; return what it is now."""
    soft, hard = inherited()
    for wanted in (WANTED, _OPEN_MAX):
        new = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft == resource.RLIM_INFINITY or soft >= new:
            break
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (new, hard))
            break
    return current()


def current() -> int:
    """Return the soft limit in force; `WANTED` where there is none."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return WANTED if soft == resource.RLIM_INFINITY else soft
