"""KV cache, recurrent state and prefill memory of a model in MLX.

Caches grow with the tokens, and prompts are prefilled step by step. Where no kernel fuses attention, a step writes the scores of
every query head for every token so far, which is most of the memory for long contexts. Which head widths are fused:
`mlx/backend/metal/scaled_dot_product_attention.cpp`.
"""

from hostd.domain.footprint import Span
from hostd.domain.shape import Layer, LayerKind, Shape
from hostd.planning.footprint.mlx_serving import MlxServing

# Tokens by which caches grow.
STEP = 256
# Head widths with fused attention: in all builds; in builds since August 2026; in those only on GPUs of the M5 and later.
_FUSED = frozenset({64, 80, 128})
_FUSED_LATELY = frozenset({72, 96})
_FUSED_ON_FEW = frozenset({256})
_WIDTH = 2
# A group of 64 quantised elements has a scale and a bias of two bytes each.
_GROUP = 64
_GROUP_BYTES = 4
# Widths of an expanded latent's key, of the key's part without position, and of its value: DeepSeek's, and GLM's.
_EXPANDED = (192, 128, 128)
_EXPANDED_GLM = (256, 192, 256)


def kv(shape: Shape, serving: MlxServing) -> Span:
    """Return the bytes of keys and values of one request of the whole context.

    For latent attention it is a span, unless it is known whether this mlx-lm caches the latent alone.
    """
    tokens = serving.request(shape)
    small = sum(_cells(layer, shape, serving, tokens) * _row(layer, serving) for layer in shape.layers)
    if not has_latent(shape) or serving.caches_latent:
        return Span.exactly(small)
    large = sum(_cells(layer, shape, serving, tokens) * _expanded_row(layer, shape, serving) for layer in shape.layers)
    return Span.exactly(large) if serving.caches_latent is False else Span(small, small, large)


def has_latent(shape: Shape) -> bool:
    """Return whether the model has latent attention: keys and values are computed from a latent."""
    return any(layer.key_elements and not layer.value_width for layer in shape.layers)


def recurrent(shape: Shape) -> Span:
    """Return the bytes of one request's recurrent states; the model's code decides between 16 and 32 bits."""
    elements = sum(layer.conv_state + layer.state for layer in shape.layers)
    return Span(2 * elements, 4 * elements, 4 * elements)


def prefill(shape: Shape, serving: MlxServing) -> Span:
    """Return the peak bytes of a prefill, without the cache.

    The peak is the scores of the widest layer without fused attention, and at least the growth of one layer's cache.
    """
    tokens = serving.request(shape)
    peak = Span()
    for layer in dict.fromkeys(shape.layers):
        if cells := _cells(layer, shape, serving, tokens):
            # A growing cache is copied: old and new exist together.
            growth = Span(0, cells * _row(layer, serving), 2 * cells * _row(layer, serving))
            peak = _most(peak, _most(growth, _scores(layer, shape, serving, cells)))
    return peak


def _cells(layer: Layer, shape: Shape, serving: MlxServing, tokens: int) -> int:
    """Return the capacity of *layer*'s cache in tokens; during a prefill a window's cache holds one step more."""
    if not layer.key_elements or layer.kind not in (LayerKind.FULL, LayerKind.SLIDING):
        return 0
    if layer.kind is LayerKind.SLIDING:
        tokens = min(tokens, shape.window + serving.prefill_step)
    return -(-tokens // STEP) * STEP


def _row(layer: Layer, serving: MlxServing) -> int:
    """Return the bytes of one token in *layer*; MLX never quantises a window's cache."""
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
    """Return the bytes of one step's attention scores in *layer*, over *cells* tokens."""
    matrix = layer.heads * min(serving.prefill_step, cells) * cells * _WIDTH
    if not layer.value_width:
        _, key, value = _expanded(shape)
        # The position part has scores of its own, as a mask; keys and values are expanded from the latent, and copied.
        latent = 2 * matrix + 2 * cells * layer.heads * (key + value) * _WIDTH
        if serving.caches_latent is None:
            return Span(min(matrix, latent), max(matrix, latent), max(matrix, latent))
        return Span.exactly(latent if serving.caches_latent else matrix)
    if serving.kv_bits is not None:
        # Attention over a quantised cache is never fused; scores and their softmax exist together.
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
