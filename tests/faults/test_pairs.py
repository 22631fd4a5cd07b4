"""Any two faults together, in one attempt, in two, or at two targets: no half answer looks whole, and nothing stays held."""

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.catalogue import CATALOGUE, LONGEST, MOST_ATTEMPTS
from tests.faults.provoked import OTHER, TOOLS, Json, VirtualStage, pair

EXAMPLES = 16
SLOW_EXAMPLES = 160
FAULTS: list[Json] = [
    *(plan for scenario in CATALOGUE for plan in scenario.plans if plan),
    {"error_after": 0},
    {"error_after": 9},
    {"garbage_after": 0},
    {"cut_after": 0},
    {"cut_after": 9, "cut_with": "reset"},
    {"ends_after": 9},
    {"finish": ""},
    {"finish": None},
    {"finish": "error"},
    {"stall_after": 9},
    {"delay": 12},
    {"no_done": True},
    {"no_prefill": True},
    {"tool": '{"a": '},
    {"tool": "{}", "error_at_end": "Failed to parse input at pos 3"},
    {"odd": 1},
]
STATUSES = {200, 400, 429, 502, 503, 504}
"""What a client may be told: an answer, its own mistake, a limit, or a failure."""

two_faults = st.tuples(st.sampled_from(FAULTS), st.sampled_from(FAULTS))
places = st.sampled_from(["together", "in turn", "at both"])


class Pool:
    """A stage with models for so many examples, since what became of one is remembered for a while."""

    def __init__(self, examples: int) -> None:
        self.names = cycle([f"pair-{number}" for number in range(examples)])
        self.stage = VirtualStage(
            lambda port: [profile for number in range(examples) for profile in pair(f"pair-{number}", port)]
        )


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """Models that no example has used."""
    made = Pool(EXAMPLES)
    yield made
    made.stage.close()


@pytest.fixture(scope="module")
def large_pool() -> Iterator[Pool]:
    """More of them."""
    made = Pool(SLOW_EXAMPLES)
    yield made
    made.stage.close()


def hold(pool: Pool, faults: tuple[Json, Json], place: str, *, streamed: bool, tools: bool) -> None:
    """Assert what must hold of a request that meets *faults*."""
    first, second = faults
    plans: list[Json] = [first, second]
    other: list[Json] = [{}]
    if place == "together":
        plans = [first | second]
    elif place == "at both":
        plans, other = [first], [second]
    model = next(pool.names)
    more: dict[str, Any] = {"tools": TOOLS} if tools else {}
    seen = pool.stage.run(pool.stage.provoked.ask(model, plans, other, stream=streamed, **more))
    # What an odd server says may be a whole answer, of other words.
    odd = any("odd" in fault for fault in faults)
    assert odd or "truncated" != seen.ending, seen.answer.body[-300:]
    assert seen.answer.status in STATUSES | {404}, seen.answer.body
    assert not seen.answer.cut
    assert seen.seconds <= LONGEST
    assert len(seen.asked) <= MOST_ATTEMPTS
    assert pool.stage.provoked.at_rest(model, model + OTHER)


@settings(max_examples=EXAMPLES - 4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=two_faults, place=places, streamed=st.booleans(), tools=st.booleans())
def test_two_faults(pool: Pool, faults: tuple[Json, Json], place: str, *, streamed: bool, tools: bool) -> None:
    """Drawn at random."""
    hold(pool, faults, place, streamed=streamed, tools=tools)


@pytest.mark.slow
@settings(max_examples=SLOW_EXAMPLES - 10)
@given(faults=two_faults, place=places, streamed=st.booleans(), tools=st.booleans())
def test_many_two_faults(
    large_pool: Pool, faults: tuple[Json, Json], place: str, *, streamed: bool, tools: bool
) -> None:
    """The same, more often."""
    hold(large_pool, faults, place, streamed=streamed, tools=tools)


def test_a_provider_that_hangs_when_it_is_asked_again(pool: Pool) -> None:
    """It is given up like any other that sends nothing, and the fallback answers."""
    hold(pool, ({"tool": '{"a": '}, {"hang": True}), "in turn", streamed=False, tools=False)
