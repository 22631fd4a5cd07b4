"""Where and how a model can be loaded."""

from dataclasses import replace

import pytest

from hostd.domain.footprint import Component, ElasticMemory, Footprint, Span
from hostd.domain.host import Host, Pool, PoolKind, Reserve
from hostd.domain.shape import Layer, LayerKind, Shape
from hostd.hardware.simulated import preset
from hostd.planning.footprint.levers import LlamaCppServing
from hostd.planning.footprint.llamacpp_serving import Placement, Serving
from hostd.planning.footprint.serving_modes import llamacpp_mode
from hostd.planning.warm_set.load_option import (
    LoadOption,
    excess,
    free_now,
    full_offload,
    less,
    load_options,
    partial_offload,
    plus,
    pool_budgets,
)
from tests.planning.machines import GIB, mac, machine, serving_mode, single


def test_the_peak_is_what_stays_and_what_only_the_load_takes() -> None:
    """Pool by pool, those included that only the load touches."""
    option = LoadOption(0, "q8", needs={"cuda:0": 10, "cuda:1": 4}, transient={"cuda:0": 2, "ram": 7})
    assert {"cuda:0": 12, "cuda:1": 4, "ram": 7} == option.peak


def test_of_what_nothing_is_known_nothing_is_needed() -> None:
    """A model that an attached server holds takes nothing here."""
    assert {} == LoadOption(0, "there").peak


CARD, OTHER = "cuda:0", "cuda:1"


class TestExcess:
    """Whether something fits."""

    def test_it_says_what_is_lacking_where(self) -> None:
        """Only pools that lack something are named."""
        assert {OTHER: 3} == excess({CARD: 5, OTHER: 8}, {CARD: 5, OTHER: 5})

    def test_nothing_is_needed_of_a_pool_below_nothing(self) -> None:
        """A load that takes none of a pool is not held up by what other programs have taken of it."""
        assert {} == excess({CARD: 0}, {CARD: -5})

    def test_a_pool_that_was_not_measured_counts_as_large_enough(self) -> None:
        """Nothing can be said about it."""
        assert {} == excess({"elsewhere": 5}, {CARD: 0})


def test_what_is_left_beside_options() -> None:
    """Pool by pool, below zero where they take too much; a pool that was not measured is left out."""
    assert {CARD: -1, OTHER: 7} == less({CARD: 5, OTHER: 7}, [LoadOption(0, "a", needs={CARD: 6, "elsewhere": 3})])


def test_bytes_add_up_pool_by_pool() -> None:
    """A pool that only one of the two names counts as it is."""
    assert {CARD: 5, OTHER: 1} == plus({CARD: 3}, {CARD: 2, OTHER: 1})


def test_the_fullest_card_comes_first_and_splits_last() -> None:
    """Large rooms stay large; splits take as few cards as possible, in proportion to their room."""
    host = machine(24, 12, 16)
    free = pool_budgets(host)
    found = [[pool for pool, _ in option.placement.devices] for option in full_offload(serving_mode(1), host, free)]
    assert [["cuda:1"], ["cuda:2"], ["cuda:0"], ["cuda:0", "cuda:2"], ["cuda:0", "cuda:1", "cuda:2"]] == found
    split = list(full_offload(serving_mode(20), host, free))[3]
    assert {"cuda:0": 12 * GIB, "cuda:2": 8 * GIB} == split.needs


def test_each_card_has_its_turn_in_a_split() -> None:
    """Of four cards two models may have two each."""
    host = machine(24, 24, 24, 24)
    found = [
        "".join(pool[-1] for pool, _ in option.placement.devices)
        for option in full_offload(serving_mode(1), host, pool_budgets(host))
    ]
    assert ["0", "1", "2", "3", "01", "23", "012", "0123"] == found


def test_cards_that_an_engine_cannot_use_together_are_left_out() -> None:
    """A serving mode with a reason against a pool is not placed there."""
    host = machine(24, 24)
    alone = replace(serving_mode(1), why_not=single)
    assert 2 == len(list(full_offload(alone, host, pool_budgets(host))))


def test_cards_of_two_makers_are_not_mixed() -> None:
    """A split is over one kind."""
    host = machine(24, 24)
    other = machine(24, kind="rocm").pools[0]
    mixed = replace(host, pools=(*host.pools, other))
    splits = [option.placement for option in full_offload(serving_mode(1), mixed, pool_budgets(mixed))][3:]
    assert [("cuda:0", "cuda:1")] == [tuple(pool for pool, _ in split.devices) for split in splits]


def test_slices_of_a_card_are_not_split_over() -> None:
    """CUDA shows a process one slice at most, and no slice beside a card."""
    host = machine(80, 20, 20)
    sliced = [replace(pool, id=f"cuda:1:mig{at}") for at, pool in enumerate(host.pools[1:3])]
    host = replace(host, pools=(host.pools[0], *sliced, host.pools[-1]))
    found = [
        [pool for pool, _ in option.placement.devices]
        for option in full_offload(serving_mode(10), host, pool_budgets(host))
    ]
    assert [["cuda:0"], ["cuda:1:mig0"], ["cuda:1:mig1"]] == sorted(found)


def test_without_accelerators_it_is_the_host() -> None:
    """Main memory, unless the engine needs a card."""
    host = machine()
    assert [Placement()] == [option.placement for option in full_offload(serving_mode(1), host, pool_budgets(host))]
    assert [] == list(full_offload(serving_mode(1, cards_only=True), host, pool_budgets(host)))


def test_a_mac_is_one_pool() -> None:
    """Device and host are the same memory, and nothing is left to a CPU beside it."""
    host = mac(48)
    assert [{"metal": 5 * GIB}] == [
        option.needs for option in full_offload(serving_mode(5, layers=10), host, pool_budgets(host))
    ]
    assert [] == list(partial_offload(serving_mode(5, layers=10), host, pool_budgets(host)))


def test_as_many_layers_as_fit_go_to_the_cards() -> None:
    """Their number is computed; the rest is on the host, and at last all of it."""
    host = machine(24)
    part, none = partial_offload(serving_mode(40, layers=40), host, pool_budgets(host))
    assert (24, {"cuda:0": 24 * GIB, "ram": 16 * GIB}) == (part.gpu_layers, part.needs)
    assert (0, {"ram": 40 * GIB}) == (none.gpu_layers, none.needs)
    assert [] == list(partial_offload(serving_mode(40), host, pool_budgets(host)))


def test_a_machine_without_a_pool_of_main_memory_has_all_of_it() -> None:
    """Unless it is unified; a card's file may leave main memory out."""
    cards = machine(24, ram=32)
    assert {"cuda:0": 24 * GIB, "ram": 32 * GIB} == pool_budgets(replace(cards, pools=cards.pools[:1]))
    assert {"metal": 48 * GIB} == pool_budgets(mac(48))


@pytest.mark.parametrize(("free", "left"), [(5 * GIB, 4 * GIB), (3 * GIB, 3 * GIB)])
def test_free_now_is_what_is_free_of_the_budget(free: int, left: int) -> None:
    """Neither others' memory nor the reserve is given away."""
    host = Host("Linux", "x", 8 * GIB, (Pool("ram", PoolKind.RAM, "Main memory", 8 * GIB, free, 4 * GIB),))
    assert {"ram": left} == free_now(host)


class TestLoadOptions:
    """What fits, best first."""

    def test_layers_are_left_to_the_cpu_only_where_they_have_to_be(self) -> None:
        """A model that fits on the card has no other option."""
        host = machine(24)
        whole, _ = load_options(serving_mode(20, layers=20), host, pool_budgets(host))
        partly, nearest = load_options(serving_mode(40, layers=40), host, pool_budgets(host))
        assert ([None], [24, 0]) == ([each.gpu_layers for each in whole], [each.gpu_layers for each in partly])
        assert nearest
        assert {"cuda:0": 40 * GIB} == nearest.needs

    def test_a_number_of_devices_may_be_fixed(self) -> None:
        """The owner's tensor_parallel: one card too few is not what was asked for."""
        host = machine(24, 24)
        found, _ = load_options(serving_mode(10), host, pool_budgets(host), devices=2)
        assert [2] == [len(each.placement.devices) for each in found]

    def test_vllm_needs_a_cache_for_one_request(self) -> None:
        """One request of the whole context has to fit; the cache for more is elastic, and takes what it is granted."""
        host = machine(24)
        cache = {Component.WEIGHTS: Span.exactly(10 * GIB), Component.KV: Span(2 * GIB, 30 * GIB, 30 * GIB)}
        more = (ElasticMemory("kv", ("cuda:0",), GIB, 28, Component.KV, at_once=True),)
        mode = replace(serving_mode(1, backend="vllm"), estimate=lambda *_: Footprint({"cuda:0": cache}, elastic=more))
        (option,), _ = load_options(mode, host, pool_budgets(host))
        assert ({"cuda:0": 12 * GIB}, {}) == (option.needs, option.share_bytes)
        granted = option.granted({"kv": 5})
        assert {"cuda:0": 17 * GIB} == granted.needs == granted.expected
        assert {"cuda:0": 5 * GIB} == granted.share_bytes
        assert [] == load_options(mode, host, {"cuda:0": 11 * GIB})[0]

    def test_a_bound_beyond_the_host_is_an_option_that_is_not_promised(self) -> None:
        """An empty host may be enough after all; the bound stays what it is."""
        host, known = machine(24), serving_mode(40)
        mode = replace(known, estimate=lambda *where: replace(known.estimate(*where), bounded_only=True))
        (option,), _ = load_options(mode, host, pool_budgets(host))
        assert {"cuda:0": 24 * GIB} == option.capped(pool_budgets(host)).needs
        assert {"cuda:0": 40 * GIB} == option.most
        assert not option.fits({"cuda:0": 64 * GIB})


def test_a_card_that_shares_the_systems_memory_takes_all_of_it_from_there() -> None:
    """The host's part is in the same pool, all layers are on the device, and the CPU alone is no option."""
    host = preset("dgx-spark", Reserve())
    layer = Layer(LayerKind.FULL, heads=8, kv_heads=8, key_width=128, value_width=128, dense_bytes=GIB)
    shape = Shape("llama", "a model", (layer,) * 60, heads=8, embedding=4096, vocabulary=32000, context=4096)
    mode = llamacpp_mode(
        "a", "llamacpp", LlamaCppServing(shape, Serving(context=4096, slots=1, cache_ram=0, checkpoints=0))
    )
    (option,), _ = load_options(mode, host, pool_budgets(host))
    assert (("cuda:0",), "cuda:0", None) == (
        tuple(pool for pool, _ in option.placement.devices),
        option.placement.host,
        option.gpu_layers,
    )
    assert ["cuda:0"] == list(option.needs)
    assert {"cuda:0": host.pools[0].budget} == pool_budgets(host)
    too_large = replace(shape, layers=(layer,) * 200)
    assert (
        []
        == load_options(
            llamacpp_mode("a", "llamacpp", LlamaCppServing(too_large, Serving())), host, pool_budgets(host)
        )[0]
    )


class TestDrafting:
    """Whether tokens are drafted."""

    BLOCK = Layer(LayerKind.FULL, 8, 8, 128, 128, dense_bytes=GIB)
    SHAPE = Shape("qwen35", "a", (BLOCK,) * 8, nextn=(BLOCK,), heads=8, embedding=512, vocabulary=1000, context=4096)
    MODE = llamacpp_mode(
        "a", "llamacpp", LlamaCppServing(SHAPE, Serving(context=4096, slots=1, cache_ram=0, checkpoints=0, may_draft=2))
    )

    def found(self, host: Host) -> list[LoadOption]:
        """Return the options on an empty host."""
        return load_options(self.MODE, host, pool_budgets(host))[0]

    def test_it_comes_first_where_it_fits(self) -> None:
        """The same placement without it is the next choice, so that nothing is evicted for it."""
        drafting, plain = self.found(machine(24))
        assert (True, False) == (drafting.placement.drafts, plain.placement.drafts)
        assert drafting.needs[CARD] - plain.needs[CARD] >= GIB
        assert drafting.whole
        assert (False, True) == (drafting.foregoes_drafting, plain.foregoes_drafting)
        assert ("a, drafting", "a") == (drafting.label, plain.label)

    def test_it_takes_no_layer_its_place(self) -> None:
        """Where it would, and where part of the model or all of it is on the processor, nothing is drafted."""
        for host in (machine(9), machine(6), machine()):
            assert [False] * len(self.found(host)) == [each.placement.drafts for each in self.found(host)]


@pytest.mark.parametrize(("by_experts", "experts"), [(30.0, True), (10.0, False), (0.0, True)])
def test_experts_or_layers_go_to_the_processor_by_what_is_faster(by_experts: float, experts: bool) -> None:
    """As it is estimated; without an estimate the experts go."""
    block = Layer(LayerKind.FULL, 8, 8, 128, 128, dense_bytes=GIB // 8, expert_bytes=GIB)
    shape = Shape("llama", "a", (block,) * 8, heads=8, embedding=512, vocabulary=1000, context=4096, experts=8)
    mode = llamacpp_mode(
        "a", "llamacpp", LlamaCppServing(shape, Serving(context=4096, slots=1, cache_ram=0, checkpoints=0))
    )
    mode = replace(mode, speed=lambda placement, _: by_experts if placement.cpu_experts else by_experts and 20.0)
    host = machine(6)
    best = load_options(mode, host, pool_budgets(host))[0][0]
    assert experts is bool(best.placement.cpu_experts)
    assert experts is (best.gpu_layers is None)
