"""Cells say much in few places, and nothing in them drives the terminal."""

import pytest
from rich.cells import cell_len

from hostd.cli.top.cells import DECISIONS, MODELS, REQUESTS, TableColumn, fitted, line, model_state, row, span
from tests.cli.top.told import EVENTS, NOW, live, model, over


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("abc", 5, "abc  "),
        ("abcdef", 4, "abc…"),
        ("模型模型", 5, "模型…"),
        ("a\nb", 3, "a b"),
        ("", 2, "  "),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_texts_fit(text: str, width: int, expected: str) -> None:
    """In places, of which some letters take two."""
    assert expected == fitted(text, width)
    assert width == cell_len(fitted(text, width))


def test_nothing_drives_the_terminal() -> None:
    """Names may be anybody's."""
    assert "\x1b" not in fitted("\x1b[31mred", 40)
    assert "  a" == fitted("a", 3, right=True)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.04, "0.0s"),
        (3.24, "3.2s"),
        (45, "45s"),
        (119, "119s"),
        (750, "12m"),
        (7200, "2h"),
        (180_000, "2d"),
        (-3, "0.0s"),
    ],
)
def test_spans(seconds: float, expected: str) -> None:
    """Short, whatever their length."""
    assert expected == span(seconds)


@pytest.mark.parametrize("columns", [MODELS, REQUESTS, DECISIONS])
def test_lines_are_as_wide_as_the_terminal(columns: tuple[TableColumn, ...]) -> None:
    """Titles and rows alike."""
    events = dict(EVENTS)
    rows = {
        id(MODELS): events["models"]["models"],
        id(REQUESTS): [*events["requests"]["requests"], *events["past"]["past"]],
        id(DECISIONS): events["decisions"]["decisions"],
    }[id(columns)]
    for width in (80, 120, 200):
        for text in (line(columns, width), *(row(columns, width, each, NOW) for each in rows)):
            assert width - 1 <= text.cell_len <= width


def test_states_of_models() -> None:
    """What it waits for, how far it is, or that it is left alone."""
    alone = {"state": "open", "cause": "stall", "tried_at": None}
    assert ["loading 42%", "loading, room", "ready, alone", "cold"] == [
        model_state(each)
        for each in (
            model("a", "loading", progress=0.42),
            model("a", "loading", waits_for="room"),
            model("a", "ready", breaker=alone),
            model("a", "cold"),
        )
    ]


def test_requests() -> None:
    """Those that live and those that are over, in the same columns."""
    waiting = row(REQUESTS, 80, live(1, "a", "waiting", position=3, expected_wait_ms=8000), NOW).plain.split()
    assert ["waiting", "3", "a", "notes", "5m", "8.0s", "-"] == waiting
    moved = row(REQUESTS, 80, over(1, "b", asked="a", reason="stall"), NOW).plain.split()
    assert ["answered", "200", "a", ">", "b", "editor", "2.3s", "-", "stall"] == moved
