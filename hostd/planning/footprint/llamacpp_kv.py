"""KV cache and recurrent state of a model in llama.cpp, exact to the byte.

Source of the formulas: llama-kv-cache.cpp, llama-kv-cache-iswa.cpp and llama-memory-recurrent.cpp (commit 0c1e57098).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from hostd.domain.shape import Layer, LayerKind, Shape
from hostd.planning.footprint.llamacpp_serving import Serving

# llama.cpp rounds contexts and sliding windows up to whole blocks of cells.
CELLS = 256
_STATE_BYTES = 4
# Until this build, the context of the drafting layers had a cache for every layer of these architectures (llama.cpp issue 28626
# of September 2026, seen in build 10820).
FILTERED_SINCE = 10_900
_UNFILTERED = {"cohere2moe", "deepseek2", "glm4moe"}
# Until this build, the indexer of this architecture had one row of keys for each token, and values that nothing read
# (llama.cpp pull requests 27742 and 28330 of August and September 2026).
POOLED_SINCE = 10_800
_POOLED = {"qwen4exp"}


@dataclass(frozen=True, slots=True)
class KvCells:
    """Capacity of a cache in tokens per stream: of a full-attention layer, and of a sliding-window one."""

    full: int
    sliding: int
    streams: int


@dataclass(frozen=True, slots=True)
class KvCaches:
    """Bytes of the caches: of each layer of the trunk, and of all drafting layers together."""

    cells: KvCells
    kv: tuple[int, ...]
    recurrent: tuple[int, ...]
    full: int
    sliding: int
    drafting: int


def cells(shape: Shape, serving: Serving) -> KvCells:
    """Return the cells of a model's cache: all slots share them (unified), or each has an equal part."""
    context = _padded(serving.total_context(shape))
    full = context if serving.unified else _padded(context // serving.slots)
    seen = shape.window * (serving.slots if serving.unified else 1) + serving.micro_batch(shape)
    sliding = full if serving.full_window else _padded(min(full, seen))
    return KvCells(full, sliding, 1 if serving.unified else serving.slots)


def caches(shape: Shape, serving: Serving) -> KvCaches:
    """Return the bytes of a model's caches, whatever its placement."""
    shape, capacity = _as_built(shape, serving), cells(shape, serving)
    widest = None
    if not serving.flash_attention(shape):
        # Without flash attention, values are stored transposed, and every layer is as wide as the widest.
        widest = max((layer.value_elements for layer in (*shape.layers, *shape.nextn)), default=0)
    kv = tuple(_all_kv(shape.layers, serving, capacity, widest))
    slides = [layer.kind is LayerKind.SLIDING for layer in shape.layers]
    drafting = sum(_all_kv(_drafting(shape, serving), serving.of_drafter(), capacity, widest)) if serving.draft else 0
    return KvCaches(
        cells=capacity,
        kv=kv,
        recurrent=_recurrent(shape, serving),
        full=sum(size for size, sliding in zip(kv, slides, strict=True) if not sliding),
        sliding=sum(size for size, sliding in zip(kv, slides, strict=True) if sliding),
        drafting=drafting,
    )


def _as_built(shape: Shape, serving: Serving) -> Shape:
    """Return *shape* with an indexer's rows as the build that serves it has them."""
    if serving.build is None or serving.build >= POOLED_SINCE or shape.architecture not in _POOLED:
        return shape
    layers, nextn = (
        tuple(
            replace(layer, index_width=layer.index_width and layer.index_width // 2 + layer.value_width)
            for layer in each
        )
        for each in (shape.layers, shape.nextn)
    )
    return replace(shape, layers=layers, nextn=nextn)


def _drafting(shape: Shape, serving: Serving) -> tuple[Layer, ...]:
    """Return the layers of which the drafting context keeps keys and values."""
    all_of_them = serving.build is not None and serving.build < FILTERED_SINCE and shape.architecture in _UNFILTERED
    return (*shape.layers, *shape.nextn) if all_of_them else shape.nextn


def _all_kv(layers: Iterable[Layer], serving: Serving, capacity: KvCells, widest: int | None) -> Iterator[int]:
    """Yield each layer's bytes; equal layers are computed once, because a plan computes many footprints."""
    known: dict[tuple[LayerKind, int, int, int, int, int], int] = {}
    for layer in layers:
        alike = (
            layer.kind,
            layer.kv_heads,
            layer.key_width,
            layer.value_width,
            layer.index_width,
            layer.compress_ratio,
        )
        if alike not in known:
            known[alike] = layer_kv(layer, serving, capacity, widest)
        yield known[alike]


def layer_kv(layer: Layer, serving: Serving, capacity: KvCells, widest: int | None = None) -> int:
    """Return the bytes of one layer's keys and values; *widest* is the width that its values are padded to, if any."""
    if layer.kind not in (LayerKind.FULL, LayerKind.SLIDING) or not layer.key_elements:
        return 0
    values = layer.value_elements if widest is None or not layer.value_elements else widest
    row = serving.keys.bytes_for(layer.key_elements) + serving.values.bytes_for(values)
    index = serving.keys.bytes_for(layer.index_width)
    if layer.compress_ratio:
        compressed = _padded(-(-capacity.full // layer.compress_ratio))
        return capacity.streams * (row * capacity.sliding + (row + index) * compressed)
    return (row + index) * capacity.streams * (capacity.sliding if layer.kind is LayerKind.SLIDING else capacity.full)


def unpacked_kv(shape: Shape, serving: Serving) -> int:
    """Return the bytes into which flash attention unpacks the quantised keys and values of the largest layer, as f16.

    Source: ggml-cuda/fattn-common.cuh; measured as the growth of a process's memory with the context beyond that of its caches.
    """
    if not serving.flash_attention(shape):
        return 0
    capacity = cells(shape, serving)
    found = [0]
    for layer in shape.layers:
        if layer.kind in (LayerKind.FULL, LayerKind.SLIDING):
            elements = layer.key_elements * serving.keys.quantised + layer.value_elements * serving.values.quantised
            held = capacity.sliding if layer.kind is LayerKind.SLIDING else capacity.full
            found.append(2 * elements * held * capacity.streams)
    return max(found)


def checkpoint(shape: Shape, serving: Serving) -> int:
    """Return the bytes of one context checkpoint of a slot: its sliding windows and recurrent states, which cannot be cut back."""
    capacity = KvCells(0, min(_padded(shape.window), serving.total_context(shape)), 1)
    sliding = sum(
        _all_kv((layer for layer in shape.layers if layer.kind is LayerKind.SLIDING), serving, capacity, None)
    )
    return sliding + sum(_STATE_BYTES * (layer.conv_state + layer.state) for layer in shape.layers)


def _recurrent(shape: Shape, serving: Serving) -> tuple[int, ...]:
    rollback = serving.draft if serving.rollback is None else serving.rollback
    row = serving.slots * (1 + rollback) * _STATE_BYTES
    return tuple(row * (layer.conv_state + layer.state) for layer in shape.layers)


def _padded(count: int) -> int:
    return -(-count // CELLS) * CELLS
