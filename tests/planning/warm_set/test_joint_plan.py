"""Several models on one host."""

from dataclasses import replace

from hostd.domain.footprint import ElasticMemory
from hostd.planning.footprint.serving_modes import ServingMode
from hostd.planning.warm_set.eviction import EvictionCandidate
from hostd.planning.warm_set.fit import Verdict
from hostd.planning.warm_set.joint_plan import JointPlan, plan_models
from hostd.planning.warm_set.load_option import pool_budgets
from hostd.planning.warm_set.value import WarmCandidate
from tests.planning.machines import GIB, machine, options, serving_mode

CARD = machine(24)


def each(name: str, mode: ServingMode, priority: int = 50, *, pinned: bool = False) -> WarmCandidate:
    """Return a model with the options that it has on the card."""
    return WarmCandidate(name, options(CARD, mode), priority, pinned)


def plan(warm: list[WarmCandidate], others: list[WarmCandidate], **held: int) -> JointPlan:
    """Return the plan for one card of 24 GiB, beside loaded models that hold so many GiB of it; the later ones cost more."""
    free = pool_budgets(CARD)
    free["cuda:0"] -= sum(held.values()) * GIB
    loaded = {name: {"cuda:0": size * GIB} for name, size in held.items()}
    candidates = [EvictionCandidate(name, float(at), loaded[name], 0.0) for at, name in enumerate(held)]
    return plan_models(warm, others, free, candidates, loaded)


def verdicts(planned: JointPlan) -> dict[str, tuple[Verdict, tuple[str, ...]]]:
    """Return verdicts and what is evicted for them."""
    return {name: (fit.verdict, fit.evict) for name, fit in planned.fits.items() if fit}


def test_what_is_left_out_may_evict_what_is_warm() -> None:
    """Each model of the set fits; one beside it fits once one of them is evicted: the one of lower priority is the cheaper."""
    planned = plan([each("a", serving_mode(14), 60), each("b", serving_mode(12)), each("c", serving_mode(8))], [])
    expected = {"a": (Verdict.FITS, ()), "c": (Verdict.FITS, ()), "b": (Verdict.FITS_AFTER_EVICTING, ("a",))}
    assert (expected, ("a", "c"), True) == (verdicts(planned), planned.warm, planned.proved)
    cheap = plan([each("a", serving_mode(10), 60), each("b", serving_mode(10)), each("c", serving_mode(9), 40)], [])
    assert (Verdict.FITS_AFTER_EVICTING, ("b",)) == verdicts(cheap)["c"]


def test_pinned_models_stay() -> None:
    """A pinned model is never evicted."""
    planned = plan([each("a", serving_mode(20), pinned=True)], [each("b", serving_mode(12))])
    assert Verdict.DOES_NOT_FIT is verdicts(planned)["b"][0]
    assert {"cuda:0": 8 * GIB} == (planned.fits["b"] and planned.fits["b"].short)


def test_others_take_what_is_left_in_their_order() -> None:
    """Each takes memory from the next."""
    planned = plan([each("a", serving_mode(10))], [each("b", serving_mode(8)), each("c", serving_mode(8))])
    assert (("a", "b"), False) == (planned.warm, planned.proved)
    assert (Verdict.FITS_AFTER_EVICTING, ("a",)) == verdicts(planned)["c"]


def test_what_is_loaded_stays_warm_unless_it_is_evicted() -> None:
    """Loaded models that are not evicted are part of the set; the cheapest sufficient one is evicted, not the smallest."""
    planned = plan([], [each("b", serving_mode(14))], x=10, y=8)
    assert ({"b": (Verdict.FITS_AFTER_EVICTING, ("x",))}, ("y",)) == (verdicts(planned), planned.warm)


def test_a_loaded_model_has_its_own_memory() -> None:
    """It fits as it is, evicts nothing, least of all itself, and leaves the rest to the next."""
    planned = plan([], [each("x", serving_mode(20)), each("b", serving_mode(4))], x=20)
    assert ({"x": (Verdict.FITS, ()), "b": (Verdict.FITS, ())}, ("x", "b")) == (verdicts(planned), planned.warm)
    larger = plan([], [each("x", serving_mode(22)), each("b", serving_mode(4))], x=20)
    assert (Verdict.FITS_AFTER_EVICTING, ("x",)) == verdicts(larger)["b"]


def test_a_model_in_the_set_knows_the_memory_beside_the_others() -> None:
    """What is left, and what it takes itself."""
    planned = plan([each("a", serving_mode(10)), each("b", serving_mode(8))], [])
    fit = planned.fits["a"]
    assert fit
    assert 16 * GIB == fit.free["cuda:0"]


def test_what_engines_may_grow_into_costs_no_model_its_place() -> None:
    """Two models that fit by what they need are warm together, each with the same share of half of what is left."""
    wish = (ElasticMemory("cache", ("cuda:0",), GIB, 8),)
    warm = [
        replace(one, options=[replace(option, elastic=wish) for option in one.options])
        for one in (each("a", serving_mode(10)), each("b", serving_mode(10)))
    ]
    planned = plan(warm, [])
    assert ({"a", "b"}, True) == (set(planned.warm), planned.proved)
    assert {"a": {"cache": 1}, "b": {"cache": 1}} == {
        name: fit.option.shares for name, fit in planned.fits.items() if fit
    }
    assert {"a": 2 * GIB, "b": 2 * GIB} == {
        name: fit.free["cuda:0"] - fit.option.needs["cuda:0"] for name, fit in planned.fits.items() if fit
    }
