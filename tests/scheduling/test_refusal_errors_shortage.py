"""The numbers behind a decision about memory."""

from hostd.planning.warm_set.eviction import EvictionCandidate
from hostd.scheduling.refusal_errors import insufficient_memory, load_deferred, nearest
from tests.scheduling.memory import CARD, GIB, fits


def test_what_is_lacking_is_said_per_pool() -> None:
    """With how much there is in all, with those who are pinned, and with others only where they are in the way."""
    rest = "(memory.reserve in hostd.yaml says what is left to others)"
    card = f"models may hold 8.0 GiB of cuda:0 in all {rest}"
    lacking = "it lacks 2.0 GiB of cuda:0 even if every model that may go has gone"
    assert f"{lacking}; {card}" == insufficient_memory({CARD: 2 * GIB}, [], {}, {CARD: 8 * GIB})
    others = {"ram": 4 * GIB, "cuda:1": GIB, CARD: 0}
    assert (
        "it lacks 1.0 GiB of cuda:0 and 3.0 GiB of ram even if every model that may go has gone; "
        f"{card}; models may hold 0 B of ram in all {rest}; a, b are pinned; other programs hold 4.0 GiB of ram"
    ) == insufficient_memory({"ram": 3 * GIB, CARD: GIB}, ["a", "b"], others, {CARD: 8 * GIB})


def test_a_load_that_no_request_waits_for_is_put_off() -> None:
    """It is no refusal for ever."""
    assert (
        "it lacks 2.0 GiB of cuda:0 beside the models that are in use, and comes up in quieter times; "
        "other programs hold 4.0 GiB of cuda:0"
    ) == load_deferred({CARD: 2 * GIB}, {CARD: 4 * GIB, "ram": GIB})


def test_the_nearest_way_lacks_least_when_all_have_gone() -> None:
    """Its peak counts; the first of equals is taken."""
    modes = (fits(9), fits(6, 1, peak=2), fits(8, 2))
    going = [EvictionCandidate("a", 1.0, {CARD: 3 * GIB}, 0.0), EvictionCandidate("b", 1.0, {CARD: GIB}, 0.0)]
    assert (modes[1], {CARD: GIB}) == nearest(modes, {CARD: 3 * GIB}, going)
    assert (modes[0], {}) == nearest(modes, {CARD: 5 * GIB}, going)
