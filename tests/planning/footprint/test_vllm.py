"""vLLM's footprint: against logs of real engines, and how cards share a model."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.footprint import Component, Span
from hostd.domain.host import Pool, PoolKind
from hostd.domain.shape import Layer, LayerKind, Shape, Tables
from hostd.planning.footprint.llamacpp_serving import MIB
from hostd.planning.footprint.vllm import (
    activation,
    adapter_bytes,
    footprint,
    kv_by_utilisation,
    kv_cache_memory_bytes,
    kv_capacity_tokens,
    wanted_kv,
    weights,
)
from hostd.planning.footprint.vllm_serving import VllmServing
from tests.planning.checkpoints import mib, report, rows, shape
from tests.planning.truth import Row

GIB = 1 << 30
BLOCK = Layer(LayerKind.FULL, 32, 8, 128, 128, dense_bytes=100 * MIB, expert_bytes=20 * MIB)
SHAPE = Shape(
    "llama",
    "a model",
    (BLOCK,) * 32,
    heads=32,
    embedding=4096,
    vocabulary=128256,
    context=131072,
    feed_forward=14336,
    tables=Tables(token_embedding=1002 * MIB, output=1002 * MIB, other=MIB),
)
SERVING = VllmServing(context=8192, slots=4)


def cards(count: int = 1, total: int = 80 * GIB, name: str = "H100") -> list[Pool]:
    """Return equal cards."""
    return [Pool(f"cuda:{number}", PoolKind.VRAM, name, total, total, total) for number in range(count)]


def measured(what: str, *more: str) -> list[Row]:
    """Return the rows of vLLM in which all these quantities were logged, and the model is known."""
    seen = [row for row in rows("vllm") if row["arch"] and row["measured_mib"][what] is not None]
    return [row for row in seen if all(row["measured_mib"][each] is not None for each in more)]


def profiled() -> list[Row]:
    """Return the rows whose log says what the engine found when it profiled itself."""
    seen = [row for row in rows("vllm") if row["measured_mib"]["gpu_total"]]
    return [row for row in seen if row["measured_mib"]["non_torch"]]


def devices(row: Row) -> list[Pool]:
    """Return the cards of a row."""
    total = int((row["measured_mib"]["gpu_total"] or 24 * 1024) * MIB)
    return cards(row["tensor_parallel"], total, row["device"] or "")


@pytest.mark.parametrize("row", measured("kv_tokens"), ids=lambda row: row["id"])
def test_tokens_of_a_cache(row: Row) -> None:
    """The engine's own count of tokens follows from the bytes of its cache to 0.1 %, or what the row allows."""
    seen = row["measured_mib"]
    tokens = kv_capacity_tokens(shape(row), VllmServing(), devices(row), int(seen["kv_available"] * MIB))
    assert abs(report(row, "kv tokens", tokens, seen["kv_tokens"])) <= row.get("tol_pct", 0.1)


@pytest.mark.parametrize("row", measured("weights"), ids=lambda row: row["id"])
def test_weights_of_a_card(row: Row) -> None:
    """Weights counted from a model's widths are what a card held, to 1.2 %, and below the high end."""
    held = weights(shape(row), VllmServing(), row["tensor_parallel"])
    logged = row["measured_mib"]["weights"]
    assert abs(report(row, "weights", mib(held.expected), logged)) <= 1.2
    assert mib(held.low) * 0.99 <= logged <= mib(held.high)


@pytest.mark.parametrize("row", measured("peak_activation"), ids=lambda row: row["id"])
def test_activation_lies_within_the_span(row: Row) -> None:
    """What a step needed lies in the span, and on large cards within 3 % of what is expected."""
    needed, logged = activation(shape(row), VllmServing(), devices(row)), row["measured_mib"]["peak_activation"]
    error = report(row, "activation", mib(needed.expected), logged)
    assert mib(needed.low) <= logged <= mib(needed.high)
    assert abs(error) <= 3 or "H100" not in row["device"]


@pytest.mark.parametrize("row", profiled(), ids=lambda row: row["id"])
def test_the_share_of_a_card_is_what_the_engine_makes_of_it(row: Row) -> None:
    """What a share of the card leaves for the cache is the share less everything that was logged, to 0.1 % of the card."""
    seen = row["measured_mib"]
    logged = sum(seen[what] for what in ("weights", "peak_activation", "non_torch"))
    left = kv_by_utilisation(int(seen["gpu_total"] * MIB), row["gpu_memory_utilization"], int(logged * MIB))
    report(row, "kv by identity", mib(left), seen["kv_available"])
    assert abs(mib(left) - seen["kv_available"]) <= seen["gpu_total"] / 1000


@pytest.mark.parametrize("row", measured("kv_available", "gpu_total"), ids=lambda row: row["id"])
def test_the_cache_of_a_share_is_predicted_from_the_header(row: Row) -> None:
    """With nothing but the header and the share, the cache that the engine will have is known to 2 % of the card, never less."""
    serving = VllmServing(utilisation=row["gpu_memory_utilization"])
    kv = footprint(shape(row), serving, devices(row)).parts["cuda:0"][Component.KV].expected
    seen = row["measured_mib"]
    report(row, "kv of a share", mib(kv), seen["kv_available"])
    assert -0.02 <= (mib(kv) - seen["kv_available"]) / seen["gpu_total"] <= 0.005


def test_a_card_holds_weights_cache_scratch_and_context() -> None:
    """One request at the low end of the cache, all of them at the others; the host has two processes."""
    planned = footprint(SHAPE, SERVING, cards())
    one = 8192 * 32 * 8 * 256 * 2
    assert Span(one, 4 * one, 4 * one) == planned.parts["cuda:0"][Component.KV]
    assert {Component.WEIGHTS, Component.KV, Component.COMPUTE, Component.OVERHEAD} == planned.parts["cuda:0"].keys()
    assert Span(2 * GIB, 4 * GIB, 8 * GIB) == planned.pool("ram")
    assert any("4 requests of the whole context" in note for note in planned.notes)


def test_a_cache_of_given_size_is_taken_as_said() -> None:
    """Told how many bytes, the engine keeps exactly those; too few for one request are pointed out."""
    planned = footprint(SHAPE, replace(SERVING, kv_bytes=2 * GIB), cards())
    assert Span.exactly(2 * GIB) == planned.parts["cuda:0"][Component.KV]
    assert ("the KV cache has room for 16,384 tokens, all requests together",) == planned.notes
    small = footprint(SHAPE, replace(SERVING, kv_bytes=GIB // 2), cards())
    assert "refuse to start" in small.notes[0]


def test_a_good_neighbour_takes_what_the_room_leaves() -> None:
    """The flag is the need if it fits, less if it does not, and 0 if not even one request fits."""
    need = wanted_kv(SHAPE, SERVING, cards())
    assert need.high == kv_cache_memory_bytes(SHAPE, SERVING, cards(), 70 * GIB)
    free = 12 * GIB
    some = kv_cache_memory_bytes(SHAPE, SERVING, cards(), free)
    assert need.low <= some < need.high
    assert footprint(SHAPE, replace(SERVING, kv_bytes=some), cards()).pool("cuda:0").high <= free
    assert 0 == kv_cache_memory_bytes(SHAPE, SERVING, cards(), 7 * GIB)


def test_two_cards_hold_half_each() -> None:
    """Weights and cache of a card are halved, but for what every card has whole."""
    one, two = (footprint(SHAPE, SERVING, cards(count)).parts["cuda:0"] for count in (1, 2))
    assert 2 * two[Component.KV].expected == one[Component.KV].expected
    assert 0.5 <= two[Component.WEIGHTS].expected / one[Component.WEIGHTS].expected <= 0.51


def test_a_latent_is_made_into_keys_and_values_twice() -> None:
    """With latent attention a card has the matrices for keys and values in two orders, its heads' part of them."""
    deep = replace(
        SHAPE, latent=576, layers=(replace(BLOCK, heads=128, kv_heads=1, key_width=576, value_width=0),) * 32
    )
    one, four = (weights(deep, SERVING, count) for count in (1, 4))
    assert 2 * 576 * 128 * 256 * 32 == one.expected - one.low
    assert four.low + four.low // 400 + (one.expected - one.low) // 4 == four.expected


def test_drafting_loads_the_layers_for_it() -> None:
    """Drafting layers take weights and cache only when they are used."""
    drafting = replace(SHAPE, nextn=(BLOCK,))
    without, with_ = (footprint(drafting, replace(SERVING, draft=count), cards()).parts["cuda:0"] for count in (0, 1))
    assert 120 * MIB == with_[Component.WEIGHTS].low - without[Component.WEIGHTS].low
    assert with_[Component.KV].low * 32 == without[Component.KV].low * 33


def test_without_graphs_a_step_needs_less() -> None:
    """CUDA graphs are counted unless the engine is told to go without."""
    many = replace(SERVING, slots=256)
    graphs, eager = (footprint(SHAPE, replace(many, eager=each), cards()).parts["cuda:0"] for each in (False, True))
    assert eager[Component.COMPUTE].expected + 500 * MIB == graphs[Component.COMPUTE].expected


def test_an_unknown_architecture_is_a_bound_and_says_so() -> None:
    """What is not understood has a cache of anything up to the bound, and a note."""
    planned = footprint(replace(SHAPE, known=False), SERVING, cards())
    assert (True, 0) == (planned.bounded_only, planned.parts["cuda:0"][Component.KV].low)
    assert "'llama' is not known" in planned.notes[0]


def test_an_encoder_keeps_nothing() -> None:
    """An embedding model computes and keeps no cache."""
    encoder = replace(SHAPE, layers=(replace(BLOCK, kind=LayerKind.NONE, kv_heads=0),) * 4, encoder=True)
    assert Component.KV not in footprint(encoder, SERVING, cards()).parts["cuda:0"]


def test_a_share_of_the_card_is_pointed_out() -> None:
    """A note warns that a share of the card ignores other processes on it."""
    assert "whoever else uses it" in footprint(SHAPE, replace(SERVING, utilisation=0.9), cards()).notes[0]


def test_without_a_card_there_is_no_plan() -> None:
    """No device is an error that says what is missing."""
    with pytest.raises(ValueError, match="at least one GPU"):
        footprint(SHAPE, SERVING, [])


@given(st.integers(1, 200_000), st.integers(1, 64), st.sampled_from([1, 2, 4]), st.sampled_from(["auto", "fp8"]))
def test_more_of_anything_never_takes_less(context: int, slots: int, count: int, kv_type: str) -> None:
    """No pool shrinks when context, slots or weights grow, and every span is in order."""
    before = VllmServing(context=context, slots=slots, kv_type=kv_type)
    mixed = (
        BLOCK,
        replace(BLOCK, kind=LayerKind.SLIDING),
        Layer(LayerKind.RECURRENT, 32, conv_state=4096, state=65536),
    )
    model = replace(SHAPE, layers=mixed * 4, window=512)
    heavier = replace(model, tables=replace(SHAPE.tables, output=1100 * MIB))
    least = footprint(model, before, cards(count))
    for shape_, serving in (
        (model, replace(before, context=context + 777)),
        (model, replace(before, slots=slots + 1)),
        (heavier, before),
    ):
        most = footprint(shape_, serving, cards(count))
        for pool in least.parts:
            small, large = least.pool(pool), most.pool(pool)
            assert small.low <= small.expected <= small.high
            assert (small.low <= large.low, small.expected <= large.expected, small.high <= large.high) == (True,) * 3


def test_graphs_are_as_many_as_requests_need() -> None:
    """Two requests record three of them, a tenth of what a server for hundreds takes: 0.13 GiB a card were logged for two."""
    two = replace(SERVING, slots=2)
    parts = (footprint(SHAPE, replace(two, eager=each), cards(2)).parts["cuda:0"] for each in (False, True))
    graphs, eager = (part[Component.COMPUTE] for part in parts)
    assert 100 <= (graphs.expected - eager.expected) // MIB <= 160
    assert 133 <= (graphs.high - eager.high) // MIB <= 800


def test_weights_may_lie_in_host_memory() -> None:
    """So many bytes of each card's, and no more than there are."""
    plain, moved = (footprint(SHAPE, replace(SERVING, offload=size), cards(2)) for size in (0, GIB))
    for card in ("cuda:0", "cuda:1"):
        assert plain.parts[card][Component.WEIGHTS].expected - moved.parts[card][Component.WEIGHTS].expected == GIB
    assert moved.parts["ram"][Component.WEIGHTS] == Span.exactly(2 * GIB)
    most = footprint(SHAPE, replace(SERVING, offload=100 * GIB), cards())
    assert Component.WEIGHTS not in most.parts["cuda:0"]
    assert most.pool("ram").expected - plain.pool("ram").expected < 7 * GIB
    cache = footprint(SHAPE, replace(SERVING, host_kv=3 * GIB), cards())
    assert cache.pool("ram").high - footprint(SHAPE, SERVING, cards()).pool("ram").high == 3 * GIB


def test_past_prompts_are_kept_in_what_is_left_of_host_memory() -> None:
    """Up to twice what all requests at once fill, on all cards together, and only of models whose layers all keep every token."""
    keeping = replace(SERVING, keeps=True)
    for count in (1, 2):
        *_, kept = footprint(SHAPE, keeping, cards(count)).elastic
        # 128 KiB a token, 8192 tokens, four requests: 4 GiB.
        assert ("kv-offloading-size", ("ram",), GIB, 8, True) == (
            kept.flag,
            kept.pools,
            kept.unit,
            kept.most,
            kept.at_once,
        )
    assert footprint(SHAPE, keeping, cards()).parts == footprint(SHAPE, SERVING, cards()).parts
    assert 1 == len(footprint(SHAPE, SERVING, cards()).elastic)
    mixed = replace(SHAPE, layers=(*SHAPE.layers[1:], replace(BLOCK, kind=LayerKind.SLIDING)))
    latent = replace(SHAPE, layers=(replace(BLOCK, value_width=0),) * 32)
    for other in (mixed, latent, replace(SHAPE, known=False)):
        assert 1 == len(footprint(other, keeping, cards()).elastic)
    # A card that is main memory keeps nothing by moving it there.
    assert 1 == len(footprint(SHAPE, keeping, cards(), host="cuda:0").elastic)


def test_adapters_have_their_places_from_the_start() -> None:
    """For each at work, of the largest rank: 42 million elements a layer's matrices of 8 billion parameters have at rank 16."""
    one = adapter_bytes(SHAPE, replace(SERVING, adapters=1, adapter_rank=16), 1)
    assert 32 * 2 * 16 * (7 * 4096 + 4096 + 2 * 1024 + 4096 + 3 * 14336) == one
    assert 8 * one == adapter_bytes(SHAPE, replace(SERVING, adapters=4, adapter_rank=32), 1)
    assert one // 2 < adapter_bytes(SHAPE, replace(SERVING, adapters=1, adapter_rank=16), 2) < one
    none, with_one = (footprint(SHAPE, replace(SERVING, adapters=count, adapter_rank=16), cards()) for count in (0, 1))
    assert one == with_one.component(Component.WEIGHTS).expected - none.component(Component.WEIGHTS).expected
    assert with_one.promised
    experts = footprint(replace(SHAPE, experts=8), replace(SERVING, adapters=1, adapter_rank=16), cards())
    assert ("enable-lora",) == experts.unreckoned


def test_flags_that_are_not_counted_promise_nothing() -> None:
    """They are passed on to the verdict."""
    assert not footprint(SHAPE, replace(SERVING, unreckoned=("dtype",)), cards()).promised
