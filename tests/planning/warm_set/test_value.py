"""What a warm set is worth."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.load_option import LoadOption
from hostd.planning.warm_set.value import (
    MOST_SAVED,
    WARM,
    ValueScale,
    WarmCandidate,
    demerit,
    merit,
    saved_seconds,
    worth,
)
from tests.planning.machines import serving_mode

BEST = LoadOption(0, "best")
WORST = LoadOption(9, "worst", gpu_layers=0)
CLAIMS = st.lists(
    st.builds(
        WarmCandidate,
        st.just("a"),
        st.just(()),
        st.integers(-2, 2),
        st.booleans(),
        st.floats(0, 1000),
        st.floats(0, 1000),
    ),
    min_size=1,
    max_size=6,
)


def claim(priority: int = 50, pinned: bool = False, demand: float = 0, load_seconds: float = 10) -> WarmCandidate:
    """Return a claim."""
    return WarmCandidate("a", (), priority, pinned, demand, load_seconds)


@pytest.mark.slow
@settings(deadline=None)
@given(CLAIMS)
def test_what_matters_more_outweighs_all_that_matters_less(pending_loads: list[WarmCandidate]) -> None:
    """A model in its worst way is worth more than all others of lower priority in their best; pinned ones come first."""
    scale = ValueScale(pending_loads, demerit(WORST))
    for one in pending_loads:
        less = [each for each in pending_loads if (each.pinned, each.priority) < (one.pinned, one.priority)]
        assert scale.value(one, WORST) > sum(scale.value(each, BEST) for each in less)


@settings(deadline=None)
@given(CLAIMS)
def test_being_there_outweighs_every_quality(pending_loads: list[WarmCandidate]) -> None:
    """All models in their worst ways are worth more than all but one in their best."""
    scale = ValueScale(pending_loads, demerit(WORST))
    assert sum(scale.value(each, WORST) for each in pending_loads) > sum(
        scale.value(each, BEST) for each in pending_loads[1:]
    )


@pytest.mark.parametrize(
    ("demand", "seconds", "expected"),
    [
        (0, 10, WARM),
        (6, 10, WARM + 60),
        (0.5, 11, WARM + 6),
        (9999, 100, WARM + MOST_SAVED),
        (-1, 10, WARM),
        (float("nan"), 10, WARM),
    ],
)
def test_worth(demand: float, seconds: float, expected: int) -> None:
    """Being there counts, and the seconds of waiting that an hour is spared, of which there are no more than an hour has."""
    assert expected == worth(claim(demand=demand, load_seconds=seconds))
    assert expected - WARM == round(saved_seconds(claim(demand=demand, load_seconds=seconds)))


def test_a_better_variant_before_a_better_place() -> None:
    """From best to worst: one card, more cards, part on the host, the host alone; then the next variant."""
    order = [
        LoadOption(0, "", Placement.on("cuda:0")),
        LoadOption(0, "", Placement.on("cuda:0", "cuda:1"), gpu_layers=9),
        LoadOption(0, "", Placement.on("cuda:0", "cuda:1", "cuda:2")),
        LoadOption(0, "", Placement(), gpu_layers=0),
        LoadOption(1, "", Placement()),
    ]
    demerits = [demerit(each) for each in order]
    assert demerits == sorted(set(demerits))


def test_merit() -> None:
    """Pinned, priority, and the waiting that is spared, as far as there is any."""
    assert "priority 50" == merit(claim())
    assert "pinned, priority 60, 2m of waiting saved an hour" == merit(claim(60, pinned=True, demand=12))


def test_drafting_is_worth_less_than_a_better_variant() -> None:
    """And more than one card instead of two."""
    mode = replace(serving_mode(1), drafts="it drafts")
    plain = LoadOption(0, "a", Placement.on("cuda:0"), mode=mode)
    drafting = replace(plain, placement=Placement((("cuda:0", 1.0), ("cuda:1", 1.0)), drafts=True))
    assert demerit(drafting) < demerit(plain) < demerit(LoadOption(1, "b", Placement.on("cuda:0")))
