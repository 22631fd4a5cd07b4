"""A frame fits its screen, the most important first; two of them are compared whole."""

from pathlib import Path

import pytest

from hostd.cli.event_stream import DaemonEvent
from hostd.cli.top.frame import Need, Size, frame, shares
from hostd.cli.top.state import DaemonState, ScreenPart, Sort, View
from tests.cli.top.told import MODELS, NOW, model, state

SCREENS = Path(__file__).parent / "screens"


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time  # noqa: PLC0415 - its zone is set here alone

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def lines(
    view: View | None = None, width: int = 80, height: int | None = 24, *, of: DaemonState | None = None
) -> list[str]:
    """Return a frame as text."""
    return [text.plain.rstrip() for text in frame(of or state(), view or View(), Size(width, height), NOW)]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50)])
def test_a_screen(width: int, height: int) -> None:
    """As it was looked at once and found good."""
    expected = (SCREENS / f"{width}x{height}.txt").read_text("utf-8").rstrip("\n").split("\n")
    assert expected == lines(width=width, height=height)


@pytest.mark.parametrize("height", [3, 5, 8, 12, 24, 60])
@pytest.mark.parametrize("width", [20, 80, 133, 250])
def test_fits_every_screen(width: int, height: int) -> None:
    """Neither more lines than there are, nor longer ones, with many models as with none."""
    crowd = state()
    crowd.take(DaemonEvent("models", {"models": [model(f"m{number}", "cold") for number in range(300)]}), NOW)
    for of in (crowd, state(), DaemonState("x")):
        for focus in ScreenPart:
            found = frame(of, View(focus=focus, down=7), Size(width, height), NOW)
            assert height == len(found)
            assert all(text.cell_len <= width for text in found)


def test_the_view_shows() -> None:
    """Order, words and where the focus is."""
    found = lines(View(sort=Sort.QUEUE, words="qwen"))
    assert found[-1].startswith("filter: qwen  by queue")
    models = [line for line in found if line.startswith(("qwen-coder", "gemma", "broken"))]
    assert ["qwen-coder"] == [line.split()[0] for line in models]
    assert lines(View(typing=True, words="ge"))[-1].startswith("/ge_")


def test_scrolls_the_focus_to_its_end() -> None:
    """And no further."""
    crowd = state()
    crowd.take(DaemonEvent("models", {"models": [model(f"m{number:03}", "cold") for number in range(99)]}), NOW)
    found = lines(View(down=10_000), of=crowd)
    assert [line for line in found if line.startswith("m098")]
    assert not [line for line in found if line.startswith("m000")]


def test_a_daemon_that_is_gone_shows() -> None:
    """Why, in the first line; below it what was known last."""
    found = state()
    found.trouble = "the daemon has ended; waiting for it"
    first, *rest = lines(of=found)
    assert "hostd http://127.0.0.1:11435: the daemon has ended; waiting for it" == first
    assert any(line.startswith("qwen-coder") for line in rest)


def test_all_of_it() -> None:
    """Without a height nothing is cut, and there are no keys."""
    found = lines(height=None, width=160)
    assert all(any(line.startswith(str(each["model"])[:6]) for line in found) for each in MODELS[:5])
    assert "quit" not in found[-1]


def test_a_terminal_that_shows_ascii_only() -> None:
    """Has the same screen, with other characters in the places of those that it lacks."""
    found = frame(state(), View(), Size(80, 24, plain=True), NOW)
    assert all(text.plain.isascii() for text in found)
    assert [text.cell_len for text in frame(state(), View(), Size(80, 24), NOW)] == [text.cell_len for text in found]
    assert "ooooo####" in found[2].plain


def test_rooms_are_shared() -> None:
    """The focus first, a little for each, what is left to who has more; a small screen does without the last."""
    few = {section: Need(3, 3) for section in ScreenPart}
    many = {section: Need(50, 50) for section in ScreenPart}
    assert {ScreenPart.MODELS: 3, ScreenPart.REQUESTS: 3, ScreenPart.DECISIONS: 3} == shares(40, few, ScreenPart.MODELS)
    crowded = shares(20, many, ScreenPart.DECISIONS)
    assert 17 == sum(count or 0 for count in crowded.values())
    assert (crowded[ScreenPart.DECISIONS] or 0) > (crowded[ScreenPart.MODELS] or 0) >= 2
    assert {ScreenPart.MODELS: 4, ScreenPart.REQUESTS: None, ScreenPart.DECISIONS: None} == shares(
        5, many, ScreenPart.MODELS
    )
    recent = {ScreenPart.MODELS: Need(3, 3), ScreenPart.REQUESTS: Need(5, 90), ScreenPart.DECISIONS: Need(5, 90)}
    assert {ScreenPart.MODELS: 3, ScreenPart.REQUESTS: 9, ScreenPart.DECISIONS: 5} == shares(
        20, recent, ScreenPart.MODELS
    )
