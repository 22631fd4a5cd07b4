"""Footprint of a model in vLLM, and the size of a KV cache that leaves memory to other models on the card.

By default, vLLM takes a share of the whole GPU, whatever else runs on it. With ``--kv-cache-memory-bytes`` it takes its weights,
the activations of a step, and exactly that cache; so hostd computes the cache from the free memory. Constants are measured.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hostd.domain.footprint import Component, ElasticMemory, Footprint, Span
from hostd.domain.host import Pool
from hostd.domain.shape import LayerKind, Shape, Tables
from hostd.planning.footprint.vllm_kv import KvBlocks, cached_tokens, pages
from hostd.planning.footprint.vllm_serving import VllmServing

MIB = 1 << 20
GIB = 1 << 30
KV_FLAG = "kv-cache-memory-bytes"
OFFLOAD_FLAG = "kv-offloading-size"
PROMPTS_KEPT = 2
"""Times the cache of all requests at once that past prompts may have in host memory."""
# vLLM's profiling run samples for all requests at once, in float32 with copies: bytes per request and word of the vocabulary.
# Logs of 2025 and 2026 show 38.5 to 39.6; some newer ones far less.
_SAMPLER = Span(6, 39, 40)
# Recorded CUDA graphs, on one card and on several: what the first takes, and all of an engine's default number of them together.
# Logs: 0.13 GiB on each of two cards for 2 requests, 4.1 GiB on each of four for 1024.
_FIRST_GRAPH, _ALL_GRAPHS = Span(0, 60 * MIB, 256 * MIB), Span(0, 440 * MIB, 1280 * MIB)
_FIRST_GRAPH_OF_MANY, _ALL_GRAPHS_OF_MANY = Span(0, 100 * MIB, 512 * MIB), Span(0, 924 * MIB, 4096 * MIB)
_MOST_IN_GRAPH = 512
_GRAPH_STEP = 8
# Libraries' memory beside the tensors; with several cards, the buffers of their exchange, too.
_LIBRARIES = Span(130 * MIB, 250 * MIB, 600 * MIB)
_LIBRARIES_OF_MANY = Span(500 * MIB, 600 * MIB, 1100 * MIB)
# The driver's memory for a process, which the engine does not report.
_CONTEXT = Span(300 * MIB, 450 * MIB, 700 * MIB)
# Host memory of the API server, and of each worker.
_SERVER = Span(1 * GIB, 2 * GIB, 4 * GIB)
_WORKER = Span(1 * GIB, 2 * GIB, 4 * GIB)
# Gates, norms and scales are on every card whole: a 400th (0.25 %) of a card's part.
_REPLICATED = 400
_DOUBT = 50
_VOCABULARY_TILE = 64
_EXPERT_TILE = 256
_WIDEST_ROTATION = 256
# Elements of a head's key without position and of its value together, where both are computed from a latent.
_FROM_LATENT = 256


def footprint(shape: Shape, serving: VllmServing, devices: Sequence[Pool], host: str = "ram") -> Footprint:
    """Return the bytes that serving the model on *devices*, one tensor-parallel rank each, takes of them and of the host.

    The flags set the KV cache. Without them it is a span: the low end is one request of the whole context, without which the
    engine refuses to start, the expected value and the high end as many requests as may run at once.

    Raises:
        ValueError: There is no device.
    """
    taken = _without_kv(shape, serving, devices)
    inside = sum(taken.values(), Span()).expected
    parts = {}
    for card in devices:
        kv, state = _cache(shape, serving, devices, card, inside)
        spans = {
            **taken,
            Component.KV: kv,
            Component.RECURRENT: state,
            Component.OVERHEAD: taken[Component.OVERHEAD] + _CONTEXT,
        }
        parts[card.id] = {component: span for component, span in spans.items() if span.high}
    server = sum([_WORKER] * len(devices), _SERVER) + Span.exactly(serving.host_kv)
    own = parts.setdefault(host, {})  # a device that shares the system's memory has the server in its own pool
    own[Component.OVERHEAD] = own.get(Component.OVERHEAD, Span()) + server
    if moved := len(devices) * min(serving.offload, weights(shape, replace(serving, offload=0), len(devices)).expected):
        own[Component.WEIGHTS] = own.get(Component.WEIGHTS, Span()) + Span.exactly(moved)
    return Footprint(
        parts,
        bounded_only=not shape.known,
        notes=tuple(_notes(shape, serving, devices)),
        elastic=(*_elastic(shape, serving, devices), *_kept_prompts(shape, serving, devices, host)),
        unreckoned=(
            *serving.unreckoned,
            *(("enable-lora",) if serving.adapters and not adapter_bytes(shape, serving, 1) else ()),
        ),
    )


def with_drafter(shape: Shape, small: Shape) -> Shape:
    """Return *shape* with a *small* model that drafts for it: weights are dealt as the model's, and its layers have a cache, too.

    Of a model with drafting layers of its own those alone are loaded. A head made for the model (EAGLE) brings no tables that it
    shares with it. Source: vllm/v1/spec_decode, whose layers are in the model's own KV cache groups.
    """
    drafting, own, more = small.nextn or small.layers, shape.tables, Tables() if small.nextn else small.tables
    tables = Tables(
        own.token_embedding + more.token_embedding,
        own.output + more.output,
        own.layer_embedding + more.layer_embedding,
        own.other + more.other,
    )
    return replace(shape, layers=(*shape.layers, *drafting), tables=tables)


def _elastic(shape: Shape, serving: VllmServing, devices: Sequence[Pool]) -> Iterator[ElasticMemory]:
    """Yield the cache beyond one request of the whole context: with less, requests wait for one another's blocks."""
    if serving.kv_bytes is not None or serving.utilisation is not None:
        return
    need = wanted_kv(shape, serving, devices)
    if more := _whole_mib(need.high) - _whole_mib(need.low):
        pools = tuple(card.id for card in devices)
        yield ElasticMemory(KV_FLAG, pools, MIB, more // MIB, Component.KV, at_once=True)


def _kept_prompts(shape: Shape, serving: VllmServing, devices: Sequence[Pool], host: str) -> Iterator[ElasticMemory]:
    """Yield the cache in host memory of prompts that have to leave the cards, or that a sleep takes from there.

    The engine allocates all of it when it starts, in pages that cannot be swapped, for all cards together. It is offered where
    every layer keeps every token in the same form: others have it in few builds, or crash after a sleep (vllm issues 36463, 45268).
    """
    if not serving.keeps or host in {card.id for card in devices} or not _uniform(shape):
        return
    most = PROMPTS_KEPT * len(devices) * wanted_kv(shape, serving, devices).high
    yield ElasticMemory(OFFLOAD_FLAG, (host,), GIB, -(-most // GIB), at_once=True)


def _uniform(shape: Shape) -> bool:
    """Return whether all layers keep keys and values of all tokens."""
    return shape.known and all(layer.kind is LayerKind.FULL and layer.value_width for layer in shape.layers)


def kv_cache_memory_bytes(shape: Shape, serving: VllmServing, devices: Sequence[Pool], free: int) -> int:
    """Return the value for ``--kv-cache-memory-bytes``, whole MiB in bytes, if *free* bytes of each card are for this model.

    It is the cache that all requests can fill, at most the free memory less the high end of everything else; 0 if that does
    not hold one request of the whole context, because the engine would not start. See `spare_kv` for what comes on top.

    Raises:
        ValueError: There is no device.
    """
    rest = sum(_without_kv(shape, serving, devices).values(), _CONTEXT)
    need = wanted_kv(shape, serving, devices)
    fits = min(_whole_mib(need.high), (free - rest.high) // MIB * MIB)
    return fits if fits >= need.low else 0


def wanted_kv(shape: Shape, serving: VllmServing, devices: Sequence[Pool]) -> Span:
    """Return the bytes of cache and recurrent state that each card needs: for one request of the whole context, and for all.

    Raises:
        ValueError: There is no device.
    """
    one, card = _pages(shape, serving, devices).request, _smallest(devices)
    return Span(one, one * serving.requests(card), one * serving.requests(card))


def spare_kv(shape: Shape, serving: VllmServing, devices: Sequence[Pool]) -> int:
    """Return the bytes of one block more than requests need: the engine keeps one for itself."""
    return wanted_kv(shape, serving, devices).low * serving.block // max(1, serving.request(shape)) + 1


def kv_by_utilisation(total: int, utilisation: float, taken: int) -> int:
    """Return the bytes of cache under ``--gpu-memory-utilization``: that share of *total*, less the *taken* bytes."""
    return max(0, int(total * utilisation) - taken)


def weights(shape: Shape, serving: VllmServing, cards: int) -> Span:
    """Return the bytes of weights on each of *cards*: matrices are split, norms and the like are on every card."""
    loaded = sum(layer.weight_bytes for layer in (*shape.layers, *(shape.nextn if serving.draft else ())))
    tables = shape.tables
    rows = tables.token_embedding + tables.output
    padded = -(-shape.vocabulary // (_VOCABULARY_TILE * cards)) * _VOCABULARY_TILE * cards
    if shape.vocabulary:
        rows = rows * padded // shape.vocabulary
    dealt = loaded + rows + tables.layer_embedding + shape.projector
    low = -(-dealt // cards) + tables.other
    more = (
        _rotations(shape) + _absorbed(shape, cards) + (low // _REPLICATED if cards > 1 else 0) + _padding(shape, cards)
    )
    kept = [max(0, size - serving.offload) for size in (low, low + more, low + more + low // _DOUBT)]
    return Span(*kept)


def adapter_bytes(shape: Shape, serving: VllmServing, cards: int) -> int:
    """Return the bytes that each of *cards* sets aside for LoRA adapters; 0 where the model's matrices are not known.

    Every matrix of attention and feed-forward part has places for all adapters at once, of the largest rank, in two bytes.
    The matrix next to the card's part of the weights is split with it, the other is on every card (`vllm/lora/layers`).
    """
    if not all(layer.kind in (LayerKind.FULL, LayerKind.SLIDING) and layer.value_width for layer in shape.layers):
        return 0
    if shape.experts or not shape.feed_forward:
        return 0
    whole = split = 0
    for layer in shape.layers:
        queries, outputs = layer.heads * layer.key_width, layer.heads * layer.value_width
        whole += (3 + 1 + 2 + 1) * shape.embedding
        split += queries + layer.key_elements + layer.value_elements + outputs + 3 * shape.feed_forward
    return 2 * serving.adapters * serving.adapter_rank * (whole + split // cards)


def _of_adapters(shape: Shape, serving: VllmServing, cards: int) -> Span:
    # Logits, and the work space of a step, are the doubt.
    found = adapter_bytes(shape, serving, cards)
    head = 2 * serving.adapters * serving.adapter_rank * (shape.embedding + shape.vocabulary)
    return Span(found, found, found + head + found // 4) if found else Span()


def activation(shape: Shape, serving: VllmServing, devices: Sequence[Pool]) -> Span:
    """Return the peak bytes of a step: of computing the layers or of sampling for all requests, whichever is more.

    Raises:
        ValueError: There is no device.
    """
    card = _smallest(devices)
    sampled = 0 if shape.encoder else shape.vocabulary * serving.requests(card)
    routed = shape.experts_used * (3 * shape.expert_feed_forward // len(devices) + shape.embedding)
    wide = max(3 * shape.feed_forward // len(devices), routed)
    forward = 2 * serving.step(shape, card) * (4 * shape.embedding + wide)
    # The memory for a picture grows with its size.
    seen = Span(shape.projector // 10, shape.projector // 3, shape.projector)
    return seen + Span(
        max(_SAMPLER.low * sampled, forward // 2),
        max(_SAMPLER.expected * sampled, forward),
        max(_SAMPLER.high * sampled, forward * 2),
    )


def kv_capacity_tokens(shape: Shape, serving: VllmServing, devices: Sequence[Pool], kv_bytes: int) -> int:
    """Return the size in tokens that the engine reports for a cache of *kv_bytes* per card.

    Raises:
        ValueError: There is no device.
    """
    return cached_tokens(_pages(shape, serving, devices), serving.request(shape), serving.block, kv_bytes)


def _without_kv(shape: Shape, serving: VllmServing, devices: Sequence[Pool]) -> dict[Component, Span]:
    """Return the bytes that the engine reports as its own on each card, without its cache."""
    needed = activation(shape, serving, devices)
    alone = len(devices) == 1
    graphs = Span() if serving.eager else _graphs(serving.requests(_smallest(devices)), alone=alone)
    return {
        Component.WEIGHTS: weights(shape, serving, len(devices)) + _of_adapters(shape, serving, len(devices)),
        Component.COMPUTE: needed + graphs,
        Component.OVERHEAD: _LIBRARIES if alone else _LIBRARIES_OF_MANY,
    }


def _graphs(requests: int, *, alone: bool) -> Span:
    """Return the bytes of CUDA graphs: one is recorded for 1, 2, 4, 8, 16, 24 … tokens, up to two for each request."""
    first, every = (_FIRST_GRAPH, _ALL_GRAPHS) if alone else (_FIRST_GRAPH_OF_MANY, _ALL_GRAPHS_OF_MANY)
    count, most = _graph_count(min(2 * requests, _MOST_IN_GRAPH)), _graph_count(_MOST_IN_GRAPH)
    return first + Span(*(getattr(every, end) * count // most for end in ("low", "expected", "high")))


def _graph_count(tokens: int) -> int:
    return tokens // _GRAPH_STEP + sum(small <= tokens for small in (1, 2, 4))


def _cache(shape: Shape, serving: VllmServing, devices: Sequence[Pool], card: Pool, taken: int) -> tuple[Span, Span]:
    """Return the KV cache and the recurrent state on *card*; a size set by a flag holds both."""
    if serving.kv_bytes is not None:
        return Span.exactly(serving.kv_bytes), Span()
    if serving.utilisation is not None:
        return Span.exactly(kv_by_utilisation(card.total, serving.utilisation, taken)), Span()
    one, requests = _pages(shape, serving, devices), serving.requests(_smallest(devices))
    kv, state = one.request - one.state, one.state
    low = kv if shape.known else 0
    return Span(low, kv * requests, kv * requests), Span(state, state * requests, state * requests)


def _pages(shape: Shape, serving: VllmServing, devices: Sequence[Pool]) -> KvBlocks:
    return pages(shape, serving, len(devices), serving.step(shape, _smallest(devices)))


def _smallest(devices: Sequence[Pool]) -> Pool:
    if not devices:
        raise ValueError("vLLM needs at least one GPU, and none was given; name the cards that it may use")
    return min(devices, key=lambda pool: pool.total)


def _whole_mib(count: int) -> int:
    return -(-count // MIB) * MIB


def _rotations(shape: Shape) -> int:
    """Return the bytes of the table of rotary embeddings, for every position that the model was trained for."""
    widths = [layer.key_width for layer in shape.layers if layer.value_width]
    return 2 * shape.context * min(max(widths, default=0), _WIDEST_ROTATION)


def _absorbed(shape: Shape, cards: int) -> int:
    """Return the bytes of the matrices that expand a latent, which the engine also stores transposed."""
    heads = sum(layer.heads for layer in shape.layers if layer.key_elements and not layer.value_width)
    return 2 * shape.latent * heads * _FROM_LATENT // cards


def _padding(shape: Shape, cards: int) -> int:
    """Return the bytes by which 4-bit experts grow when the engine pads their width to its kernels' tile."""
    width = (shape.expert_feed_forward or shape.feed_forward) // cards
    if not width or not shape.quantisation.startswith("MXFP4"):
        return 0
    padded = -(-width // _EXPERT_TILE) * _EXPERT_TILE
    experts = sum(layer.expert_bytes for layer in shape.layers) // cards
    return experts * (padded - width) // width


def _notes(shape: Shape, serving: VllmServing, devices: Sequence[Pool]) -> Iterator[str]:
    need = wanted_kv(shape, serving, devices)
    requests, gib = serving.requests(_smallest(devices)), need.high / GIB
    if not shape.known:
        yield (
            f"the architecture '{shape.architecture}' is not known: every layer counts as if it kept every token, which is the "
            "most that it can take; whether vLLM can serve it at all, its list of supported models tells"
        )
    if serving.kv_bytes is not None and serving.kv_bytes >= need.low > 0:
        tokens = kv_capacity_tokens(shape, serving, devices, serving.kv_bytes)
        yield f"the KV cache has room for {tokens:,} tokens, all requests together"
    if serving.kv_bytes is not None and serving.kv_bytes < need.low:
        yield (
            f"one request of {serving.request(shape)} tokens needs {need.low / GIB:.2f} GiB of KV cache per card, the flags give "
            f"{serving.kv_bytes / GIB:.2f}: vLLM will refuse to start; lower --max-model-len or give it more"
        )
    if serving.kv_bytes is None and serving.utilisation is None and requests > 1:
        yield (
            f"{requests} requests of the whole context at once would fill {gib:.1f} GiB per card; with less, vLLM makes some of "
            "them wait (--kv-cache-memory-bytes, --max-num-seqs)"
        )
    if serving.utilisation is not None and serving.kv_bytes is None:
        yield (
            f"--gpu-memory-utilization {serving.utilisation:g} is a share of the whole card, whoever else uses it; "
            "--kv-cache-memory-bytes takes only what it says"
        )
