"""Processes that the benchmark starts and must end, and what the kernel says about them: CPU time and memory."""

import contextlib
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

_GLANCE = 0.05


class BenchError(Exception):
    """Nothing can be measured; the message says why and what to do."""


def free_port() -> int:
    """Return a loopback TCP port that no program listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def program(
    name: str, argv: Sequence[str], folder: Path, env: Mapping[str, str] | None = None
) -> Iterator[psutil.Process]:
    """Run *argv* in *folder* with its output in `name.log`; on leaving, end it and all its descendants, by pid.

    It gets a session of its own, so that Ctrl-C reaches the benchmark alone, which then ends its programs in order.
    """
    with (folder / f"{name}.log").open("wb") as log:
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, env=env, start_new_session=True
        )
    process = psutil.Process(child.pid)
    try:
        yield process
    finally:
        end(child, process)


def end(child: subprocess.Popen[bytes], process: psutil.Process) -> None:
    """Ask *child* to stop, give it 15 s to end its own children, then kill what is left."""
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = process.children(recursive=True)
    child.terminate()
    try:
        child.wait(15)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    _, alive = psutil.wait_procs(family, timeout=1)
    for leftover in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            leftover.kill()


def get_json(url: str) -> object:
    """Return the JSON body of *url*, or None where there is no good answer yet."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            found: object = json.load(answer)
            return found
    except (OSError, ValueError, urllib.error.URLError):
        return None


def answers(url: str) -> bool:
    """Return whether *url* answers with a good status."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def tail(log: Path) -> str:
    """Return the last lines of *log*; none where there is no such file."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""


def wait_until_answers(url: str, process: psutil.Process, log: Path, patience: float = 15.0) -> None:
    """Wait until *url* answers 200.

    Raises:
        BenchError: The process died, or *patience* seconds passed; with the last lines of its log.
    """
    wait_until(lambda: answers(url), process, log, patience, f" at {url}")


def wait_until(
    ready: Callable[[], bool], process: psutil.Process, log: Path, patience: float = 15.0, where: str = ""
) -> None:
    """Wait until *process* is *ready*; raises as `wait_until_answers` does, saying *where*."""
    deadline = time.monotonic() + patience
    while not ready():
        dead = not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
        if dead or time.monotonic() > deadline:
            how = "ended before it answered" if dead else f"did not answer within {patience:.0f} s"
            raise BenchError(f"{log.stem} {how}{where}; the end of its log:\n{tail(log)}")
        time.sleep(0.05)


def family(process: psutil.Process, without: Iterable[str] = ()) -> list[psutil.Process]:
    """Return *process* and its descendants, except those that run one of the scripts *without*."""
    members = [process]
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if not set(child.cmdline()[:2]) & set(without):
                members.append(child)
    return members


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """Return the user and system time that *processes* have used, ended threads included, in seconds."""
    return sum(_cpu_clock(process) for process in processes)


def _cpu_clock(process: psutil.Process) -> float:
    # Linux has a clock for each process that counts nanoseconds; the ticks of 10 ms that psutil reads are too coarse here.
    with contextlib.suppress(OSError, AttributeError):
        return time.clock_gettime((~process.pid << 3) | 2)
    return float(sum(process.cpu_times()[:2]))


def settle(processes: Iterable[psutil.Process], patience: float = 15.0) -> None:
    """Wait until *processes* are idle, *patience* seconds at most: requests cut short are still being tidied away."""
    members, deadline = list(processes), time.monotonic() + patience
    before = cpu_seconds(members)
    while time.monotonic() < deadline:
        time.sleep(_GLANCE)
        now = cpu_seconds(members)
        if now - before < _GLANCE / 10:
            return
        before = now


def has_loaded(process: psutil.Process, library: str) -> bool | None:
    """Return whether *process* has the shared *library* in memory; None where this system does not say."""
    try:
        return library in Path(f"/proc/{process.pid}/maps").read_text()
    except OSError:
        return None


def rss_bytes(processes: Iterable[psutil.Process]) -> list[int]:
    """Return the resident memory of each of *processes*, in bytes (pages that they share count for each)."""
    return [process.memory_info().rss for process in processes]
