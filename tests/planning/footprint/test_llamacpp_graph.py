"""Scratch memory: peaks that recorded logs show, and laws that hold for every model."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.shape import Layer, LayerKind, Shape
from hostd.planning.footprint.llamacpp_graph import ComputeBuffers, compute_buffers
from hostd.planning.footprint.llamacpp_kv import cells
from hostd.planning.footprint.llamacpp_serving import MIB, Serving

LLAMA = Shape(
    "llama",
    "Llama-3-8B",
    (Layer(LayerKind.FULL, heads=32, kv_heads=8, key_width=128, value_width=128),) * 32,
    heads=32,
    embedding=4096,
    vocabulary=128_256,
    context=8192,
    feed_forward=14336,
)


def scratch(shape: Shape, serving: Serving, devices: int = 1) -> ComputeBuffers:
    """Return the scratch memory of a model."""
    return compute_buffers(shape, serving, cells(shape, serving), devices)


def test_without_flash_attention_the_scores_decide() -> None:
    """The score matrix of all heads, its mask and four copies of the stream are held at once."""
    expected = (32 * 4096 * 512 + 4096 * 512 + 4 * 4096 * 512) * 4
    assert expected == scratch(LLAMA, Serving(context=4096, flash="off", build=10000)).device.expected


def test_with_flash_attention_the_feed_forward_part_decides() -> None:
    """Three inner vectors and two copies of the stream, and a mask of two bytes per cell and token."""
    expected = (3 * 14336 + 2 * 4096) * 512 * 4 + 8192 * 512 * 2
    assert expected == scratch(LLAMA, Serving(context=8192, flash="on", build=10000)).device.expected


def test_older_builds_keep_all_logits() -> None:
    """Before the end of May 2026 the logits of the whole micro-batch were held; unless the build is known, they may be."""
    old, new, unknown = (scratch(LLAMA, Serving(context=1024, build=build)).device for build in (9000, 10000, None))
    assert (128_256 + 3 * 4096) * 512 * 4 == old.expected == unknown.expected
    assert new.expected < old.expected // 2
    assert unknown.low <= new.expected


def test_experts_are_counted_by_their_outputs() -> None:
    """With many small experts, the chosen ones' outputs are what is large: 376 MiB beside the masks was measured."""
    shape = replace(LLAMA, embedding=2048, feed_forward=0, experts=256, experts_used=8, expert_feed_forward=512)
    shape = replace(shape, layers=(replace(LLAMA.layers[0], heads=16, key_width=256, expert_bytes=1),), vocabulary=1)
    serving = Serving(context=150_016, ubatch=4096, batch=4096, flash="on", build=10000)
    assert 376 * MIB == scratch(shape, serving).device.expected - 150_016 * 4096 * 2


def test_several_devices_keep_inputs_in_flight() -> None:
    """A pipeline over devices holds four copies of the masks on each."""
    serving = Serving(context=8192, flash="on", build=10000)
    one, two = (scratch(LLAMA, serving, devices).device.expected for devices in (1, 2))
    assert 3 * 8192 * 512 * 2 == two - one


@given(st.integers(256, 100_000), st.sampled_from([64, 512, 2048]), st.booleans(), st.sampled_from([None, 9000, 10000]))
def test_spans_are_in_order_and_grow_with_the_context(
    context: int, ubatch: int, flash: bool, build: int | None
) -> None:
    """Low, expected and high are in that order, and none falls when the context grows."""
    serving = Serving(context=context, ubatch=ubatch, flash="on" if flash else "off", build=build)
    less, more = (scratch(LLAMA, each) for each in (serving, replace(serving, context=2 * context)))
    for before, after in ((less.device, more.device), (less.host, more.host), (less.alone, more.alone)):
        assert before.low <= before.expected <= before.high
        assert (before.low, before.expected, before.high) <= (after.low, after.expected, after.high)
