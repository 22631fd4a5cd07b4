"""Prompts are compared with examples by the real table of WordLlama, from inside its wheel."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostd.domain.profile import Role, Settings
from hostd.domain.routing_rules import Condition, RouteRule
from hostd.domain.settings_changes import SettingsRead
from hostd.gateway import example_vectors
from hostd.routing.likeness import is_like

TOPICS = {
    "billing": (
        "where is my invoice",
        "I was charged twice this month",
        "how do I change my payment method",
        "I need a refund",
    ),
    "shipping": ("where is my parcel", "my package has not arrived yet", "can I change the delivery address"),
    "travel": ("plan a weekend trip to Rome", "find a cheap flight to Lisbon", "which hotel is near the station"),
}
ROLE = Role(
    "auto", tuple(TOPICS), route=tuple(RouteRule((name,), Condition(like=like)) for name, like in TOPICS.items())
)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Have the table read anew, and forgotten afterwards."""
    for each in (example_vectors._table, example_vectors._vectors):
        each.cache_clear()
    yield
    for each in (example_vectors._table, example_vectors._vectors):
        each.cache_clear()


def _topic(said: str) -> str | None:
    found = example_vectors.likeness(said, ROLE)
    return next((name for name, like in TOPICS.items() if is_like(like, found)), None)


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        ("I want my money back", "billing"),
        ("my card was billed two times", "billing"),
        ("tracking says delivered but I got nothing", "shipping"),
        ("flights from Berlin to Porto in May", "travel"),
        ("a hotel close to the main station", "travel"),
        ("tell me a joke", None),
        ("prove that the square root of 2 is irrational", None),
        ("implement quicksort in rust", None),
        ("", None),
        ("x" * 100_000, None),
    ],
)
def test_what_is_meant_counts_in_other_words(said: str, topic: str | None) -> None:
    """What is like nothing is not decided, however long it is."""
    pytest.importorskip("wordllama")
    assert topic == _topic(said)


def test_nothing_is_downloaded_and_nothing_is_read_without_examples(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The table is the wheel's own: an empty home, and no network, make no difference."""
    pytest.importorskip("wordllama")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("socket.socket.connect", None)
    example_vectors.prepare([Role("plain", ("a",))])
    assert example_vectors._table.cache_info().currsize == 0
    example_vectors.prepare([Role("plain", ("a",)), ROLE])
    assert example_vectors._table.cache_info().currsize == 1
    assert _topic("I need my money back") == "billing"
    assert not list(tmp_path.iterdir())


def test_a_broken_installation_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said once; requests go on by the other rules."""
    monkeypatch.setitem(sys.modules, "wordllama", None)
    assert example_vectors.likeness("I want my money back", ROLE) == {}
    assert _topic("I want my money back") is None


async def test_a_reload_reads_what_new_examples_are_compared_by() -> None:
    """Before the settings are in force, so that no request waits for it."""
    pytest.importorskip("wordllama")
    found = SettingsRead(Settings(roles={"auto": ROLE}), ())

    async def read(_: Settings) -> SettingsRead:
        return found

    assert await example_vectors.preparing(read)(Settings()) is found
    assert example_vectors._table.cache_info().currsize == 1
