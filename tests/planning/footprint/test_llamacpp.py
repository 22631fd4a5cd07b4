"""Footprints: against what real engines took, and how weights and caches are placed."""

from dataclasses import replace
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.footprint import Component, Footprint, Span
from hostd.domain.shape import Layer, LayerKind, Shape, Tables
from hostd.planning.footprint.llamacpp import footprint
from hostd.planning.footprint.llamacpp_serving import MIB, DraftServing, Placement, Serving
from hostd.planning.footprint.tensor_overrides import MovedBytes
from tests.planning.truth import Row, comparable, compare

BLOCK = Layer(
    LayerKind.FULL, heads=8, kv_heads=2, key_width=64, value_width=64, dense_bytes=10 * MIB, expert_bytes=40 * MIB
)
SHAPE = Shape(
    "llama",
    "a model",
    (BLOCK,) * 4,
    nextn=(BLOCK,),
    heads=8,
    embedding=512,
    vocabulary=1000,
    context=4096,
    feed_forward=2048,
    tables=Tables(token_embedding=100 * MIB, output=90 * MIB, layer_embedding=7 * MIB, other=MIB),
)
SERVING = Serving(context=1024, build=10000)
GPU = Placement.on("cuda:0")


def weights(planned: Footprint) -> dict[str, int]:
    """Return the MiB of weights by pool."""
    return {
        pool: parts[Component.WEIGHTS].expected // MIB
        for pool, parts in planned.parts.items()
        if Component.WEIGHTS in parts
    }


@pytest.mark.parametrize("row", comparable(), ids=lambda row: row["id"])
def test_what_was_measured_lies_within_the_span(row: Row) -> None:
    """A device never took more than the high end; where the build is known, the expected total is never 2 % too low."""
    for each in compare(row):
        if each.what in ("device total", "compute_gpu"):
            assert each.measured <= each.predicted.high / MIB
        if each.what == "device total" and each.build_known:
            assert each.error >= -2


def test_totals_are_close() -> None:
    """Half of all device totals are predicted within 5 % from the header alone, and half of the scratch memory within 10 %."""
    found = [each for row in comparable() for each in compare(row)]
    totals = [abs(each.error) for each in found if each.what == "device total"]
    scratch = [abs(each.error) for each in found if each.what == "compute_gpu" and each.build_known]
    assert median(totals) <= 5
    assert median(scratch) <= 10


def test_on_one_gpu_only_the_input_stays_on_the_host() -> None:
    """Fully offloaded, layers and output are on the device, the tables that tokens are looked up in on the host."""
    planned = footprint(SHAPE, SERVING, GPU)
    assert {"cuda:0": 4 * 50 + 91, "ram": 107} == weights(planned)
    assert {Component.KV, Component.WEIGHTS, Component.COMPUTE, Component.OVERHEAD} == planned.parts["cuda:0"].keys()


def test_a_table_that_is_read_row_by_row_need_not_be_there() -> None:
    """Of a mapped one the system drops what it must, and a note says so; one that is locked or read at once takes its bytes."""
    sparse = replace(SHAPE, architecture="qwen4exp")
    planned = footprint(sparse, SERVING, GPU)
    assert {"cuda:0": 4 * 50 + 91, "ram": 100} == weights(planned)
    assert any("row by row" in note for note in planned.notes)
    assert {"cuda:0": 4 * 50 + 91, "ram": 107} == weights(footprint(sparse, replace(SERVING, mapped=False), GPU))
    for buffer, pool in (("CPU", "ram"), ("CUDA0", "cuda:0")):
        moved = replace(SERVING, moved=(MovedBytes(buffer, None, "layer_embedding", 7 * MIB),))
        found = weights(footprint(sparse, moved, GPU))
        assert {"cuda:0": 4 * 50 + 91, "ram": 100} | ({pool: 4 * 50 + 98} if pool == "cuda:0" else {}) == found


def test_a_tied_output_is_a_second_copy_on_the_device() -> None:
    """Where one table serves input and output, it is held on the host and again on the device; on the host alone, once."""
    tied = replace(SHAPE, tied=True, tables=replace(SHAPE.tables, output=0))
    assert {"cuda:0": 4 * 50 + 101, "ram": 107} == weights(footprint(tied, SERVING, GPU))
    assert {"ram": 4 * 50 + 108} == weights(footprint(tied, SERVING, Placement()))


def test_unified_memory_holds_everything_once() -> None:
    """A Mac's host and device are one pool, and even a tied output is held once."""
    tied = replace(SHAPE, tied=True, tables=replace(SHAPE.tables, output=0))
    assert {"metal": 4 * 50 + 108} == weights(footprint(tied, SERVING, Placement.on("metal")))


def test_some_layers_may_stay_on_the_host() -> None:
    """The output goes to the device first, then layers from the last one; what stays is computed and cached on the host."""
    planned = footprint(SHAPE, replace(SERVING, gpu_layers=3), GPU)
    # The drafting layer counts among the layers, so that of the trunk only one goes.
    assert {"cuda:0": 50 + 91, "ram": 3 * 50 + 107} == weights(planned)
    kv = footprint(SHAPE, SERVING, GPU).parts["cuda:0"][Component.KV].expected
    assert (kv // 4, kv * 3 // 4) == tuple(planned.parts[pool][Component.KV].expected for pool in ("cuda:0", "ram"))
    assert (3 * 50 * 7 // 5 + 107) * MIB == planned.parts["ram"][Component.WEIGHTS].high


def test_experts_may_stay_on_the_host() -> None:
    """The experts of the first layers can be kept on the host while their attention goes to the device."""
    assert {"cuda:0": 40 + 2 * 40 + 91, "ram": 2 * 40 + 107} == weights(
        footprint(SHAPE, replace(SERVING, cpu_experts=2), GPU)
    )


def test_the_cache_may_stay_on_the_host() -> None:
    """Told so, the engine keeps KV off the device."""
    assert Component.KV not in footprint(SHAPE, replace(SERVING, kv_on_gpu=False), GPU).parts["cuda:0"]


def test_layers_are_split_over_devices() -> None:
    """Two devices share the layers by their shares; inputs in flight take more scratch memory on each."""
    even = footprint(SHAPE, SERVING, Placement.on("cuda:0", "cuda:1"))
    assert {"cuda:0": 150, "cuda:1": 50 + 91, "ram": 107} == weights(even)
    skewed = footprint(SHAPE, SERVING, Placement((("cuda:0", 5.0), ("cuda:1", 1.0))))
    assert {"cuda:0": 200, "cuda:1": 91, "ram": 107} == weights(skewed)
    one = footprint(SHAPE, SERVING, GPU).parts["cuda:0"][Component.COMPUTE].expected
    assert even.parts["cuda:1"][Component.COMPUTE].expected > one


def test_drafting_takes_its_layer_its_cache_and_its_graph() -> None:
    """Multi-token prediction adds the drafting layer's weights, a cache of one layer, and a graph of its own."""
    without, drafting = (footprint(SHAPE, replace(SERVING, draft=count), GPU).parts["cuda:0"] for count in (0, 2))
    assert drafting[Component.WEIGHTS].expected - without[Component.WEIGHTS].expected == 50 * MIB
    assert drafting[Component.KV].expected * 4 == without[Component.KV].expected * 5
    assert drafting[Component.COMPUTE].expected == 2 * without[Component.COMPUTE].expected


def test_a_draft_model_is_added_without_a_second_driver() -> None:
    """A smaller model that drafts brings weights, cache and graph, in the same process."""
    alone, both = footprint(SHAPE, SERVING, GPU), footprint(SHAPE, SERVING, GPU, draft=SHAPE)
    assert alone.parts["cuda:0"][Component.OVERHEAD] == both.parts["cuda:0"][Component.OVERHEAD]
    for component in (Component.WEIGHTS, Component.KV, Component.COMPUTE):
        assert both.parts["cuda:0"][component].expected == 2 * alone.parts["cuda:0"][component].expected


def test_a_projector_goes_to_the_first_device() -> None:
    """A vision tower's weights are on the first device, unless they are told to stay on the host."""
    tower = Shape("clip", "tower", (), projector=30 * MIB)
    placement = Placement.on("cuda:0", "cuda:1")
    before, after = (weights(footprint(SHAPE, SERVING, placement, projector=each)) for each in (None, tower))
    assert before | {"cuda:0": before["cuda:0"] + 30} == after
    stays = footprint(SHAPE, replace(SERVING, projector_on_gpu=False), placement, projector=tower)
    assert before | {"ram": before["ram"] + 30} == weights(stays)


def test_past_prompts_count_at_the_high_end() -> None:
    """The prompts that a server may keep in host memory are what it may take, not what it takes at first."""
    with_, without = (footprint(SHAPE, replace(SERVING, cache_ram=ram), GPU).pool("ram") for ram in (8192 * MIB, 0))
    assert (with_.expected, with_.high - 8192 * MIB) == (without.expected, without.high)


def test_an_unknown_architecture_is_a_bound_and_says_so() -> None:
    """What is not understood has a cache of anything up to the bound, and a note."""
    planned = footprint(replace(SHAPE, known=False), SERVING, GPU)
    kv = planned.parts["cuda:0"][Component.KV]
    assert (True, Span(0, kv.high, kv.high)) == (planned.bounded_only, kv)
    assert "'llama' is not known" in planned.notes[0]


def test_an_encoder_keeps_nothing() -> None:
    """An embedding model has no cache and keeps no prompts, but it computes."""
    blocks = (replace(BLOCK, kind=LayerKind.NONE, kv_heads=0),) * 4
    planned = footprint(replace(SHAPE, layers=blocks, nextn=(), encoder=True), SERVING, Placement())
    assert {Component.WEIGHTS, Component.COMPUTE, Component.OVERHEAD} == planned.parts["ram"].keys()
    assert () == planned.notes


def test_costly_habits_are_pointed_out() -> None:
    """A file without the keys for its latent, and windows that cost more than the context, are told to the owner."""
    window = replace(BLOCK, kind=LayerKind.SLIDING)
    planned = footprint(replace(SHAPE, layers=(window,) * 4, window=512, latent=576), SERVING, GPU)
    assert any("newer conversion" in note for note in planned.notes)
    assert any("4 slots cost more" in note for note in planned.notes)


@given(
    st.integers(256, 100_000),
    st.integers(1, 8),
    st.sampled_from([Placement(), GPU, Placement.on("metal"), Placement.on("cuda:0", "cuda:1")]),
    st.sampled_from(["f16", "q8_0"]),
)
def test_more_of_anything_never_takes_less(context: int, slots: int, placement: Placement, kv_type: str) -> None:
    """No pool shrinks when context, slots or weights grow."""
    before = Serving(context=context, slots=slots, key_type=kv_type)
    heavier = replace(SHAPE, layers=(replace(BLOCK, dense_bytes=BLOCK.dense_bytes + MIB), *SHAPE.layers[1:]))
    least = footprint(SHAPE, before, placement)
    for shape, serving in (
        (SHAPE, replace(before, context=context + 777)),
        (SHAPE, replace(before, slots=slots + 1)),
        (heavier, before),
    ):
        most = footprint(shape, serving, placement)
        for pool in least.parts:
            small, large = least.pool(pool), most.pool(pool)
            assert small.low <= small.expected <= small.high
            assert small.low <= large.low
            assert small.expected <= large.expected
            assert small.high <= large.high


@pytest.mark.parametrize(
    ("context", "draft", "measured"),
    [(131072, 0, 18842), (131072, 2, 20134), (262144, 0, 21786), (262144, 2, 23718)],
)
def test_a_quantised_cache_and_drafting_layers_as_a_card_was_seen_to_hold_them(
    context: int, draft: int, measured: int
) -> None:
    """Qwen3.8-27B Q4_K_M with a q4_0 cache on one card, with and without its drafting layer: within 1 %, and within the most."""
    full = Layer(LayerKind.FULL, 24, 4, 256, 256, dense_bytes=232_407_040)
    recurrent = Layer(LayerKind.RECURRENT, 24, conv_state=30_720, state=786_432, dense_bytes=237_352_960)
    shape = Shape(
        "qwen35",
        "Qwen3.8-27B",
        (recurrent, recurrent, recurrent, full) * 16,
        nextn=(replace(full, dense_bytes=238_980_000),),
        heads=24,
        embedding=5120,
        vocabulary=248_320,
        context=262_144,
        feed_forward=17_408,
        tables=Tables(token_embedding=715_161_600, output=1_042_944_000),
    )
    serving = Serving(
        context, 1, unified=False, key_type="q4_0", value_type="q4_0", flash="on", draft=draft, build=11_000
    )
    span = footprint(shape, serving, GPU).pool("cuda:0")
    assert abs(span.expected / MIB / measured - 1) < 0.01
    assert measured * MIB <= span.high


def test_a_draft_model_has_flags_of_its_own() -> None:
    """It is loaded whole where the model is not, its cache has its own type, and it may be told to stay off the devices."""
    serving = replace(SERVING, gpu_layers=3, key_type="q8_0", value_type="q8_0")
    small = replace(SHAPE, nextn=())
    alone, both = footprint(SHAPE, serving, GPU), footprint(SHAPE, serving, GPU, draft=small)
    assert weights(both)["cuda:0"] - weights(alone)["cuda:0"] == 4 * 50 + 91
    kv = footprint(small, SERVING, GPU).parts["cuda:0"][Component.KV].expected
    assert both.component(Component.KV).expected - alone.component(Component.KV).expected == kv
    off = footprint(SHAPE, replace(serving, drafter=DraftServing(on_gpu=False)), GPU, draft=small)
    assert (off.parts["cuda:0"], weights(off)["ram"]) == (alone.parts["cuda:0"], weights(alone)["ram"] + 4 * 50 + 198)


def test_adapters_lie_where_the_layers_do() -> None:
    """LoRA adapters go with the layers that they change, a control vector of floats to every layer but the first."""
    serving = replace(SERVING, gpu_layers=3)
    plain, changed = (
        footprint(SHAPE, each, GPU)
        for each in (serving, replace(serving, adapter_bytes=400 * MIB, control_vector=True))
    )
    more = {pool: changed.pool(pool).expected - plain.pool(pool).expected for pool in plain.parts}
    assert {"cuda:0": 100 * MIB + 4 * 512, "ram": 300 * MIB + 2 * 4 * 512} == more
