"""The daemon's reports to systemd while it serves: that its decisions are made, and one line on its models and requests."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from hostd.domain.lifecycle import State
from hostd.runtime.dispatcher import Dispatcher
from hostd.scheduling.events import Ticked
from hostd.scheduling.view import SchedulerView
from hostd.service.notify import ServiceNotifier

log = structlog.get_logger()

_EVERY = 2.0
_FEEDS = 3
"""Signs of life within the watchdog's time, so that one that comes late ends nothing."""
STOP_EXTENSION = 20.0
"""Seconds that a daemon which stops asks for again and again, so that how long a stop may take need not be known beforehand."""


class ServiceReporter:
    """Keeps *notifier*'s systemd informed about *dispatcher*; *trouble* returns what is amiss with the host, None for nothing."""

    def __init__(
        self, notifier: ServiceNotifier, dispatcher: Dispatcher, trouble: Callable[[], str | None] = lambda: None
    ) -> None:
        self._notifier = notifier
        self._dispatcher = dispatcher
        self._trouble = trouble
        self._stopping = False

    def __repr__(self) -> str:
        return f"<ServiceReporter {self._notifier!r}>"

    def ready(self) -> None:
        """Say that the daemon listens."""
        self._notifier.ready(self._status())

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """Say that the configuration is read anew, and afterwards that the daemon serves, whatever came of it."""
        self._notifier.reloading(f"reading the configuration; {self._status()}")
        try:
            yield
        finally:
            if not self._stopping:
                self.ready()

    def stopping(self) -> None:
        """Say that the daemon finishes what is in flight."""
        self._stopping = True
        self._notifier.stopping(self._status(), STOP_EXTENSION)

    async def run(self) -> None:
        """Report until cancelled; where no systemd listens, do nothing."""
        if not self._notifier:
            return
        watchdog = self._notifier.watchdog
        pause = _EVERY if watchdog is None else min(_EVERY, watchdog / _FEEDS)
        loop = asyncio.get_running_loop()
        feed_at = loop.time()
        while True:
            if watchdog is not None and loop.time() >= feed_at:
                self._feed()
                feed_at = loop.time() + watchdog / _FEEDS - pause / 2
            if self._stopping:
                self._notifier.extend(self._status(), STOP_EXTENSION)
            else:
                self._notifier.status(self._status())
            await asyncio.sleep(pause)

    def _status(self) -> str:
        line, trouble = status_line(self._dispatcher.view()), self._trouble()
        return f"{'stopping; ' if self._stopping else ''}{line}{f'; {trouble}' if trouble else ''}"

    def _feed(self) -> None:
        """Have the scheduler take in an event; the sign of life is sent only if it can."""
        try:
            self._dispatcher.post(Ticked())
        except Exception:  # systemd starts the daemon anew if it stays so
            log.exception("bug", hint="the scheduler does not decide; systemd's watchdog is not fed")
        else:
            self._notifier.alive()


def status_line(view: SchedulerView) -> str:
    """Return what `systemctl status` shows: which models are in which state, and how many requests there are."""
    by_state: dict[State, list[str]] = {}
    for name, model in view.models.items():
        by_state.setdefault(model.reported_state, []).append(name)
    ready = by_state.pop(State.READY, [])
    by_state.pop(State.COLD, None)
    parts = [f"{len(ready)} of {len(view.models)} models ready{f' ({_named(ready)})' if ready else ''}"]
    parts += [f"{state} {_named(names)}" for state, names in by_state.items()]
    in_flight = sum(model.in_flight for model in view.models.values())
    queued = sum(model.queued for model in view.models.values())
    return "; ".join((*parts, f"{in_flight} requests in flight, {queued} waiting"))


def _named(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
