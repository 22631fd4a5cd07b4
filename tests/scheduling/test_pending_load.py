"""How urgent a load is."""

from dataclasses import replace

from hostd.scheduling.pending_load import LOAD_PRIORITY, LoadPriority, PendingLoad


def test_who_waits_comes_before_what_is_wanted_and_what_returns() -> None:
    """The reason for a load says whose turn it is."""
    whys = ["return", "demand", "window", "preload", "restart", "turned_away", "routed_past", "asked", "request"]
    assert set(whys) == LOAD_PRIORITY.keys()
    ordered = sorted(whys, key=lambda why: PendingLoad("a", why, 0.0).priority)
    assert [
        "asked",
        "request",
        "demand",
        "window",
        "preload",
        "restart",
        "turned_away",
        "routed_past",
        "return",
    ] == ordered


def test_a_claim_becomes_more_urgent_with_its_reason() -> None:
    """A request waits now for a model that merely should be warm."""
    wanted = PendingLoad("a", "preload", 0.0)
    assert [LoadPriority.WANTED, LoadPriority.WAITED_FOR] == [wanted.priority, replace(wanted, why="request").priority]
