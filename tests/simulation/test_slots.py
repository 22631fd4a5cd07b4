"""``hostd.simulation.slots``."""

from hostd.simulation.slots import RESTORED_PER_SECOND, VirtualSlots


def serve(slots: VirtualSlots, session: str, tokens: int, now: float, number: int | None = None) -> tuple[int, float]:
    """Serve a request whose slot holds *tokens* afterwards; return what there was of it, and the seconds to have it there."""
    found = slots.begin("t", session, now, number)
    slots.end("t", tokens, now)
    return found


def test_a_session_goes_on_in_its_slot() -> None:
    """Another takes the one used least recently; a request of no session takes its place there like any."""
    slots = VirtualSlots(2)
    assert (0, 0.0) == serve(slots, "a", 100, 1.0)
    assert (0, 0.0) == serve(slots, "b", 200, 2.0)
    assert (100, 0.0) == serve(slots, "a", 150, 3.0)
    assert (0, 0.0) == serve(slots, "", 10, 4.0)
    assert (150, 0.0) == serve(slots, "a", 160, 5.0)
    assert (0, 0.0) == serve(slots, "b", 300, 6.0)


def test_a_slot_that_is_taken_is_passed_over() -> None:
    """Also by its own session."""
    slots = VirtualSlots(2)
    serve(slots, "a", 100, 1.0)
    assert (100, 0.0) == slots.begin("t1", "a", 2.0)
    assert (0, 0.0) == slots.begin("t2", "a", 3.0)


def test_what_leaves_a_slot_or_an_engine_is_kept() -> None:
    """Where files are: it comes back at the speed of the drive, in whichever slot; without files it is lost."""
    saved: dict[str, int] = {}
    slots = VirtualSlots(1, saved)
    serve(slots, "a", 4000, 1.0, 0)
    serve(slots, "b", 500, 2.0, 0)
    assert {"a": 4000} == saved
    assert (4000, 4000 / RESTORED_PER_SECOND) == serve(slots, "a", 4100, 3.0, 0)
    slots.close()
    assert {"a": 4100, "b": 500} == saved
    assert 4100 == serve(VirtualSlots(1, saved), "a", 1, 4.0)[0]
    lost = VirtualSlots(1)
    serve(lost, "a", 4000, 1.0)
    serve(lost, "b", 500, 2.0)
    assert (0, 0.0) == serve(lost, "a", 1, 3.0)
