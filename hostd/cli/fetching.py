"""How a download is watched: a bar on a terminal, and a line every few seconds where nobody looks on."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hostd.cli.screen import console, say
from hostd.domain.units import format_bytes
from hostd.library.transfer import Watch

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

BETWEEN_LINES = 5.0
"""Seconds between two lines about one download."""


@contextmanager
def fetching(name: str, total: int) -> Iterator[Watch]:
    """Show how much of the *total* bytes of *name* has come until the block ends."""
    if not sys.stderr.isatty():
        yield Lines(name, total, time.monotonic)
        return
    from rich.progress import (  # noqa: PLC0415 - costs 60 ms, and only a terminal needs it
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        yield _Bar(bar, bar.add_task(name, total=total))


class _Bar:
    def __init__(self, bar: "Progress", task: "TaskID") -> None:
        self._bar = bar
        self._task = task

    def moved(self, count: int) -> None:
        self._bar.advance(self._task, count)

    def told(self, sentence: str) -> None:
        self._bar.console.print(f"hostd: {sentence}")


class Lines:
    """Says every few seconds on stderr how far *name* is, by *clock* (seconds)."""

    def __init__(self, name: str, total: int, clock: Callable[[], float]) -> None:
        self._name = name
        self._total = total
        self._clock = clock
        self._count = 0
        self._since = clock()
        self._came = 0

    def moved(self, count: int) -> None:
        """Count what came, and say it when it is time to."""
        self._count += count
        self._came += count
        seconds = self._clock() - self._since
        if seconds < BETWEEN_LINES:
            return
        rate = max(0, self._came) / seconds
        left = f", {(self._total - self._count) / rate:.0f} s left" if rate else ""
        say(
            f"{self._name}: {format_bytes(self._count)} of {format_bytes(self._total)}, {format_bytes(int(rate))}/s{left}"
        )
        self._since, self._came = self._clock(), 0

    def told(self, sentence: str) -> None:
        """Pass a sentence on."""
        say(sentence)
