"""Decisions as data, and in words."""

import json
from typing import Any, get_args

import pytest

from hostd.domain.budget import Account, Owner
from hostd.domain.reason import ExitClass
from hostd.scheduling.decisions import Charged, Decision, FellBack, Refused, Routed
from hostd.scheduling.gateway_decisions import CheckFailed, LoopDetected
from hostd.scheduling.model_decisions import (
    Evicted,
    FailureHandled,
    LoadStarted,
    MemoryGranted,
    Unloaded,
    WaitingForMemory,
    WarmPlanned,
)
from hostd.telemetry.decision_text import numbers, sentence
from tests.telemetry.example_decisions import EXAMPLES, GIB, example

SENTENCES = {
    "context_fitted": (
        "the request is too long for 'm' and all others, and is cut from 80000 to 20000 bytes "
        "[results of tools that were cut: 3; messages that were summarised: 12; by n]"
    ),
    "check_failed": "the answer of 'm' is held back: it has not passed 'json_schema': $ lacks a",
    "routed": "'m' answers [asked for gpt-4o; attempt 1; after 1.5 ms; capacity 2; 1 in flight; 0 queued]",
    "fell_back": (
        "the request moves on from 'm' to 'n' (stall): it sent nothing for 45 s [after 2.5 ms; 1 in flight; 0 queued]"
    ),
    "refused": (
        "the request is refused (down): it is down [asked for m; after 0 ms; try again in 9.9 s; 0 in flight; 0 queued]"
    ),
    "request_suspected": (
        "the request is taken for the cause of the crash of 'm': it was killed by SIGSEGV [it is refused for 300 s]"
    ),
    "charged": "the request to 'm' has cost 0.012346 USD at zai [1.5 USD there today; of 5 USD a day]",
    "breaker_opened": (
        "'m' is left alone for 2 s (status_5xx): no (status 500) [5 failures; 6 requests in the last minute]"
    ),
    "breaker_closed": "'m' answers again and takes all requests [2 times so far]",
    "load_started": "'m' is being loaded: a request needs it [variant llamacpp:a; 0 queued]",
    "wake_started": "'m' is being woken: a request needs it [1 queued; 2 failures so far]",
    "adopted": "'m' goes on with the engine that was left running [variant llamacpp:a]",
    "model_ready": "'m' is ready after 2 s [slots 4; 0 queued]",
    "slept": "'m' is put to sleep [level 1; keeps 1.00 GiB ram]",
    "unloaded": "'m' is unloaded: it was not used for as long as it is kept [0 in flight; idle for 1800 s]",
    "engine_stopped": "the engine of 'm' has stopped [0 queued]",
    "engine_failed": "the engine of 'm' failed (driver): it died [2 failures in a row; again in 1 s]",
    "next_variant": (
        "another variant of 'm' is tried, as llamacpp:a did not work (missing_file): no such file "
        "[left to try: llamacpp:b]"
    ),
    "memory_granted": (
        "'m' is granted memory: a request needs it "
        "[variant llamacpp:a; needs 1.00 GiB cuda:0; free 2.00 GiB cuda:0; after 1.23 s; a evicted for it]"
    ),
    "loop_detected": "the request goes to 'small', as it goes round in a circle: it has come through 6 gateways",
    "waiting_for_memory": (
        "'m' waits for memory: one of its windows is open [variant v; needs 1.00 GiB cuda:0; memory can be freed in 4 s; "
        "a, b would be evicted; candidates 'big' (costs 12.5 s, state ready, 1 in flight, 0 queued, frees 6.00 GiB cuda:0); "
        "3 queued; 2 of them too late to be served in time]"
    ),
    "insufficient_memory": (
        "there is not enough memory for 'm' [needs 1.00 GiB cuda:0; short of 1.00 GiB ram; pinned a]"
    ),
    "load_deferred": (
        "the load of 'm' is put off for want of memory: it is usually asked for about this time "
        "[variant llamacpp:a; needs 1.00 GiB cuda:0; short of 1.00 GiB cuda:0]"
    ),
    "evicted": (
        "'m' is evicted for 'small': a request needs it [costs 12.5 s; needs 1.00 GiB cuda:0; free 1.00 GiB cuda:0; "
        "soon 1.00 GiB cuda:0 free; candidates 'big' (costs 12.5 s, state ready, 1 in flight, 0 queued, "
        "frees 6.00 GiB cuda:0); 0 in flight]"
    ),
    "warm_planned": (
        "'m' is in the warm set: it is usually asked for about this time [variant llamacpp:a; needs 1.00 GiB cuda:0]"
    ),
    "pinned": "'m' is pinned: it was asked for by hand",
    "unpinned": "'m' is no longer pinned: the owner's files were read anew",
}


@pytest.mark.parametrize("decision", EXAMPLES, ids=lambda decision: str(decision.event))
def test_a_decision_is_told_in_a_sentence(decision: Decision) -> None:
    """What, about which model, why, and then the numbers; no words for what is none, empty or as usual."""
    assert SENTENCES[decision.event] == sentence(decision)


def test_every_kind_has_an_example_and_a_name_of_its_own() -> None:
    """What is added to the union is added here."""
    assert set(get_args(Decision)) == {type(each) for each in EXAMPLES}
    assert len(EXAMPLES) == len({each.event for each in EXAMPLES})


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        (
            example(FailureHandled, loading=True, exit_class=ExitClass.BAD_FLAG, in_a_row=1, again_in_s=None),
            "'m' could not be loaded (bad_flag): it died",
        ),
        (
            LoopDetected("m", "req_1", None, "it has come through 6 gateways"),
            "the request is refused, as it goes round in a circle: it has come through 6 gateways",
        ),
        (
            CheckFailed("m", "req_1", "refusal", "the model refused", kept=True),
            "the answer of 'm' has not passed 'refusal': the model refused [given nevertheless, as no other is to be had]",
        ),
        (
            Charged("m", "req_1", None, 0.0, 0.0, None, tokens=50, accounts=(Account(Owner.KEY, "alice"),)),
            "the request to 'm' has used up 50 tokens and 0 USD [counted for the key 'alice']",
        ),
        (
            WarmPlanned("m", warm=False, why="it lacks 2 GiB"),
            "'m' is left out of the warm set: it lacks 2 GiB",
        ),
    ],
)
def test_some_kinds_have_two_outcomes(decision: Decision, said: str) -> None:
    """A failure may be that of a load; a plan may leave a model out."""
    assert said == sentence(decision)


def test_a_cause_without_words_is_told_as_it_stands() -> None:
    """The engine's own words, braces and all."""
    assert "'m {x}' is unloaded: {why} [0 in flight; idle for 1800 s]" == sentence(
        example(Unloaded, model="m {x}", why="{why}")
    )


@pytest.mark.parametrize(
    ("decision", "found"),
    [
        (example(Routed), {"asked": "gpt-4o", "reason": None, "attempt": 1, "waited_ms": 1.5, "capacity": 2}),
        (example(FellBack), {"to": "n", "reason": "stall", "waited_ms": 2.5}),
        (example(Refused), {"code": "down", "retry_after": 9.898}),
        (example(Evicted), {"for": "small", "cost_s": 12.5, "free_soon": {"cuda:0": GIB}}),
        (example(MemoryGranted), {"waited_s": 1.23, "evicted": ["a"]}),
        (example(Unloaded), {"idle_s": 1800.0}),
        (example(WaitingForMemory, until_s=float("inf")), {"until_s": None, "victims": ["a", "b"]}),
    ],
)
def test_the_numbers_have_names_that_clients_rely_on(decision: Decision, found: dict[str, Any]) -> None:
    """By their names on the wire and rounded by their unit; a time that never comes is null."""
    plain = numbers(decision)
    assert found == {name: plain[name] for name in found}
    assert not {"model", "ticket_id", "event", "for_model"} & plain.keys()


def test_numbers_can_be_written_as_json() -> None:
    """Those of candidates included."""
    for decision in EXAMPLES:
        assert numbers(decision) == json.loads(json.dumps(numbers(decision)))
    (candidate,) = numbers(example(Evicted))["candidates"]
    assert {
        "model": "big",
        "cost_s": 12.5,
        "free_in_s": None,
        "state": "ready",
        "in_flight": 1,
        "queued": 0,
        "bytes": {"cuda:0": 6 * GIB},
        "reread_s": 0.0,
    } == candidate


def test_nothing_is_lost_without_words() -> None:
    """A variant that is not known and failures that never were are left out; nought is something."""
    assert "'m' is being loaded: a request needs it [0 queued]" == sentence(example(LoadStarted, variant=None))
