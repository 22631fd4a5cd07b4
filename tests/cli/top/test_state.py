"""The newest of each event is kept, and keys change what is seen of it."""

from datetime import timedelta

import pytest

from hostd.cli.event_stream import DaemonEvent
from hostd.cli.top.state import DaemonState, ScreenPart, Sort, View
from tests.cli.top.told import EVENTS, MODELS, NOW, moment, state


def press(view: View, *keys: str) -> View:
    """Return the view after *keys*."""
    for key in keys:
        following = view.pressed(key)
        assert following is not None
        view = following
    return view


def test_states_replace_and_entries_add_up() -> None:
    """Decisions and past requests once each, of the states the last."""
    found = state()
    found.take(DaemonEvent("models", {"models": MODELS[:1]}), NOW)
    found.take(DaemonEvent("decisions", {"decisions": [EVENTS[1][1]["decisions"][0]], "left_out": 0}), NOW)
    assert (1, 4, 3) == (len(found.listed("models", "models")), len(found.decisions), len(found.past))
    assert found.complete
    assert not DaemonState().complete
    assert [] == DaemonState().listed("models", "models")


@pytest.mark.parametrize(("resumed", "left"), [(False, 0), (True, 3)])
def test_a_daemon_that_comes_back_tells_all_anew(resumed: bool, left: int) -> None:
    """What it told before is forgotten, unless it goes on from there; that it was gone is over."""
    found = state()
    found.trouble = "gone"
    found.take(DaemonEvent("hello", EVENTS[0][1] | {"resumed": resumed}), NOW)
    assert (left, left, "") == (len(found.decisions), len(found.past), found.trouble)


def test_the_daemons_clock_counts() -> None:
    """On another machine it may show another time."""
    found = state()
    found.take(DaemonEvent("hello", EVENTS[0][1] | {"now": moment(90)}), NOW)
    assert timedelta(seconds=90) == found.at(NOW) - NOW


def test_sorts() -> None:
    """Each key another column, the most first; reversed by a key."""
    orders = {
        Sort.NAME: "broken",
        Sort.STATE: "broken",
        Sort.QUEUE: "qwen-coder",
        Sort.SPEED: "embedder",
        Sort.MEMORY: "qwen-coder",
    }
    view = View()
    for sort, first in orders.items():
        assert (sort, first) == (view.sort, view.sorted(MODELS)[0]["model"])
        assert first == press(view, "r").sorted(MODELS)[-1]["model"]
        view = press(view, "s")
    assert Sort.NAME is view.sort


def test_filters() -> None:
    """Words are typed, kept and cleared; meanwhile letters are no commands."""
    typing = press(View(), "/", "q", "W", "x", "backspace", "up")
    assert ("qW", True) == (typing.words, typing.typing)
    kept = press(typing, "enter")
    assert ("qW", False) == (kept.words, kept.typing)
    assert (True, False) == (kept.shows(None, "my-Qwen"), kept.shows("gemma", None, 3))
    assert "" == press(kept, "escape").words == press(typing, "escape").words
    assert View().shows()


def test_leaves() -> None:
    """By q, or Ctrl-C, also while words are typed."""
    assert [None] * 3 == [View().pressed("q"), View().pressed("ctrl-c"), View(typing=True).pressed("ctrl-c")]
    assert View() == View().pressed("x")


def test_scrolls() -> None:
    """Within the section that has the focus, never above its top."""
    view = press(View(), "tab", "down", "page-down", "up")
    assert (ScreenPart.REQUESTS, 10) == (view.focus, view.down)
    assert 0 == press(view, "page-up", "page-up").down == press(view, "tab").down
