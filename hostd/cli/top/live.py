"""The screen, drawn anew when something has changed, until the owner leaves."""

import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from rich.console import Group
from rich.live import Live

from hostd.cli.event_stream import DaemonEvent
from hostd.cli.output import console
from hostd.cli.top.event_thread import EventThread, Follow
from hostd.cli.top.frame import Size, frame
from hostd.cli.top.keyboard import read_keys, unbuffered
from hostd.cli.top.state import DaemonState, View, utc_now

_EVERY = 1.0
"""Seconds after which the screen is drawn in any case: it shows times."""
_LEAST = 0.25
"""Seconds between two frames, however much happens: enough for eyes and for a slow line."""


class LiveScreen:
    """Shows what *state* becomes by *events*; *follow* connects anew."""

    def __init__(self, state: DaemonState, events: Iterator[DaemonEvent], follow: Follow) -> None:
        self._state = state
        self._view: View | None = View()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._thread = EventThread(events, follow, self._wake)

    def run(self) -> None:
        """Return when the owner leaves, by a key or by Ctrl-C, of which the terminal makes a signal."""
        with suppress(KeyboardInterrupt):
            self._run()
        self._thread.close()

    def _run(self) -> None:
        screen = console()
        keyboard = sys.stdin.fileno()
        with unbuffered(keyboard), self._signals(), Live(console=screen, screen=True, auto_refresh=False) as live:
            self._thread.start()
            while self._view is not None:
                size = Size(screen.width, screen.height, plain=screen.options.ascii_only)
                live.update(Group(*frame(self._state, self._view, size, utc_now())), refresh=True)
                drawn = time.monotonic()
                self._wait(keyboard, drawn)

    def _wait(self, keyboard: int, drawn: float) -> None:
        """Return when there is something new to draw; at once after a key, else not too soon after the last frame."""
        ready, _, _ = select.select([keyboard, self._wake_read], [], [], _EVERY)
        if keyboard not in ready and ready:
            ready, _, _ = select.select([keyboard], [], [], max(0.0, drawn + _LEAST - time.monotonic()))
        with suppress(BlockingIOError):
            os.set_blocking(self._wake_read, False)
            os.read(self._wake_read, 4096)
        if keyboard in ready:
            keys = read_keys(keyboard)
            for key in ["q"] if keys is None else keys:
                self._view = self._view and self._view.pressed(key)
        while not self._thread.news.empty():
            news = self._thread.news.get()
            if isinstance(news, str):
                self._state.trouble = news
            else:
                self._state.take(news, utc_now())

    def _wake(self) -> None:
        # A full pipe wakes as well.
        with suppress(BlockingIOError):
            os.write(self._wake_write, b"x")

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Draw anew when the terminal changes its size, and leave it as it was found when told to end."""

        def resized(_number: int, _frame: FrameType | None) -> None:
            self._wake()

        def end(number: int, _frame: FrameType | None) -> None:
            raise SystemExit(128 + number)

        taken = {signal.SIGWINCH: resized, signal.SIGTERM: end, signal.SIGHUP: end}
        before = {number: signal.signal(number, handler) for number, handler in taken.items()}
        # A stop would leave the terminal without what it shows and what is typed into it.
        before[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
