"""What vLLM keeps of the tokens that it has seen, per card: pages of one size that layers of all kinds share.

The arithmetic is that of `vllm/v1/kv_cache_interface.py` and `vllm/v1/core/kv_cache_utils.py`: layers of one kind are put into
groups of equal length, and every block that a group takes for a request is a page in each of its layers.
"""

from collections import Counter
from dataclasses import dataclass

from hostd.domain.shape import Layer, LayerKind, Shape
from hostd.planning.footprint.vllm_serving import VllmServing

# Kinds of layers whose numbers differ by less than half are padded to one group each, instead of split.
_PADDED_RATIO = 1.5
_SPARSE_LATENT = 656
_INDEX_TILE = 128


@dataclass(frozen=True, slots=True)
class KvBlocks:
    """A request's memory on one card: bytes of one *request* of the whole context, of which *state* is recurrent.

    *uniform* is the bytes of one block of all layers, where every layer keeps every token; 0 where kinds are mixed.
    """

    request: int
    state: int
    uniform: int


def pages(shape: Shape, serving: VllmServing, cards: int, step: int) -> KvBlocks:
    """Return what one request of the whole context takes on each of *cards*, when a step computes *step* tokens at most."""
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
    """Return the bytes that a card keeps of one token in *layer*: its share of the heads, or the whole latent."""
    if not layer.value_width:
        row = _SPARSE_LATENT if serving.kv_type == "fp8_ds_mla" else layer.key_elements * serving.kv_width
    else:
        row = max(1, layer.kv_heads // cards) * (layer.key_width + layer.value_width) * serving.kv_width
    # Sparse attention's index is one byte per element, with a scale for every tile.
    return row + layer.index_width + 4 * _blocks(layer.index_width, _INDEX_TILE)


def cached_tokens(kept: KvBlocks, context: int, block: int, kv_bytes: int) -> int:
    """Return how many tokens *kv_bytes* have room for: whole blocks, or as many requests of *context* where kinds are mixed."""
    if kept.uniform:
        return kv_bytes // kept.uniform * block
    return kv_bytes * context // kept.request if kept.request else 0


def _kept(layer: Layer) -> Layer:
    """Return *layer* without what makes no difference to its cache."""
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
    """Return the pages of a model whose layers keep different things: one size of page fits all."""
    tokens = serving.request(shape)
    widest = max(attention.values(), default=0)
    block = serving.block
    if states and widest:
        # A block of tokens is made as long as it takes for its page to hold a recurrent state.
        block = max(block, _blocks(_blocks(max(states.values()), widest), serving.block) * serving.block)
    page = max(block * widest, *states.values()) if states else block * widest
    counted = [kinds[layer] for layer in attention] + [kinds[layer] for layer in states]
    least, most = min(counted), max(counted)
    length = most if most < least * _PADDED_RATIO else least
    held = sum(
        _blocks(kinds[layer], length) * _attention_blocks(layer, shape.window, page // size, tokens, step)
        for layer, size in attention.items()
    )
    # With prefix caching a request holds the state that it had at the last full block too, and one for each drafted token.
    state = sum(_blocks(kinds[layer], length) for layer in states) * (2 + serving.draft)
    return KvBlocks(length * page * (held + state), length * page * state, 0)


def _attention_blocks(layer: Layer, window: int, block: int, tokens: int, step: int) -> int:
    if layer.kind is LayerKind.SLIDING:
        # A window need not begin where a block does.
        return _blocks(min(window - 1 + step, tokens), block) + 1
    return _blocks(tokens, block)


def _state(layer: Layer, serving: VllmServing, cards: int) -> int:
    # The convolution's inputs are kept as wide as activations are.
    return _blocks(2 * layer.conv_state + serving.state_bytes * layer.state, cards)


def _blocks(count: int, size: int) -> int:
    return -(-count // size)
