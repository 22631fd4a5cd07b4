"""hostd's own want of descriptors, processes or memory, which keeps it from reaching or starting an engine and is no fault of that.

An engine must not be called broken, and its model not be closed, for what passes as soon as some connections are closed.
"""

import errno
import os
from collections.abc import Iterator

_WANTS = {
    errno.EMFILE: "hostd has no file descriptor left; close connections to it, or raise its limit (ulimit -n, LimitNOFILE)",
    errno.ENFILE: "the machine has no file descriptor left for any program (fs.file-max)",
    errno.ENOMEM: "the machine has no memory left for another process or connection",
    errno.ENOBUFS: "the machine has no memory left for another connection",
    errno.EAGAIN: "hostd may start no more processes or threads (ulimit -u, TasksMax)",
}


def want_in(error: BaseException) -> str | None:
    """Return what hostd lacked where that, or what it was raised from, made *error*; None where it has another cause."""
    return next((why for each in _chain(error) if (why := _want(each)) is not None), None)


def want_now() -> str | None:
    """Return what keeps hostd from opening anything at this moment; None where nothing does."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return want_in(error)
    return None


def _want(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return _WANTS[errno.ENOMEM]
    # A thread that cannot be started has no number to know it by.
    if isinstance(error, RuntimeError) and "new thread" in str(error):
        return _WANTS[errno.EAGAIN]
    return _WANTS.get(error.errno or 0) if isinstance(error, OSError) else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
