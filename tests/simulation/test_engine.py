"""``hostd.simulation.engine``."""

import pytest

from hostd.simulation.engine import BATCH_COST, VirtualEngine


def test_one_answer_takes_its_time() -> None:
    """Alone, seconds of work are seconds."""
    engine = VirtualEngine()
    assert 13.0 == engine.join("a", 3.0, 10.0)
    assert ("a", None) == engine.finish(13.0)
    assert 0 == len(engine)


def test_company_slows_everybody_down_alike() -> None:
    """The second of two that are alike ends later than the first by as much as it came later."""
    engine = VirtualEngine()
    engine.join("a", 4.0, 0.0)
    slow = 1.0 + BATCH_COST
    assert pytest.approx(2.0 + 2.0 * slow) == engine.join("b", 4.0, 2.0)
    ticket_id, next_end = engine.finish(2.0 + 2.0 * slow)
    assert "a" == ticket_id
    assert pytest.approx(2.0 + 2.0 * slow + 2.0) == next_end


def test_a_short_answer_overtakes_a_long_one() -> None:
    """What is due next is the one with the least work left."""
    engine = VirtualEngine()
    engine.join("long", 100.0, 0.0)
    at = engine.join("short", 1.0, 0.0)
    assert {"long", "short"} == set(engine.tickets)
    assert "short" == engine.finish(at)[0]


def test_each_change_is_a_new_edition() -> None:
    """So that an end that was foreseen before it is not taken for one that is due."""
    engine = VirtualEngine()
    before = engine.edition
    engine.join("a", 1.0, 0.0)
    assert before != engine.edition
