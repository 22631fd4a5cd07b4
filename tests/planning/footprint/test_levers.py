"""What would save memory, and how much."""

from dataclasses import replace

from hostd.domain.footprint import Component
from hostd.domain.shape import Layer, LayerKind, Shape, Tables
from hostd.planning.footprint.levers import BITS, FLAGS, KEYS, Lever, LlamaCppServing, packed, packings
from hostd.planning.footprint.llamacpp_serving import MIB, Placement, Serving

GIB = 2**30
BLOCK = Layer(
    LayerKind.FULL, heads=32, kv_heads=8, key_width=128, value_width=128, dense_bytes=50 * MIB, expert_bytes=400 * MIB
)
SHAPE = Shape(
    "llama",
    "a model",
    (BLOCK,) * 32,
    heads=32,
    embedding=4096,
    vocabulary=32000,
    context=131072,
    feed_forward=8192,
    tables=Tables(token_embedding=100 * MIB, output=100 * MIB),
    quantisation="Q8_0",
)
SERVED = LlamaCppServing(SHAPE, Serving(context=65536, slots=4, unified=False, flash="on", build=10000))
GPU = Placement.on("cuda:0")
PLENTY = {"cuda:0": 80 * GIB, "ram": 80 * GIB}


def levers(served: LlamaCppServing = SERVED, free: int = 80) -> dict[str, int]:
    """Return the levers on a card of so many GiB."""
    return {lever.change: lever.saves for lever in served.levers(GPU, PLENTY | {"cuda:0": free * GIB})}


def test_each_lever_saves_what_a_new_footprint_says() -> None:
    """A q8_0 cache saves 15 of 32 parts of an f16 one, but for the layer that a card unpacks; half of the context half of it."""
    kv = SERVED.footprint(GPU).component(Component.KV).expected
    found = levers()
    assert 8 * GIB == kv
    assert kv * 15 // 32 - kv // 32 == found["--kv-type q8_0"]
    assert kv * 23 // 32 - kv // 32 == found["--kv-type q4_0"]
    assert found["--ctx 32768"] >= kv // 2
    assert 32 * 400 * MIB == found[FLAGS.experts.format(32)]
    assert int(found["a Q4_K_M file instead of Q8_0 (estimate)"] / (32 * 450 + 100) / MIB * 1000) == int(
        (1 - BITS["Q4_K_M"] / BITS["Q8_0"]) * 1000
    )


def test_they_are_ranked() -> None:
    """The one that saves most comes first, and none saves nothing."""
    found = list(levers().values())
    assert sorted(found, reverse=True) == found
    assert min(found) > 0


def test_the_largest_context_that_fits_is_found() -> None:
    """Only where the present one does not, and it is the last step that fits."""
    name = next(change for change in levers(free=20) if "largest" in change)
    context = int(name.split()[1])
    for tokens, fits in ((context, True), (context + 1024, False)):
        there = replace(SERVED, serving=replace(SERVED.serving, context=tokens)).footprint(GPU)
        assert fits is (there.pool("cuda:0").high <= 20 * GIB)
    assert not any("largest" in change for change in levers())


def test_a_profile_is_spoken_to_in_its_own_keys() -> None:
    """Its context is per request, so fewer slots take less of it."""
    found = levers(replace(SERVED, words=KEYS))
    kv = SERVED.footprint(GPU).component(Component.KV).expected
    assert {"context: 8192", "kv_type: q8_0", "args: {ubatch-size: 256}", "args: {kv-unified: true}"} & found.keys()
    assert found["slots: 1"] >= kv * 3 // 4


def test_fewer_slots_help_where_each_keeps_a_state() -> None:
    """With the same context in all, slots cost what is kept per sequence."""
    shape = replace(SHAPE, layers=(Layer(LayerKind.RECURRENT, conv_state=1000, state=1 << 20),) * 32)
    found = levers(LlamaCppServing(shape, SERVED.serving))
    assert found["--slots 1"] > found["--slots 2"] >= 32 * 2 * 4 * (1 << 20)


def test_flash_attention_is_offered_where_it_is_off() -> None:
    """Without it, scores take scratch memory."""
    off = replace(SERVED, serving=replace(SERVED.serving, flash="off"))
    assert levers(off)["--flash-attn on"] > 900 * MIB
    assert "--flash-attn on" not in levers()


def test_what_is_short_counts() -> None:
    """If the card has free memory and the host has none, experts on the host save nothing."""
    found = SERVED.levers(GPU, {"cuda:0": 80 * GIB, "ram": 0})
    assert not any("n-cpu-moe" in lever.change for lever in found)


def test_what_is_kept_beside_the_model_may_go() -> None:
    """A projector to the host where the card is short, and past prompts where the host is."""
    seeing = replace(SERVED, projector=replace(SHAPE, layers=(), tables=Tables(), projector=900 * MIB))
    assert levers(seeing)["llama-server's --no-mmproj-offload"] >= 900 * MIB
    short = {lever.change: lever.saves for lever in SERVED.levers(GPU, {"cuda:0": 80 * GIB, "ram": 0})}
    assert SERVED.serving.cache_ram == short["llama-server's --cache-ram 0"]


def test_a_number_of_layers_that_the_owner_fixed_stays() -> None:
    """Whatever placing asks for."""
    fixed = replace(SERVED, serving=replace(SERVED.serving, gpu_layers=1))
    assert fixed.footprint(GPU, 20) == fixed.footprint(GPU)
    assert fixed.footprint(GPU) != SERVED.footprint(GPU)


def test_other_packings_scale_all_weights() -> None:
    """Layers and tables in proportion; a packing that is not known offers none."""
    half = packed(SHAPE, 0.5)
    assert SHAPE.weight_bytes == 2 * half.weight_bytes
    assert [] == list(packings(replace(SHAPE, quantisation="?")))
    assert ["Q6_K", "Q4_K_M", "IQ4_XS", "Q3_K_M", "Q2_K"] == [change.split()[1] for change, _ in packings(SHAPE)]


def test_a_lever_is_a_phrase_and_a_number() -> None:
    """Equal ones are equal."""
    assert Lever("--slots 1", 5) == Lever("--slots 1", 5)


def test_the_owners_placement_comes_before_hostds() -> None:
    """Of layers, and of experts where he keeps more of them on the host."""
    fixed = replace(SERVED, serving=replace(SERVED.serving, gpu_layers=3, cpu_experts=2))
    where = Placement.on("cuda:0")
    assert (replace(where, cpu_experts=2), 3) == fixed.placed(where, 7)
    assert (replace(where, cpu_experts=5), 7) == SERVED.placed(replace(where, cpu_experts=5), 7)
