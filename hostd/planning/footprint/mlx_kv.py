"""What MLX keeps of the tokens that it has seen, and what reading them takes.

Caches grow with the tokens, prompts are read a step at a time, and where no kernel fuses attention a step writes out its scores:
every query head's, for every token so far. For long contexts that is what decides. Which heads are fused is as in
`mlx/backend/metal/scaled_dot_product_attention.cpp`.
"""

from hostd.domain.footprint import Span
from hostd.domain.shape import Layer, LayerKind, Shape
from hostd.planning.footprint.mlx_serving import MlxServing

# Caches grow by so many tokens at a time.
STEP = 256
# Head widths whose attention is fused: always; only in builds since August 2026; only there and on GPUs of the M5 and later.
_FUSED = frozenset({64, 80, 128})
_FUSED_LATELY = frozenset({72, 96})
_FUSED_ON_FEW = frozenset({256})
_WIDTH = 2
# A group of 64 quantised elements has a scale and a bias of two bytes each.
_GROUP = 64
_GROUP_BYTES = 4
# Widths of a head's key, of its part without position, and of its value, where a latent is expanded: DeepSeek's, and GLM's.
_EXPANDED = (192, 128, 128)
_EXPANDED_GLM = (256, 192, 256)


def kv(shape: Shape, serving: MlxServing) -> Span:
    """Return the bytes of keys and values of one request of the whole context.

    It is a span for latent attention, unless it is known whether this mlx-lm keeps the latent alone.
    """
    tokens = serving.request(shape)
    small = sum(_cells(layer, shape, serving, tokens) * _row(layer, serving) for layer in shape.layers)
    if not has_latent(shape) or serving.caches_latent:
        return Span.exactly(small)
    large = sum(_cells(layer, shape, serving, tokens) * _expanded_row(layer, shape, serving) for layer in shape.layers)
    return Span.exactly(large) if serving.caches_latent is False else Span(small, small, large)


def has_latent(shape: Shape) -> bool:
    """Return whether keys and values are made from a latent."""
    return any(layer.key_elements and not layer.value_width for layer in shape.layers)


def recurrent(shape: Shape) -> Span:
    """Return the bytes of one request's recurrent states: kept in 16 or in 32 bits, as the model's code has it."""
    elements = sum(layer.conv_state + layer.state for layer in shape.layers)
    return Span(2 * elements, 4 * elements, 4 * elements)


def prefill(shape: Shape, serving: MlxServing) -> Span:
    """Return the bytes that reading a prompt takes at its peak, beside the cache.

    It is the scores of the widest layer where attention is not fused, and no less than what a layer's cache takes to grow.
    """
    tokens = serving.request(shape)
    peak = Span()
    for layer in dict.fromkeys(shape.layers):
        if cells := _cells(layer, shape, serving, tokens):
            # A cache grows into a new one before the old one goes.
            growth = Span(0, cells * _row(layer, serving), 2 * cells * _row(layer, serving))
            peak = _most(peak, _most(growth, _scores(layer, shape, serving, cells)))
    return peak


def _cells(layer: Layer, shape: Shape, serving: MlxServing, tokens: int) -> int:
    """Return the tokens that *layer* has room for: a window's cache holds a step more while a prompt is read."""
    if not layer.key_elements or layer.kind not in (LayerKind.FULL, LayerKind.SLIDING):
        return 0
    if layer.kind is LayerKind.SLIDING:
        tokens = min(tokens, shape.window + serving.prefill_step)
    return -(-tokens // STEP) * STEP


def _row(layer: Layer, serving: MlxServing) -> int:
    """Return the bytes of one token in *layer*; a window's cache is never quantised."""
    elements = layer.key_elements + layer.value_elements + layer.index_width
    return _bytes(elements, serving.kv_bits if layer.kind is LayerKind.FULL else None)


def _expanded_row(layer: Layer, shape: Shape, serving: MlxServing) -> int:
    if layer.value_width:
        return _row(layer, serving)
    key, _, value = _expanded(shape)
    return _bytes(layer.heads * (key + value), serving.kv_bits)


def _bytes(elements: int, bits: int | None) -> int:
    return _WIDTH * elements if bits is None else elements * bits // 8 + -(-elements // _GROUP) * _GROUP_BYTES


def _scores(layer: Layer, shape: Shape, serving: MlxServing, cells: int) -> Span:
    """Return the bytes of one step's attention in *layer*, over *cells* tokens."""
    matrix = layer.heads * min(serving.prefill_step, cells) * cells * _WIDTH
    if not layer.value_width:
        _, key, value = _expanded(shape)
        # The part with the position is scored apart, and masked; keys and values are made from the latent, and copied.
        latent = 2 * matrix + 2 * cells * layer.heads * (key + value) * _WIDTH
        if serving.caches_latent is None:
            return Span(min(matrix, latent), max(matrix, latent), max(matrix, latent))
        return Span.exactly(latent if serving.caches_latent else matrix)
    if serving.kv_bits is not None:
        # Attention over a quantised cache is never fused; scores and their softmax are there together.
        return Span(matrix, matrix, 2 * matrix)
    if layer.key_width != layer.value_width:
        return Span.exactly(matrix)
    if layer.key_width in _FUSED:
        return Span()
    if layer.key_width in _FUSED_LATELY:
        return Span(0, 0, matrix)
    return Span(0 if layer.key_width in _FUSED_ON_FEW else matrix, matrix, matrix)


def _expanded(shape: Shape) -> tuple[int, int, int]:
    return _EXPANDED_GLM if shape.architecture.startswith("glm") else _EXPANDED


def _most(one: Span, other: Span) -> Span:
    return Span(max(one.low, other.low), max(one.expected, other.expected), max(one.high, other.high))
