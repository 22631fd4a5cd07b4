"""Which slot a request gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.conversation import UNKNOWN, ConversationId
from hostd.scheduling.slot_table import SlotTable

A, B, C = (ConversationId(name, "all") for name in "abc")


def test_a_conversation_stays_in_its_slot() -> None:
    """Others get slots that hold nothing first, then the one that was used least recently."""
    table = SlotTable(2)
    assert [0, 1] == [table.take("1", A, 1.0), table.take("2", B, 2.0)]
    table.release("2", 3.0, tokens=20)
    table.release("1", 4.0, tokens=10)
    assert 0 == table.take("3", A, 5.0)
    table.release("3", 6.0, tokens=30)
    assert [30, 20] == [slot.tokens for slot in table.held]
    assert 1 == table.take("4", C, 7.0)
    assert not table.holds(B)
    assert [30] == [slot.tokens for slot in table.held]


def test_a_taken_slot_is_passed_over() -> None:
    """Two requests of one conversation at once are in two slots, and the next goes where the later one was."""
    table = SlotTable(2)
    assert [0, 1] == [table.take("1", A, 1.0), table.take("2", A, 2.0)]
    assert table.take("3", A, 3.0) is None
    assert not table.holds(A)
    table.release("1", 4.0, tokens=1)
    table.release("2", 5.0, tokens=2)
    assert table.holds(A)
    assert 1 == table.take("4", A, 6.0)


def test_nothing_known_is_nothing_held() -> None:
    """Requests of which nothing is known share no slot for that."""
    table = SlotTable(2)
    table.take("1", UNKNOWN, 1.0)
    table.release("1", 2.0, tokens=5)
    assert not table.holds(UNKNOWN)
    assert 1 == table.take("2", UNKNOWN, 3.0)


def test_what_is_not_known_to_be_less_stays() -> None:
    """A request without an answer leaves what the slot held; one that was never here changes nothing."""
    table = SlotTable(1)
    table.take("1", A, 1.0)
    table.release("1", 2.0, tokens=5)
    table.take("2", A, 3.0)
    table.release("2", 4.0)
    table.release("3", 5.0, tokens=9)
    assert [5] == [slot.tokens for slot in table.held]


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from([A, B, C, UNKNOWN]), st.booleans()), max_size=60), st.integers(1, 4))
def test_no_slot_is_given_twice(steps: list[tuple[ConversationId, bool]], count: int) -> None:
    """Whatever comes and goes: a slot has one request at most, and one is refused only while all are taken."""
    table, served = SlotTable(count), dict[str, int]()
    for number, (conversation, ends) in enumerate(steps):
        slot = table.take(str(number), conversation, float(number))
        assert (slot is None) == (len(served) == count)
        if slot is not None:
            assert slot not in served.values()
            served[str(number)] = slot
        if ends and served:
            first = next(iter(served))
            table.release(first, number + 0.5, tokens=number)
            del served[first]
