"""A bar on stderr while a model loads; a single line where nobody watches."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

from hostd.cli.client import Client, model_path
from hostd.cli.exits import VerbError
from hostd.cli.screen import console, say

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
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - costs 60 ms, and only a terminal needs it

    columns = (TextColumn("loading {task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    over = Event()
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        watcher = Thread(target=_watch, args=(client, model, bar, bar.add_task(model, total=None), over), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join(timeout=1.0)


def _watch(client: Client, model: str, bar: "Progress", task: "TaskID", over: Event) -> None:
    while not over.wait(_BETWEEN_LOOKS):
        with suppress(VerbError):
            progress = client.get(model_path(model)).get("progress")
            if progress is not None:
                bar.update(task, total=1.0, completed=progress)
