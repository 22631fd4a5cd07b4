"""Several models on one machine."""

from hostd.planning.footprint.placement import empty_rooms
from hostd.planning.warm_set.fit import Resident, Verdict
from hostd.planning.warm_set.joint_plan import Plan, together
from hostd.planning.warm_set.solver import Wish
from tests.planning.machines import GIB, machine, way

CARD = machine(24)


def plan(warm: list[Wish], others: list[Wish], residents: tuple[Resident, ...] = ()) -> Plan:
    """Return the plan for one card of 24 GiB, beside what is loaded."""
    rooms = empty_rooms(CARD)
    rooms["cuda:0"] -= sum(each.bytes for each in residents)
    return together(warm, others, CARD, rooms, residents)


def verdicts(planned: Plan) -> dict[str, tuple[Verdict, tuple[str, ...]]]:
    """Return verdicts and what must go."""
    return {name: (fit.verdict, fit.evict) for name, fit in planned.fits.items() if fit}


def test_what_is_left_out_may_evict_what_is_warm() -> None:
    """Each model of the set fits; one beside it fits once one of them is gone."""
    planned = plan([Wish("a", [way(14)], 60), Wish("b", [way(12)]), Wish("c", [way(8)])], [])
    expected = {"a": (Verdict.FITS, ()), "c": (Verdict.FITS, ()), "b": (Verdict.FITS_AFTER_EVICTING, ("a",))}
    assert (expected, ("a", "c"), True) == (verdicts(planned), planned.warm, planned.proved)


def test_pinned_models_stay() -> None:
    """What is pinned is never evicted."""
    planned = plan([Wish("a", [way(20)], pinned=True)], [Wish("b", [way(12)])])
    assert Verdict.DOES_NOT_FIT is verdicts(planned)["b"][0]
    assert {"cuda:0": 8 * GIB} == (planned.fits["b"] and planned.fits["b"].short)


def test_others_take_what_is_left_in_their_order() -> None:
    """Each takes room from the next."""
    planned = plan([Wish("a", [way(10)])], [Wish("b", [way(8)]), Wish("c", [way(8)])])
    assert (("a", "b"), False) == (planned.warm, planned.proved)
    assert (Verdict.FITS_AFTER_EVICTING, ("a",)) == verdicts(planned)["c"]


def test_what_is_loaded_stays_warm_unless_it_goes() -> None:
    """Residents that are not evicted are part of the set."""
    residents = (Resident("x", {"cuda:0": 10 * GIB}), Resident("y", {"cuda:0": 8 * GIB}))
    planned = plan([], [Wish("b", [way(14)])], residents)
    assert ({"b": (Verdict.FITS_AFTER_EVICTING, ("y",))}, ("x",)) == (verdicts(planned), planned.warm)


def test_a_model_in_the_set_knows_the_room_beside_the_others() -> None:
    """Its room is what is left, and what it takes itself."""
    planned = plan([Wish("a", [way(10)]), Wish("b", [way(8)])], [])
    fit = planned.fits["a"]
    assert fit
    assert 16 * GIB == fit.rooms["cuda:0"]
