"""Decisions in words."""

from typing import Any

import pytest

from hostd.telemetry.decision_text import sentence

GIB = 2**30
CANDIDATE: dict[str, Any] = {
    "model": "big",
    "cost_s": 12.5,
    "free_in_s": None,
    "state": "ready",
    "in_flight": 1,
    "bytes": {"cuda:0": 6 * GIB},
}


@pytest.mark.parametrize(
    ("decision", "numbers", "expected"),
    [
        ("route", {"asked": "gpt-4o", "reason": None, "attempt": 1}, "'m' answers [asked for gpt-4o; attempt 1]"),
        (
            "fallback",
            {"to": "n", "reason": "stall", "cause": "it sent nothing for 45 s", "waited_ms": 2.5},
            "the request moves on from 'm' to 'n' (stall): it sent nothing for 45 s [after 2.5 ms]",
        ),
        (
            "load",
            {"cause": "request", "variant": "llamacpp:a", "needs": {"cuda:0": 3 * GIB, "ram": GIB // 2}, "queued": 0},
            "'m' is being loaded: a request wants it [variant llamacpp:a; needs 3.00 GiB cuda:0, 0.50 GiB ram; 0 queued]",
        ),
        (
            "evict",
            {"for": "small", "cost_s": 12.5, "candidates": [CANDIDATE], "free": {"cuda:0": GIB}},
            (
                "'m' goes to make room for 'small' [costs 12.5 s; candidates 'big' (costs 12.5 s, state ready, "
                "1 in flight, frees 6.00 GiB cuda:0); free 1.00 GiB cuda:0]"
            ),
        ),
        (
            "wait_room",
            {"soon": {"ram": GIB}, "until_s": 4.0, "goes": ["a", "b"], "cause": "window"},
            "'m' waits for room: one of its windows is open [soon 1.00 GiB ram free; room can be made in 4 s; a, b would go]",
        ),
        ("no_room", {"short": {"ram": GIB}}, "there is no room for 'm' [short of 1.00 GiB ram]"),
        ("plan", {"warm": True, "cause": "demand"}, "'m' is to be warm: it is usually asked for about this time"),
        ("plan", {"warm": False, "cause": "no"}, "'m' is left out of what is to be warm: no"),
        ("ready", {"load_s": 2.0, "slots": 4}, "'m' is ready after 2 s [slots 4]"),
        (
            "engine_broke",
            {"exit_class": "driver", "loading": False, "in_a_row": 2},
            "the engine of 'm' broke (driver) [2 failures in a row]",
        ),
        ("engine_broke", {"exit_class": "bad_flag", "loading": True}, "'m' could not be loaded (bad_flag)"),
        ("sleep", {"level": 1, "keeps": {"ram": GIB}}, "'m' goes to sleep [level 1; keeps 1.00 GiB ram]"),
        ("room", {"waited_s": 1.234, "evicted": ["a"]}, "there is room for 'm' [after 1.23 s; a went for it]"),
        ("refusal", {"code": "down", "retry_after": 9.898}, "the request is refused (down) [try again in 9.9 s]"),
        ("unload", {"cause": "idle"}, "'m' is unloaded: nobody has used it for as long as it is kept"),
        ("stopped", {}, "the engine of 'm' is gone"),
        ("return", {"cause": "return"}, "'m' comes back: it had to go before, and there is room again"),
    ],
)
def test_tells_what_was_decided(decision: str, numbers: dict[str, Any], expected: str) -> None:
    """What, about whom, why, and then the numbers."""
    assert expected == sentence(decision, "m", numbers)


def test_loses_nothing_that_it_has_no_words_for() -> None:
    """A decision or a number that is new is told as it stands, and a number that is missing is no error."""
    numbers = {"new_s": 1.5, "tries_ms": 3, "odd": {"x": [1, 2]}, "list": ["a", {"model": "b"}], "flag": False}
    expected = "brand new of 'm' [new 1.5 s; tries 3 ms; odd 1, 2 x; list a, 'b' (); flag no]"
    assert expected == sentence("brand_new", "m", numbers)
    assert "the request moves on from 'm' to '?' (?)" == sentence("fallback", "m", {})
    assert "'m {x}' is ready after {} s" == sentence("ready", "m {x}", {"load_s": "{} s"})


def test_leaves_out_what_says_nothing() -> None:
    """No words for what is none, empty or as usual; nought is something."""
    numbers: dict[str, Any] = {"variant": None, "needs": {}, "goes": [], "queued": 0, "restarts": 0}
    assert "'m' is being loaded [0 queued]" == sentence("load", "m", numbers)
