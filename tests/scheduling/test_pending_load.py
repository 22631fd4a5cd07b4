"""How urgent a load is."""

from dataclasses import replace

from hostd.scheduling.pending_load import URGENCY, Claim, Urgency


def test_who_waits_comes_before_what_is_wanted_and_what_returns() -> None:
    """The reason for a load says whose turn it is."""
    whys = ["return", "demand", "window", "preload", "restart", "asked", "request"]
    assert set(whys) == URGENCY.keys()
    ordered = sorted(whys, key=lambda why: Claim("a", why, 0.0).urgency)
    assert ["asked", "request", "demand", "window", "preload", "restart", "return"] == ordered


def test_a_claim_becomes_more_urgent_with_its_reason() -> None:
    """Somebody came to wait for what was merely wanted."""
    wanted = Claim("a", "preload", 0.0)
    assert [Urgency.WANTED, Urgency.WAITED_FOR] == [wanted.urgency, replace(wanted, why="request").urgency]
