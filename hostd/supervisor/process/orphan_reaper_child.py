"""The process that outlives the daemon for a moment: when its standard input ends, it kills every engine that it watches.

It runs as ``python -I -S orphan_reaper_child.py MARK`` in a session of its own, so that a signal for the daemon's group misses it,
started with those signals blocked that ask a program to end, and imports little, so that it costs little memory. Lines that it
reads: ``watch PID START``, ``forget PID``, and ``keep PID MARK`` for an engine with exactly that mark, which is to outlive the
daemon and is watched no more. The MARK of the command line is the beginning of the mark that each engine of the daemon carries in
its environment; on Linux it finds processes that left their group, and engines that the daemon started in its last moment.
"""

import os
import sys
import time

VARIABLE = b"HOSTD_ENGINE="
GIVE_UP_AFTER = 10.0
SIGKILL = 9
"""On every system; the module `signal` would make this process a tenth larger."""
_SAME_START = 1.0
"""Seconds by which the two ways to learn a start on macOS may differ: one of them has no fractions."""
_PROC = os.path.exists("/proc/self/stat")  # noqa: PTH110  # pathlib would double this process's memory


def main() -> None:
    """Read until the daemon has ended, then kill what it left."""
    mark = VARIABLE + os.fsencode(sys.argv[1])
    watched: dict[int, str | None] = {}
    kept: set[bytes] = set()
    for line in sys.stdin.buffer:
        obey(line.decode("ascii", "replace").split(), watched, kept)
    deadline = time.monotonic() + GIVE_UP_AFTER
    while kill_once(watched, mark, kept) and time.monotonic() < deadline:
        time.sleep(0.02)


def obey(words: list[str], watched: dict[int, str | None], kept: set[bytes]) -> None:
    """Follow one line; one that makes no sense is skipped, since no process is left to report it to."""
    try:
        order, pid = words[0], int(words[1])
        # To kill(2), 0 is the caller's own group, and -1 is every process.
        if order == "watch" and pid > 1:
            start = start_of(pid)
            watched[pid] = start if start is not None and same(start, words[2]) else None
        elif order == "forget":
            watched.pop(pid, None)
        elif order == "keep":
            kept.add(VARIABLE + words[2].encode())
            watched.pop(pid, None)
    except (IndexError, ValueError):
        return


def kill_once(watched: dict[int, str | None], mark: bytes, kept: set[bytes]) -> bool:
    """Kill what is alive of the watched engines; return whether to look again."""
    # A leader that ended may have left its group behind; a pid with another start time is another program.
    leaders = {pid for pid, start in watched.items() if start_of(pid) in (None, start)}
    # Descent is known only while the parents live: look first, then kill.
    victims = find(leaders, mark, kept) if _PROC else set()
    hit = [killed(-leader) for leader in leaders] + [killed(pid) for pid in victims]
    # Without /proc a group is gone when it can no longer be signalled; with it, zombies must not count.
    return bool(victims) if _PROC else any(hit)


def killed(target: int) -> bool:
    """Send SIGKILL to a pid, or to the group *-target*; return whether there was anything to send it to."""
    try:
        os.kill(target, SIGKILL)
    except OSError:
        return False
    return True


def find(leaders: set[int], mark: bytes, kept: set[bytes]) -> set[int]:
    """Return the living processes that belong to *leaders* by group, session, descent or mark; marks in *kept* do not count."""
    parents: dict[int, int] = {}
    found: set[int] = set()
    for name in os.listdir("/proc"):  # noqa: PTH208  # as above
        fields = stat(int(name)) if name.isdigit() else None
        if fields is None or fields[0] in "ZX" or int(name) == os.getpid():
            continue
        pid = int(name)
        parents[pid] = int(fields[1])
        if int(fields[2]) in leaders or int(fields[3]) in leaders or marked(pid, mark, kept):
            found.add(pid)
    grown = found
    while grown:
        grown = {pid for pid, parent in parents.items() if parent in found and pid not in found}
        found |= grown
    return found


def marked(pid: int, mark: bytes, kept: set[bytes]) -> bool:
    """Return whether *pid* carries the mark of this daemon's engines, and none in *kept*; unreadable is no."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123  # as above
            return any(each.startswith(mark) and each not in kept for each in file.read().split(b"\0"))
    except OSError:
        return False


def stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat from the state on (proc(5) counts it as the third), or None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123  # as above
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def start_of(pid: int) -> str | None:
    """Return when *pid* began, as the system writes it (only good for comparing), or None when there is no such process."""
    if _PROC:
        fields = stat(pid)
        return fields[19] if fields else None
    import subprocess  # noqa: PLC0415 - where there is /proc, this small process does without

    argv, env = ("ps", "-o", "lstart=", "-p", str(pid)), os.environ | {"LC_ALL": "C"}
    ps = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)  # noqa: S603 - a number is all that goes in
    return ps.stdout.strip() or None


def same(start: str, told: str) -> bool:
    """Return whether *start*, as `start_of` writes it, is the one that the daemon *told*."""
    if _PROC:
        # Ticks since the boot. As a date they would move when the clock is set.
        return start == told
    return abs(time.mktime(time.strptime(start, "%a %b %d %H:%M:%S %Y")) - float(told)) <= _SAME_START


if __name__ == "__main__":
    main()
