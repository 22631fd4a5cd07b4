"""The last decisions."""

import json
from itertools import count
from typing import Any

from hostd.domain.reason import FallbackReason
from hostd.scheduling.effects import Effect, Explain, Start
from hostd.telemetry.decision_history import DecisionHistory, plain


def chronicle_of(*effects: Effect, most: int = 2000) -> DecisionHistory:
    """Return a chronicle of *effects*, one a second from 1970 on."""
    seconds = count()
    history = DecisionHistory(most, lambda: float(next(seconds)))
    for effect in effects:
        history.observe(effect)
    return history


def decided(decision: str, model: str, request: str | None = None, **numbers: Any) -> Explain:
    """Return a decision."""
    return Explain(decision, model, request, numbers)


def names(history: DecisionHistory, last: int = 100, **about: str) -> list[str]:
    """Return which decisions are told."""
    return [told["decision"] for told in history.decisions(last, **about)]


def test_tells_a_decision_as_data() -> None:
    """When, what, about whom, a sentence, and every number, the decision's own reason under another name."""
    (told,) = chronicle_of(decided("load", "m", why="request", queued=2)).decisions(5)
    assert {
        "at": "1970-01-01T00:00:00.000Z",
        "decision": "load",
        "model": "m",
        "request": None,
        "why": "'m' is being loaded: a request wants it [2 queued]",
        "queued": 2,
        "cause": "request",
    } == told


def test_tells_about_a_model() -> None:
    """Decisions about it, and those about another that were made for it or moved to it; newest last."""
    history = chronicle_of(
        decided("load", "other"),
        decided("evict", "big", **{"for": "m"}),
        decided("fallback", "other", "r", to="m"),
        Start("m"),
        decided("ready", "m", load_s=1.0),
    )
    assert ["evict", "fallback", "ready"] == names(history, model="m")
    assert ["fallback", "ready"] == names(history, 2, model="m")
    assert [] == names(history, 0, model="m")


def test_tells_about_a_request() -> None:
    """By its id, also where the client gave it and ours adds to it."""
    history = chronicle_of(
        decided("route", "m", "abc"),
        decided("route", "m", "abc/7f"),
        decided("refusal", "m", "abcd"),
        decided("load", "m"),
    )
    assert ["route", "route"] == names(history, request="abc")
    assert ["refusal"] == names(history, request="abcd")
    assert [] == names(history, request="ab")


def test_a_busy_hour_hides_no_eviction() -> None:
    """Routes are kept apart, both kinds are bounded, and those that are as usual are told about their request only."""
    usual = [decided("route", "m", f"r{number}", reason=None) for number in range(5)]
    moved = decided("route", "m", "r", reason="stall")
    history = chronicle_of(decided("evict", "m"), *usual, moved, decided("ready", "m", load_s=1), *usual[:2], most=3)
    assert ["evict", "route", "ready"] == names(history)
    assert ["evict", "route", "ready"] == names(history, model="m")
    assert ["route"] == names(history, request="r1")
    assert "<Chronicle of 2 decisions and 3 routes>" == repr(history)


def test_numbers_become_plain() -> None:
    """Whatever the desk has put in can be written as JSON, and nothing in it takes the place of what every decision has."""
    numbers = {
        "reason": FallbackReason.STALL,
        "set": frozenset("ba"),
        "pair": (1, None),
        "until_s": float("inf"),
        3: 1.5,
    }
    assert {"reason": "stall", "set": ["a", "b"], "pair": [1, None], "until_s": None, "3": 1.5} == plain(numbers)
    (told,) = chronicle_of(Explain("odd", "m", None, {"at": 1, "model": "x", "odd": object})).decisions(1)
    assert ("1970-01-01T00:00:00.000Z", "m", "<class 'object'>") == (told["at"], told["model"], told["odd"])
    assert json.dumps(told)
