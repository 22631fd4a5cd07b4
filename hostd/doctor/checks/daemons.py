"""Whether another daemon runs already: two would each give the same memory away."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from hostd.doctor.context import CheckContext
from hostd.doctor.finding import Findings, fine, warned
from hostd.supervisor.process.state_lock import holder_of


@dataclass(frozen=True, slots=True)
class DaemonFacts:
    """The daemons of this machine: who holds the state folder (None: nobody, or not told), and all that run, by pid.

    *answers* says whether one answers at *address*.
    """

    state: str = ""
    holder: int | None = None
    running: tuple[int, ...] = ()
    address: str = ""
    answers: bool = False


def check(context: CheckContext) -> Findings:
    """Return which daemons are too many."""
    return judge(gather(context))


def gather(context: CheckContext) -> DaemonFacts:
    """Return the daemons that this user may see. The lock is looked at, not tried: a daemon may be starting."""
    holder = None
    try:
        holder = holder_of(context.state.stat(), context.system("/proc/locks"))
    except OSError:
        holder = None  # no folder, no holder
    running = tuple(_daemons())
    address = context.daemon.address if context.daemon else context.address
    return DaemonFacts(str(context.state), holder, running, address, context.daemon is not None)


def _daemons() -> Iterator[int]:
    for process in psutil.process_iter(("pid", "cmdline")):
        if process.pid != os.getpid() and is_daemon(process.info["cmdline"] or []):
            yield process.pid


def is_daemon(command: list[str]) -> bool:
    """Return whether a command line is that of ``hostd serve``."""
    names = [Path(word).name for word in command[:5]]
    # A script's command line begins with its interpreter, as a module's does.
    ours = names[:1] if names[:1] == ["hostd"] else names if names and names[0].startswith("python") else []
    return any(word == "hostd" and command[at + 1 : at + 2] == ["serve"] for at, word in enumerate(ours))


def judge(facts: DaemonFacts) -> Findings:
    """Return the finding on the daemons."""
    ours = facts.holder
    # Where the system does not tell who holds a lock, the only one that runs is taken for the one that answers.
    if ours is None and facts.answers and len(facts.running) == 1:
        ours = facts.running[0]
    others = [pid for pid in facts.running if pid != ours]
    if ours is not None and not facts.answers:
        return (
            warned(
                f"a daemon (pid {ours}) holds {facts.state}, and none answers at {facts.address}",
                "it listens elsewhere, is starting, or hangs",
                f"name its address with --url, or stop it: kill {ours}",
            ),
        )
    if others:
        pids = ", ".join(map(str, others))
        return (
            warned(
                f"{'another daemon runs' if len(others) == 1 else 'other daemons run'} on this machine (pid {pids})",
                "each plans with all memory that it sees free, so two can run out of it together",
                f"if that is not meant: kill {' '.join(map(str, others))}",
            ),
        )
    if facts.answers:
        return fine(f"one daemon runs{f' (pid {ours})' if ours else ''}, at {facts.address}")
    return fine("no daemon runs")
