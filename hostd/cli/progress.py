"""Progress on stderr while a model loads or is downloaded: a bar on a terminal, lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

from hostd.cli.client import Client, model_path
from hostd.cli.exits import VerbError
from hostd.cli.output import console, say
from hostd.domain.control_characters import escaped
from hostd.domain.units import format_bytes
from hostd.models.download.transfer import ProgressListener

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

BETWEEN_LINES = 5.0
"""Seconds between two lines about one download."""


@contextmanager
def fetching(name: str, total: int) -> Iterator[ProgressListener]:
    """Show how many of the *total* bytes of *name* are downloaded until the block ends."""
    if not sys.stderr.isatty():
        yield Lines(name, total, time.monotonic)
        return
    from rich.progress import (  # costs 60 ms, and only a terminal needs it
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
        yield _Bar(bar, bar.add_task(escaped(name), total=total))


class _Bar:
    def __init__(self, bar: "Progress", task: "TaskID") -> None:
        self._bar = bar
        self._task = task

    def moved(self, count: int) -> None:
        self._bar.advance(self._task, count)

    def told(self, sentence: str) -> None:
        self._bar.console.print(escaped(f"hostd: {sentence}"))


class Lines:
    """Prints the progress of *name* on stderr every few seconds, by *clock* (seconds)."""

    def __init__(self, name: str, total: int, clock: Callable[[], float]) -> None:
        self._name = name
        self._total = total
        self._clock = clock
        self._count = 0
        self._since = clock()
        self._came = 0

    def moved(self, count: int) -> None:
        """Count downloaded bytes, and print a line when one is due."""
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


if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_BETWEEN_LOOKS = 0.2


@contextmanager
def loading(client: Client, model: str) -> Iterator[None]:
    """Show how far *model* has loaded until the block ends."""
    if not sys.stderr.isatty():
        say(f"loading {model} ...")
        yield
        return
    # This costs 60 ms, and only a terminal needs it.
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("loading {task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    over = Event()
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        watcher = Thread(
            target=_watch, args=(client, model, bar, bar.add_task(escaped(model), total=None), over), daemon=True
        )
        watcher.start()
        try:
            yield
        finally:
            over.set()
            # A daemon that no longer answers must not keep the verb from ending.
            watcher.join(timeout=1.0)


def _watch(client: Client, model: str, bar: "Progress", task: "TaskID", over: Event) -> None:
    while not over.wait(_BETWEEN_LOOKS):
        with suppress(VerbError):
            progress = client.get(model_path(model)).get("progress")
            if progress is not None:
                bar.update(task, total=1.0, completed=progress)
