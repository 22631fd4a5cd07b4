"""``hostd.simulation.host_model``."""

from hostd.simulation.host_model import SimulatedSpeed, fits, take
from tests.simulation.example_hosts import CARD, GIB, host_of, model_of, usual


def test_a_request_takes_its_prompt_and_its_answer() -> None:
    """Each at its own speed."""
    assert 2.5 == SimulatedSpeed(prompt=1000.0, output=50.0).seconds(500, 100)


def test_models_are_together_if_they_all_fit() -> None:
    """Two models that fill the card do not fit together; one of them and a small one do; no model always fits."""
    there = usual()
    assert not there.fit_together(["coder", "planner"])
    assert there.fit_together(["coder", "fast", "vectors"])
    assert there.fit_together([])


def test_a_place_is_the_first_choice_that_fits() -> None:
    """And none where there is too little."""
    one = model_of("a", 4.0)
    assert one.options[0] == one.place({CARD: 4 * GIB})
    assert None is one.place({CARD: 4 * GIB - 1})


def test_capacity_is_what_owner_and_engine_allow() -> None:
    """Slots, within max_concurrent."""
    assert 3 == model_of("a", 1.0, slots=3).capacity


def test_rooms_are_what_models_may_have() -> None:
    """The budget of a card, in bytes; what is taken is left out."""
    there = host_of(model_of("a", 1.0), gib=8.0)
    assert {CARD: 8 * GIB} == there.free
    left = take(there.free, {CARD: 7 * GIB})
    assert {CARD: GIB} == left
    assert fits({CARD: GIB}, left)
    assert not fits({"elsewhere": 1}, left)


def test_a_house_of_some_has_them_alone() -> None:
    """Largest first where an order is asked for."""
    some = usual().only(["fast", "planner"])
    assert ["planner", "fast"] == [each.name for each in some.largest_first(some.profiles)]
