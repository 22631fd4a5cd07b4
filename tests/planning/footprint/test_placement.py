"""Where models may go."""

from dataclasses import replace

from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.footprint.placement import full_offload, partial_offload, pool_budgets
from tests.planning.machines import GIB, mac, machine, single, way


def test_the_fullest_card_comes_first_and_splits_last() -> None:
    """Large rooms stay large; splits take as few cards as possible, in proportion to their room."""
    host = machine(24, 12, 16)
    free = pool_budgets(host)
    found = [[pool for pool, _ in option.placement.devices] for option in full_offload(way(1), host, free)]
    assert [["cuda:1"], ["cuda:2"], ["cuda:0"], ["cuda:0", "cuda:2"], ["cuda:0", "cuda:1", "cuda:2"]] == found
    split = list(full_offload(way(20), host, free))[3]
    assert {"cuda:0": 12 * GIB, "cuda:2": 8 * GIB} == split.needs


def test_each_card_has_its_turn_in_a_split() -> None:
    """Of four cards two models may have two each."""
    host = machine(24, 24, 24, 24)
    found = [
        "".join(pool[-1] for pool, _ in option.placement.devices)
        for option in full_offload(way(1), host, pool_budgets(host))
    ]
    assert ["0", "1", "2", "3", "01", "23", "012", "0123"] == found


def test_cards_that_an_engine_cannot_use_together_are_left_out() -> None:
    """A way that says why not is not placed there."""
    host = machine(24, 24)
    alone = replace(way(1), why_not=single)
    assert 2 == len(list(full_offload(alone, host, pool_budgets(host))))


def test_cards_of_two_makers_are_not_mixed() -> None:
    """A split is over one kind."""
    host = machine(24, 24)
    other = machine(24, kind="rocm").pools[0]
    mixed = replace(host, pools=(*host.pools, other))
    splits = [option.placement for option in full_offload(way(1), mixed, pool_budgets(mixed))][3:]
    assert [("cuda:0", "cuda:1")] == [tuple(pool for pool, _ in split.devices) for split in splits]


def test_without_accelerators_it_is_the_host() -> None:
    """Main memory, unless the engine needs a card."""
    host = machine()
    assert [Placement()] == [option.placement for option in full_offload(way(1), host, pool_budgets(host))]
    assert [] == list(full_offload(way(1, cards_only=True), host, pool_budgets(host)))


def test_a_mac_is_one_pool() -> None:
    """Device and host are the same memory, and nothing is left to a CPU beside it."""
    host = mac(48)
    assert [{"metal": 5 * GIB}] == [
        option.needs for option in full_offload(way(5, layers=10), host, pool_budgets(host))
    ]
    assert [] == list(partial_offload(way(5, layers=10), host, pool_budgets(host)))


def test_as_many_layers_as_fit_go_to_the_cards() -> None:
    """Their number is computed; the rest is on the host, and at last all of it."""
    host = machine(24)
    part, none = partial_offload(way(40, layers=40), host, pool_budgets(host))
    assert (24, {"cuda:0": 24 * GIB, "ram": 16 * GIB}) == (part.gpu_layers, part.needs)
    assert (0, {"ram": 40 * GIB}) == (none.gpu_layers, none.needs)
    assert [] == list(partial_offload(way(40), host, pool_budgets(host)))


def test_what_is_short_is_told_by_pool() -> None:
    """Only pools that are too small are named; a pool that is not there has no room."""
    option = next(full_offload(way(30), machine(24), {}))
    assert ({}, {"cuda:0": 6 * GIB}) == (option.excess({"cuda:0": 30 * GIB}), option.excess({"cuda:0": 24 * GIB}))
    assert {"cuda:0": 30 * GIB} == option.excess({})


def test_a_machine_without_a_pool_of_main_memory_has_all_of_it() -> None:
    """Unless it is unified; a card's file may leave main memory out."""
    cards = machine(24, ram=32)
    assert {"cuda:0": 24 * GIB, "ram": 32 * GIB} == pool_budgets(replace(cards, pools=cards.pools[:1]))
    assert {"metal": 48 * GIB} == pool_budgets(mac(48))
