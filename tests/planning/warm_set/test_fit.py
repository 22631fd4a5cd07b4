"""Verdicts on one model."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hostd.planning.warm_set.eviction import EvictionCandidate, best_load
from hostd.planning.warm_set.fit import Verdict, decide, freed
from hostd.planning.warm_set.load_option import LoadOption
from tests.planning.machines import GIB, machine, options, serving_mode

CARD = machine(24)


def loaded(name: str, size: int, pool: str = "cuda:0", cost: float = 1.0, at: float | None = 0.0) -> EvictionCandidate:
    """Return a loaded model that holds so many GiB and may be evicted."""
    return EvictionCandidate(name, cost, {pool: size * GIB}, at)


def test_the_first_variant_that_fits_is_taken() -> None:
    """Variants are best first; the first one of 30 GiB is too large for the card."""
    found = decide(options(CARD, serving_mode(30), serving_mode(20), serving_mode(10)), {"cuda:0": 24 * GIB})
    assert found
    assert (Verdict.FITS, "llamacpp:20") == (found.verdict, found.option.label)


def test_models_are_evicted_before_layers_are_left_to_the_cpu() -> None:
    """A model that fits on the empty card is never loaded in part, as the scheduler would not do it."""
    free, sizes = {"cuda:0": 4 * GIB, "ram": 64 * GIB}, options(CARD, serving_mode(20, layers=20))
    found = decide(sizes, free, [loaded("a", 20)])
    assert found
    assert (Verdict.FITS_AFTER_EVICTING, ("a",), None) == (found.verdict, found.evict, found.option.gpu_layers)
    assert {"cuda:0": 24 * GIB, "ram": 64 * GIB} == found.free
    alone = decide(sizes, free)
    assert alone
    assert (Verdict.DOES_NOT_FIT, {"cuda:0": 16 * GIB}) == (alone.verdict, alone.short)


def test_what_does_not_fit_says_what_is_missing() -> None:
    """Even with everything evicted that may be."""
    found = decide(options(CARD, serving_mode(30)), {"cuda:0": 4 * GIB}, [loaded("a", 10)])
    assert found
    assert (Verdict.DOES_NOT_FIT, {"cuda:0": 16 * GIB}, ()) == (found.verdict, found.short, found.evict)


def test_a_host_without_a_place_has_no_verdict() -> None:
    """An engine that needs a card has no place on a host without one."""
    assert decide(options(machine(), serving_mode(1, cards_only=True)), {"ram": 64 * GIB}) is None


def test_the_cheapest_model_is_evicted_not_the_smallest() -> None:
    """What counts is the expected time of reloading, in the plan as in the scheduler."""
    crowd = [loaded("small", 12, cost=30.0), loaded("large", 20, cost=1.0)]
    found = decide(options(CARD, serving_mode(20)), {"cuda:0": 8 * GIB}, crowd)
    assert found
    assert (("large",), False) == (found.evict, found.waits)


def test_a_model_in_use_is_evicted_only_where_no_idle_one_will_do() -> None:
    """And the verdict says that it has to be waited for."""
    busy, idle = loaded("busy", 20, at=None, cost=0.1), loaded("idle", 20)
    for crowd, evicted, waits in (([busy, idle], "idle", False), ([busy], "busy", True)):
        found = decide(options(CARD, serving_mode(20)), {"cuda:0": 4 * GIB}, crowd)
        assert found
        assert (Verdict.FITS_AFTER_EVICTING, (evicted,), waits) == (found.verdict, found.evict, found.waits)


def test_an_unknown_architecture_is_never_promised_to_fit() -> None:
    """Its bound is told, and what that lacks, if anything; only where its weights alone are too large it does not fit."""
    known = serving_mode(6)
    unknown = replace(known, estimate=lambda *where: replace(known.estimate(*where), bounded_only=True))
    for free, verdict, short in (
        (24 * GIB, Verdict.CANNOT_SAY, {}),
        (2 * GIB, Verdict.DOES_NOT_FIT, {"cuda:0": 4 * GIB}),
    ):
        found = decide(options(CARD, unknown), {"cuda:0": free})
        assert found
        assert (verdict, short) == (found.verdict, found.short)


def test_nothing_can_be_said_with_flags_that_are_not_counted() -> None:
    """Whatever the room, neither a fit nor the lack of one is promised."""
    known = serving_mode(30)
    flagged = replace(known, estimate=lambda *where: replace(known.estimate(*where), unreckoned=("override-tensor",)))
    found = decide(options(CARD, flagged), {"cuda:0": 24 * GIB})
    assert found
    assert Verdict.CANNOT_SAY is found.verdict


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 5)), max_size=6), st.integers(1, 40), st.integers(0, 9))
def test_the_verdict_is_the_scheduler_s_decision(sizes: list[tuple[int, int]], size: int, free: int) -> None:
    """Same options, same candidates, same evicted models."""
    crowd = [loaded(str(at), held, cost=cost) for at, (held, cost) in enumerate(sizes)]
    choices = [LoadOption(0, "a", needs={"cuda:0": size * GIB})]
    found, plan = decide(choices, {"cuda:0": free * GIB}, crowd), best_load(choices, {"cuda:0": free * GIB}, crowd, 0.0)
    assert found
    assert (() if plan is None else tuple(each.name for each in plan.evict)) == found.evict
    assert (plan is None) is (found.verdict is Verdict.DOES_NOT_FIT)
    if plan:
        assert found.free["cuda:0"] >= size * GIB


def test_memory_is_freed_where_it_was_held() -> None:
    """Pool by pool."""
    evicted = [loaded("a", 2), loaded("b", 2, pool="ram")]
    assert {"cuda:0": 3 * GIB, "ram": 2 * GIB} == freed({"cuda:0": GIB}, evicted)
