"""Follows the daemon's events in a thread, over its restarts."""

from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Event, Thread

from hostd.cli.event_stream import DaemonEvent
from hostd.cli.exits import VerbError

_AGAIN = 1.0
"""Seconds until the next try to reach a daemon that is gone."""

Follow = Callable[[], Iterator[DaemonEvent]]


class EventThread:
    """Puts events, and sentences about why none come, on a queue; *woken* is called for each.

    *events* are those of a connection that stands; when it ends, *follow* makes another, again and again.
    """

    def __init__(self, events: Iterator[DaemonEvent], follow: Follow, woken: Callable[[], None]) -> None:
        self.news: SimpleQueue[DaemonEvent | str] = SimpleQueue()
        self._events = events
        self._follow = follow
        self._woken = woken
        self._closing = Event()
        # A daemon thread: it may wait for the daemon's next word when the owner leaves.
        self._thread = Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Make no further connection."""
        self._closing.set()

    def _run(self) -> None:
        events = self._events
        while not self._closing.is_set():
            try:
                for event in events:
                    self._put(event)
                self._put("the daemon has ended; waiting for it")
            except VerbError as failure:
                self._put(f"{failure.message} (trying again)")
            if self._closing.wait(_AGAIN):
                return
            events = self._follow()

    def _put(self, news: DaemonEvent | str) -> None:
        self.news.put(news)
        self._woken()
