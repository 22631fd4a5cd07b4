"""Why a model is not warm."""

from collections.abc import Sequence

from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.left_out import Rejection, WarmModel, left_out
from hostd.planning.warm_set.load_option import LoadOption
from hostd.planning.warm_set.value import WarmCandidate
from tests.planning.machines import GIB

ROOMS = {"cuda:0": 24 * GIB, "cuda:1": 16 * GIB}


def on(card: int, size: int, label: str = "q4", main: int = 0) -> LoadOption:
    """Return a choice that takes *size* GiB of a card, and *main* GiB of main memory."""
    needs = {f"cuda:{card}": size * GIB} | ({"ram": main * GIB} if main else {})
    return LoadOption(0, label, Placement.on(f"cuda:{card}"), needs=needs)


def taken(name: str, option: LoadOption, **pending: float) -> WarmModel:
    """Return a model that is warm."""
    return WarmModel(WarmCandidate(name, (option,), **pending), option)  # type: ignore[arg-type]  # priority is a whole number


def omitted(options: Sequence[LoadOption], *warm: WarmModel, free: dict[str, int] = ROOMS) -> Rejection:
    """Return why a model of these choices is not warm."""
    return left_out(WarmCandidate("m", options, 40, demand=3), options, free, warm)


def test_no_engine() -> None:
    """Without an option there is nothing to compute."""
    assert Rejection("m", "no engine can serve m on this machine") == omitted([])


def test_larger_than_the_machine() -> None:
    """The sentence counts with the empty host, the bytes with what the others have left of it."""
    found = omitted([on(0, 40), on(1, 30), on(0, 27, "q2")], taken("a", on(0, 20)))
    assert (
        "m is larger than the memory there is for models: at its nearest (q2 on cuda:0) it takes 27.0 GiB of cuda:0, which is "
        "3.0 GiB of cuda:0 too much"
    ) == found.why
    assert {"cuda:0": 23 * GIB} == found.short


def test_no_room_beside_the_others() -> None:
    """Who holds the room of the nearest choice is named, the largest first, each with why it may."""
    warm = (taken("a", on(0, 9), priority=60), taken("b", on(0, 12), demand=6), taken("c", on(1, 16)))
    found = omitted([on(0, 20), on(0, 5, "q2"), on(1, 5)], *warm)
    assert (
        "m (priority 40, 30s of waiting saved an hour) would fit alone, but as q2 on cuda:0 it lacks 2.0 GiB of cuda:0 beside "
        "b (priority 50, 1m of waiting saved an hour; 12.0 GiB) and a (priority 60; 9.0 GiB)"
    ) == found.why
    assert {"cuda:0": 2 * GIB} == found.short


def test_of_many_holders_the_largest_are_named() -> None:
    """Three are enough for a sentence."""
    warm = [taken(f"m{size}", on(0, size)) for size in range(1, 7)]
    found = omitted([on(0, 10)], *warm)
    assert found.why.endswith(
        "beside m6 (priority 50; 6.0 GiB) and m5 (priority 50; 5.0 GiB) and m4 (priority 50; 4.0 GiB) and 3 more"
    )


def test_several_pools() -> None:
    """Every pool that is too small is named, and no other: of one that was not measured nothing can be said."""
    found = omitted([on(0, 25, main=5)], free={"cuda:0": 24 * GIB, "ram": 0})
    assert found.why.endswith("which is 1.0 GiB of cuda:0 and 5.0 GiB of ram too much")
    assert {"cuda:0": GIB, "ram": 5 * GIB} == found.short
    assert {"cuda:0": GIB} == omitted([on(0, 25, main=5)]).short
