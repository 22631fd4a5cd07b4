"""The way from the command line to the daemon: over a child process, so that the daemon never holds what reads options and files.

typer and pydantic take 15 MB, as much as all of hostd's own modules.
"""

import os
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from hostd.domain.host import Host
from hostd.domain.profile import Settings
from hostd.pickled_settings import pickled


@dataclass(frozen=True, slots=True)
class DaemonOrder:
    """What the daemon is to do; see `hostd.daemon.run`."""

    settings: Settings
    log_format: str = "auto"
    log_level: str = "info"
    demo: bool = False
    machine: Host | None = None


_parent: IO[bytes] | None = None
"""Where a parent process waits for an order."""


def start(order: DaemonOrder) -> int:
    """Hand *order* to the process that waits for it, else run the daemon here; return the exit code."""
    if _parent is None:
        return run(order)
    # Written at once, so that an order never arrives in part.
    _parent.write(pickled(order))
    return 0


def run(order: DaemonOrder) -> int:
    """Run the daemon; return its exit code."""
    # structlog takes rich where it finds it, for tracebacks with the values of locals: 3 MB, to print what no log may hold.
    hidden: dict[str, object] = {} if "rich" in sys.modules else {"rich": None}
    sys.modules.update(hidden)  # type: ignore[arg-type]  # None is how Python marks a module that must not be imported
    from hostd.daemon import run as serve  # noqa: PLC0415 - costs 0.3 s, which other verbs and mistaken options do without

    for name in hidden:
        del sys.modules[name]
    return serve(
        order.settings,
        log_format=order.log_format,
        log_level=order.log_level,
        demo=order.demo,
        machine=order.machine,
    )


def run_as_ordered(command: Callable[[], int]) -> int:
    """Run *command* in a child process, and the daemon here if that orders one; return the exit code of the last.

    To be called before anything starts a thread: a lock that another one holds when this forks would stay held in the child.
    """
    read, write = os.pipe()
    child = os.fork()  # noqa: TID251 - a second interpreter would take 0.1 s longer, and have to be given this one's flags and paths
    if child == 0:
        os.close(read)
        _run_child(command, write)
    os.close(write)
    with os.fdopen(read, "rb") as orders:
        order = orders.read()
    _, status = os.waitpid(child, 0)
    return run(pickle.loads(order)) if order else os.waitstatus_to_exitcode(status)  # noqa: S301 - a copy of this process wrote it


def _run_child(command: Callable[[], int], write: int) -> None:
    global _parent
    status = 1
    try:
        with os.fdopen(write, "wb") as _parent:
            status = command()
    except KeyboardInterrupt:
        status = 130
    except Exception:  # noqa: BLE001 - nobody above would print it
        sys.excepthook(*sys.exc_info())
    finally:
        # What the parent has begun, such as what it does at its end, is not the child's to finish.
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)
