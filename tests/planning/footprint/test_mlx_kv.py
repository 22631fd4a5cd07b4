"""MLX's caches and scores: against slopes that were measured, and the rules for which heads are fused."""

from dataclasses import replace

import pytest

from hostd.domain.footprint import Span
from hostd.domain.shape import Layer, LayerKind, Shape
from hostd.planning.footprint.mlx_kv import kv, prefill, recurrent
from hostd.planning.footprint.mlx_serving import MlxServing
from tests.planning.checkpoints import report, rows, shape
from tests.planning.truth import Row

FULL = Layer(LayerKind.FULL, 16, 4, 128, 128)


def model(*layers: Layer, window: int = 0) -> Shape:
    """Return a model of these layers."""
    return Shape("any", "any", layers, window=window)


def row(name: str) -> Row:
    """Return the first row of MLX whose id begins with *name*."""
    return next(each for each in rows("mlx") if each["id"].startswith(name))


def slope(shape_: Shape, serving: MlxServing, near: int, far: int) -> float:
    """Return the bytes per token that cache and scores grow by, from *near* tokens to *far* ones."""
    sizes = [
        (kv(shape_, each) + prefill(shape_, each)).expected
        for each in (replace(serving, context=near), replace(serving, context=far))
    ]
    return (sizes[1] - sizes[0]) / (far - near)


def test_qwen_grows_by_what_was_derived() -> None:
    """Qwen3.6-35B-A3B takes 86,016 bytes per token, 20,480 of them cache; 86,411 were measured."""
    found = slope(shape(row("mlx-qwen36")), MlxServing(), 8192, 180224)
    assert 86_016 == found
    assert abs(report(row("mlx-qwen36"), "bytes per token", found, 86_411)) <= 0.5


def test_lm_studio_counts_the_same() -> None:
    """For Qwen3.6-27B, LM Studio's log has 98,304 bytes of attention and 65,536 of cache per token."""
    delta = Layer(LayerKind.RECURRENT, 24, conv_state=3 * 10240, state=48 * 128 * 128)
    large = model(*[delta, delta, delta, Layer(LayerKind.FULL, 24, 4, 256, 256)] * 16)
    serving = MlxServing(context=65536)
    assert 98_304 == prefill(large, serving).expected / 65536
    assert Span.exactly(65_536 * 65536) == kv(large, serving)


@pytest.mark.parametrize(
    ("caches_latent", "key", "within"), [(False, "peak_full_kv", 1.0), (True, "peak_latent_kv", 0.5)]
)
def test_deepseek_grows_as_measured(caches_latent: bool, key: str, within: float) -> None:
    """DeepSeek-V3 grows by 5.55 MB per token where all heads are kept, and by 1.25 MB where the latent is."""
    near, far = (each for each in rows("mlx") if each["id"].startswith("mlx-dsv3"))
    measured = (far["measured_mib"][key] - near["measured_mib"][key]) * 2**20 / (far["ctx"] - near["ctx"])
    found = slope(shape(near), MlxServing(caches_latent=caches_latent), near["ctx"], far["ctx"])
    assert abs(report(near, key, found, measured)) <= within


def test_a_latent_is_a_span_where_the_version_is_not_known() -> None:
    """The latent alone is what is expected; every head's keys and values are the most that it can be."""
    deep = model(Layer(LayerKind.FULL, 128, 1, 576, 0))
    serving = MlxServing(context=256)
    assert Span(256 * 1152, 256 * 1152, 256 * 128 * 320 * 2) == kv(deep, serving)
    assert Span.exactly(256 * 1152) == kv(deep, replace(serving, caches_latent=True))
    glm = replace(deep, architecture="glm4_moe_lite")
    assert Span.exactly(256 * 128 * 512 * 2) == kv(glm, replace(serving, caches_latent=False))


def test_a_latent_model_may_have_other_layers() -> None:
    """A layer with values of its own is kept the same in either case."""
    both = model(FULL, Layer(LayerKind.FULL, 128, 1, 576, 0))
    assert 256 * (2048 + 128 * 320 * 2) == kv(both, MlxServing(context=256, caches_latent=False)).expected


@pytest.mark.parametrize(("tokens", "cells"), [(1, 256), (256, 256), (257, 512)])
def test_caches_grow_by_256_tokens(tokens: int, cells: int) -> None:
    """The capacity of a cache is whole steps of 256 tokens."""
    assert Span.exactly(cells * 4 * 256 * 2) == kv(model(FULL), MlxServing(context=tokens))


def test_a_window_holds_a_step_more() -> None:
    """A sliding layer keeps its window, and while a prompt is read a step on top."""
    sliding = replace(FULL, kind=LayerKind.SLIDING)
    assert Span.exactly((1024 + 2048) * 2048) == kv(model(sliding, window=1024), MlxServing(context=100_000))
    assert Span.exactly(512 * 2048) == kv(model(sliding, window=1024), MlxServing(context=512))


def test_a_quantised_cache_has_scales_and_unfused_attention() -> None:
    """Eight bits are 17/32 of sixteen; windows stay as they are; the scores of a step are written out."""
    serving = MlxServing(context=8192, kv_bits=8)
    plain = kv(model(FULL), MlxServing(context=8192)).expected
    assert plain * 17 // 32 == kv(model(FULL), serving).expected
    sliding = model(replace(FULL, kind=LayerKind.SLIDING), window=256)
    assert kv(sliding, MlxServing(context=8192)) == kv(sliding, serving)
    matrix = 16 * 2048 * 8192 * 2
    assert Span(matrix, matrix, 2 * matrix) == prefill(model(FULL), serving)


@pytest.mark.parametrize(
    ("width", "value", "expected"),
    [
        (128, 128, (0, 0, 0)),
        (64, 64, (0, 0, 0)),
        (96, 96, (0, 0, 1)),
        (256, 256, (0, 1, 1)),
        (192, 192, (1, 1, 1)),
        (192, 128, (1, 1, 1)),
    ],
)
def test_scores_are_written_out_where_no_kernel_fuses_them(width: int, value: int, expected: tuple[int, ...]) -> None:
    """Widths 64, 80 and 128 are fused everywhere, 72, 96 and 256 in newer builds or GPUs, others and mixed ones never."""
    matrix, few = 64 * 2048 * 65536 * 2, Layer(LayerKind.FULL, 64, 1, width, value)
    found = prefill(model(few), MlxServing(context=65536))
    assert expected == tuple(count // matrix for count in (found.low, found.expected, found.high))


def test_a_smaller_step_takes_less() -> None:
    """A quarter of the step takes a quarter of the scores."""
    wide = model(Layer(LayerKind.FULL, 16, 2, 256, 256))
    large, small = (prefill(wide, MlxServing(context=65536, prefill_step=step)).expected for step in (2048, 512))
    assert 4 * small == large


def test_growing_takes_a_second_copy_of_a_layer() -> None:
    """Where attention is fused, the peak is the copy of one layer's cache as it grows."""
    assert Span(0, 8192 * 2048, 2 * 8192 * 2048) == prefill(model(FULL, FULL), MlxServing(context=8192))


def test_states_have_sixteen_or_thirty_two_bits() -> None:
    """A recurrent layer's state is counted at both widths, and takes no keys, values or scores."""
    state = model(Layer(LayerKind.RECURRENT, 16, conv_state=10, state=90))
    assert Span(200, 400, 400) == recurrent(state)
    assert Span() == kv(state, MlxServing(context=512)) == prefill(state, MlxServing(context=512))
