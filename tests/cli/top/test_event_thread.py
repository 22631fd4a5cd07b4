"""Events come on through restarts of the daemon."""

from collections.abc import Iterator
from threading import Event

import pytest

from hostd.cli.event_stream import DaemonEvent
from hostd.cli.exits import VerbError
from hostd.cli.top import event_thread
from hostd.cli.top.event_thread import EventThread

FIRST, SECOND = DaemonEvent("hello", {"version": "1"}), DaemonEvent("hello", {"version": "2"})


def broken(*events: DaemonEvent) -> Iterator[DaemonEvent]:
    """Yield *events*, and then break off."""
    yield from events
    raise VerbError("the connection broke off")


def test_connects_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an end, a break and a refusal, each of which is told; each piece of news wakes the screen."""
    monkeypatch.setattr(event_thread, "_AGAIN", 0.001)
    connections = [broken(), iter([SECOND])]
    done, woken = Event(), []

    def follow() -> Iterator[DaemonEvent]:
        if connections:
            return connections.pop(0)
        done.set()
        return iter(())

    following = EventThread(iter([FIRST]), follow, lambda: woken.append(1))
    following.start()
    assert done.wait(10)
    following.close()
    news = [following.news.get(timeout=5) for _ in range(5)]
    ended = "the daemon has ended; waiting for it"
    assert [FIRST, ended, "the connection broke off (trying again)", SECOND, ended] == news
    assert len(woken) >= len(news)
