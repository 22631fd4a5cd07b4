"""A daemon that is hurt on purpose, and what is seen of it meanwhile: the other half of the chaos journey."""

import os
import random
import shutil
import signal
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from hostd.supervisor.launch import free_port
from tests.journeys.chaos_agents import Outcome
from tests.journeys.host import Host, all_gone, started, until

IDLE_STATES = {"cold", "failed"}
WAIT_WHILE_FREE = 15.0
"""Seconds that a request may wait while nothing is loaded or loading: the longest restart delay after four crashes is 4 s."""
STATE_BYTES = 8 << 20
FROZEN_FOR = 90.0
"""Seconds after which a frozen engine must have been found and ended: its limits and the stop ladder together are shorter."""


@dataclass(frozen=True)
class Sample:
    """What the daemon's process held at a time."""

    life: int
    at: float
    rss: int
    files: int


def _is_reaper(process: psutil.Process) -> bool:
    try:
        return "orphan_reaper_child" in " ".join(process.cmdline())
    except psutil.Error:
        # An engine that has just been killed, or a program that has just ended, which nobody has waited for yet.
        return False


@dataclass
class Victim:
    """The daemon, its engines, and the folder that its state is in.

    *down* are the times (from, until; monotonic seconds) at which no daemon ran, *faults* what must not have happened.
    """

    folder: Path
    arguments: tuple[str, ...]
    port: int = field(default_factory=free_port)
    life: int = 0
    down: list[tuple[float, float]] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    engines: dict[int, psutil.Process] = field(default_factory=dict)
    frozen: dict[int, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)
    _idle_since: float | None = None
    _began: float = field(default_factory=time.monotonic)
    host: Host = field(init=False)

    def start(self) -> None:
        """Start a daemon on the same port and state as the one before."""
        log = self.folder / "serve.log"
        if log.exists():
            log.rename(self.folder / f"serve-{self.life}.log")
        self.life += 1
        self.host = self._stack.enter_context(started(self.folder, *self.arguments, port=self.port))

    def close(self) -> None:
        """End the daemon if it still runs, and every engine that was seen and still lives."""
        self._stack.close()
        for engine in self.engines.values():
            if not all_gone([engine]):
                engine.kill()

    def note(self, event: str) -> None:
        """Keep *event* for the report."""
        self.events.append(f"{time.monotonic() - self._began:6.1f} s  {event}")

    def look(self) -> None:
        """Take a sample, and see whether requests wait although all memory is free, or a frozen engine was forgotten."""
        now = time.monotonic()
        daemon = psutil.Process(self.host.process.pid)
        self.samples.append(Sample(self.life, now, daemon.memory_info().rss, daemon.num_fds()))
        rows = self.host.get("/hostd/v1/status").json["instances"]
        for row in rows:
            if row["pid"] and row["pid"] not in self.engines:
                self.engines[row["pid"]] = psutil.Process(row["pid"])
        waiting = any(row["queued"] for row in rows) and all(row["state"] in IDLE_STATES for row in rows)
        self._idle_since = (self._idle_since or now) if waiting else None
        if self._idle_since is not None and now - self._idle_since > WAIT_WHILE_FREE:
            self.faults.append(f"requests wait {now - self._idle_since:.0f} s with all memory free: {rows}")
            self._idle_since = None
        for pid, since in list(self.frozen.items()):
            if all_gone([self.engines[pid]]):
                del self.frozen[pid]
            elif now - since > FROZEN_FOR:
                self.faults.append(f"engine {pid}, frozen, was not ended in {FROZEN_FOR:.0f} s")
                del self.frozen[pid]

    def hurt_an_engine(self, rng: random.Random) -> None:
        """Kill or freeze an engine, if there is one."""
        alive = [engine for engine in self.engines.values() if not all_gone([engine]) and engine.pid not in self.frozen]
        if not alive:
            return
        engine = rng.choice(alive)
        if rng.random() < 0.8:
            engine.kill()
            self.note(f"engine {engine.pid} killed")
        else:
            engine.suspend()
            self.frozen[engine.pid] = time.monotonic()
            self.note(f"engine {engine.pid} frozen")

    def kill_daemon(self, *, reaper: bool) -> None:
        """Kill the daemon (and what would end its engines) and start another, which must end the engines that are left."""
        began = time.monotonic()
        daemon = psutil.Process(self.host.process.pid)
        helpers = [each for each in daemon.children() if _is_reaper(each)]
        assert helpers, "no process watches over the engines"
        for helper in helpers if reaper else ():
            helper.kill()
        self.host.process.kill()
        self.host.process.wait()
        old = list(self.engines.values())
        self.note(f"daemon killed{' together with its reaper' if reaper else ''}")
        if not reaper:
            until(lambda: all_gone(old), seconds=10)
        self.start()
        until(lambda: all_gone(old), seconds=10)
        self.frozen.clear()
        self.down.append((began, time.monotonic()))
        self._idle_since = None
        self.note("daemon back")

    def growth(self) -> tuple[int, int]:
        """Return how many bytes and open files the last life's daemon has at its end above its second quarter."""
        last = [each for each in self.samples if each.life == self.life]
        quarter = max(1, len(last) // 4)
        before, after = last[quarter : 2 * quarter] or last, last[-quarter:]
        rss, files = (
            [statistics.median(getattr(each, name) for each in part) for part in (before, after)]
            for name in ("rss", "files")
        )
        return int(rss[1] - rss[0]), int(files[1] - files[0])


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Make *folder* a file system of its own that can be filled; yield False where this user may not (it takes root on Linux)."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", f"size={STATE_BYTES}", "tmpfs", str(folder)]
    mounted = (
        mount is not None
        and os.geteuid() == 0
        and 0 == subprocess.run(command, capture_output=True, check=False).returncode
    )
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill the file system of *folder* to the last byte; return the file that does so."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


def report(outcomes: list[Outcome], victim: Victim) -> str:
    """Return what happened, in lines."""
    counted = Counter(each.word for each in outcomes)
    right = sorted(each.ended - each.began for each in outcomes if each.word == "whole")
    lines = [f"{len(outcomes)} requests: " + ", ".join(f"{count} {word}" for word, count in counted.most_common())]
    if right:
        p95 = right[int(0.95 * (len(right) - 1))]
        lines.append(
            f"a right answer took {statistics.median(right):.2f} s (median), {p95:.1f} (95 %), {right[-1]:.1f} (longest)"
        )
    rss = [each.rss / 2**20 for each in victim.samples]
    files = [each.files for each in victim.samples]
    grown, opened = victim.growth()
    lines.append(
        f"daemon: {min(rss):.0f} to {max(rss):.0f} MiB ({grown / 2**20:+.1f} in its last life), "
        f"{min(files)} to {max(files)} open files ({opened:+d}); {victim.life} lives, {len(victim.engines)} engines"
    )
    return "\n".join(lines + victim.events + [f"FAULT {fault}" for fault in victim.faults])


def stop(victim: Victim) -> int:
    """Stop the daemon as a service manager would; return its exit status."""
    victim.host.process.send_signal(signal.SIGTERM)
    return victim.host.process.wait(60)
