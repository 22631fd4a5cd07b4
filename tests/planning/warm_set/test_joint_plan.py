"""Several models on one machine."""

from hostd.planning.footprint.placement import pool_budgets
from hostd.planning.warm_set.fit import LoadedModel, Verdict
from hostd.planning.warm_set.joint_plan import JointPlan, plan_models
from hostd.planning.warm_set.solver import ModeCandidate
from tests.planning.machines import GIB, machine, way

CARD = machine(24)


def plan(warm: list[ModeCandidate], others: list[ModeCandidate], loaded: tuple[LoadedModel, ...] = ()) -> JointPlan:
    """Return the plan for one card of 24 GiB, beside what is loaded."""
    free = pool_budgets(CARD)
    free["cuda:0"] -= sum(each.bytes for each in loaded)
    return plan_models(warm, others, CARD, free, loaded)


def verdicts(planned: JointPlan) -> dict[str, tuple[Verdict, tuple[str, ...]]]:
    """Return verdicts and what must go."""
    return {name: (fit.verdict, fit.evict) for name, fit in planned.fits.items() if fit}


def test_what_is_left_out_may_evict_what_is_warm() -> None:
    """Each model of the set fits; one beside it fits once one of them is gone."""
    planned = plan([ModeCandidate("a", [way(14)], 60), ModeCandidate("b", [way(12)]), ModeCandidate("c", [way(8)])], [])
    expected = {"a": (Verdict.FITS, ()), "c": (Verdict.FITS, ()), "b": (Verdict.FITS_AFTER_EVICTING, ("a",))}
    assert (expected, ("a", "c"), True) == (verdicts(planned), planned.warm, planned.proved)


def test_pinned_models_stay() -> None:
    """What is pinned is never evicted."""
    planned = plan([ModeCandidate("a", [way(20)], pinned=True)], [ModeCandidate("b", [way(12)])])
    assert Verdict.DOES_NOT_FIT is verdicts(planned)["b"][0]
    assert {"cuda:0": 8 * GIB} == (planned.fits["b"] and planned.fits["b"].short)


def test_others_take_what_is_left_in_their_order() -> None:
    """Each takes room from the next."""
    planned = plan([ModeCandidate("a", [way(10)])], [ModeCandidate("b", [way(8)]), ModeCandidate("c", [way(8)])])
    assert (("a", "b"), False) == (planned.warm, planned.proved)
    assert (Verdict.FITS_AFTER_EVICTING, ("a",)) == verdicts(planned)["c"]


def test_what_is_loaded_stays_warm_unless_it_goes() -> None:
    """Residents that are not evicted are part of the set."""
    loaded = (LoadedModel("x", {"cuda:0": 10 * GIB}), LoadedModel("y", {"cuda:0": 8 * GIB}))
    planned = plan([], [ModeCandidate("b", [way(14)])], loaded)
    assert ({"b": (Verdict.FITS_AFTER_EVICTING, ("y",))}, ("x",)) == (verdicts(planned), planned.warm)


def test_a_model_in_the_set_knows_the_room_beside_the_others() -> None:
    """Its room is what is left, and what it takes itself."""
    planned = plan([ModeCandidate("a", [way(10)]), ModeCandidate("b", [way(8)])], [])
    fit = planned.fits["a"]
    assert fit
    assert 16 * GIB == fit.rooms["cuda:0"]
