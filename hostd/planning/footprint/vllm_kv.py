"""KV cache and recurrent state of a model in vLLM, per card: pages of one size for layers of all kinds.

Source of the formulas: `vllm/v1/kv_cache_interface.py` and `vllm/v1/core/kv_cache_utils.py`. Layers of one kind form groups of
equal length, and every block that a group takes for a request is a page in each of its layers.
"""

from collections import Counter
from dataclasses import dataclass

from hostd.domain.shape import Layer, LayerKind, Shape
from hostd.planning.footprint.vllm_serving import VllmServing

# If the counts of the kinds of layers differ by less than half, vLLM pads each kind to one group instead of splitting it.
_PADDED_RATIO = 1.5
_SPARSE_LATENT = 656
_INDEX_TILE = 128


@dataclass(frozen=True, slots=True)
class KvBlocks:
    """Cache of one *request* of the whole context on one card, in bytes, of which *state* is recurrent.

    *uniform* is the bytes of one block of all layers if every layer caches every token; 0 for mixed kinds of layers.
    """

    request: int
    state: int
    uniform: int


def pages(shape: Shape, serving: VllmServing, cards: int, step: int) -> KvBlocks:
    """Return the cache of one request of the whole context on each of *cards*; a step computes at most *step* tokens."""
    layers = (*shape.layers, *shape.nextn) if serving.draft else shape.layers
    kinds = Counter(_kept(layer) for layer in layers)
    attention = {layer: token_bytes(layer, serving, cards) for layer in kinds if layer.key_elements}
    states = {layer: _state(layer, serving, cards) for layer in kinds if layer.state or layer.conv_state}
    tokens = serving.request(shape)
    if not states and all(layer.kind is LayerKind.FULL for layer in attention):
        block = serving.block * sum(size * kinds[layer] for layer, size in attention.items())
        return KvBlocks(_blocks(tokens, serving.block) * block, 0, block)
    return _mixed(shape, serving, kinds, attention, states, step)


def token_bytes(layer: Layer, serving: VllmServing, cards: int) -> int:
    """Return the bytes that a card caches of one token in *layer*: its share of the heads, or the whole latent."""
    if not layer.value_width:
        row = _SPARSE_LATENT if serving.kv_type == "fp8_ds_mla" else layer.key_elements * serving.kv_width
    else:
        row = max(1, layer.kv_heads // cards) * (layer.key_width + layer.value_width) * serving.kv_width
    # Sparse attention's index is one byte per element, with a scale for every tile.
    return row + layer.index_width + 4 * _blocks(layer.index_width, _INDEX_TILE)


def cached_tokens(kept: KvBlocks, context: int, block: int, kv_bytes: int) -> int:
    """Return the tokens that *kv_bytes* hold: whole blocks, or, for mixed kinds of layers, requests of *context* tokens."""
    if kept.uniform:
        return kv_bytes // kept.uniform * block
    return kv_bytes * context // kept.request if kept.request else 0


def _kept(layer: Layer) -> Layer:
    """Return *layer* with only the fields that decide its cache, so that equal caches are counted together."""
    return Layer(
        layer.kind,
        kv_heads=layer.kv_heads,
        key_width=layer.key_width,
        value_width=layer.value_width,
        index_width=layer.index_width,
        conv_state=layer.conv_state,
        state=layer.state,
    )


def _mixed(
    shape: Shape,
    serving: VllmServing,
    kinds: Counter[Layer],
    attention: dict[Layer, int],
    states: dict[Layer, int],
    step: int,
) -> KvBlocks:
    """Return the cache of a model with mixed kinds of layers, which share one page size."""
    tokens = serving.request(shape)
    widest = max(attention.values(), default=0)
    block = serving.block
    if states and widest:
        # vLLM lengthens the block of tokens until its page holds a recurrent state.
        block = max(block, _blocks(_blocks(max(states.values()), widest), serving.block) * serving.block)
    page = max(block * widest, *states.values()) if states else block * widest
    counted = [kinds[layer] for layer in attention] + [kinds[layer] for layer in states]
    least, most = min(counted), max(counted)
    length = most if most < least * _PADDED_RATIO else least
    held = sum(
        _blocks(kinds[layer], length) * _attention_blocks(layer, shape.window, page // size, tokens, step)
        for layer, size in attention.items()
    )
    # With prefix caching a request also holds its state at the last full block, and one for each drafted token.
    state = sum(_blocks(kinds[layer], length) for layer in states) * (2 + serving.draft)
    return KvBlocks(length * page * (held + state), length * page * state, 0)


def _attention_blocks(layer: Layer, window: int, block: int, tokens: int, step: int) -> int:
    if layer.kind is LayerKind.SLIDING:
        # A window may begin inside a block, so it can touch one block more.
        return _blocks(min(window - 1 + step, tokens), block) + 1
    return _blocks(tokens, block)


def _state(layer: Layer, serving: VllmServing, cards: int) -> int:
    # The convolution's inputs have the width of activations, two bytes.
    return _blocks(2 * layer.conv_state + serving.state_bytes * layer.state, cards)


def _blocks(count: int, size: int) -> int:
    return -(-count // size)
