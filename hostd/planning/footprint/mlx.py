"""Footprint of a model in MLX, in a Mac's unified memory."""

from collections.abc import Iterator

from hostd.domain.footprint import Component, ElasticMemory, Footprint, Span
from hostd.domain.shape import Shape
from hostd.planning.footprint.mlx_kv import has_latent, kv, prefill, recurrent
from hostd.planning.footprint.mlx_serving import MlxServing

GIB = 1 << 30
# Interpreter, Metal, and buffers of a step's other layers, in bytes; logs show 0.6 to 1.5 GB.
_OVERHEAD = Span(600_000_000, 1_200_000_000, 1_500_000_000)


def footprint(shape: Shape, serving: MlxServing, pool: str = "metal", draft: Shape | None = None) -> Footprint:
    """Return the bytes that serving the model takes of unified memory, computed from its header alone.

    The low end of the cache is one request of the whole context, the expected value all slots full. The high end of the
    overhead includes the past prompts and freed buffers that the server may keep. *draft* is the model that drafts.
    """
    one, state, slots = kv(shape, serving), recurrent(shape), serving.slots
    peak = prefill(shape, serving)
    reading = min(serving.prompts, slots)
    kept = 0 if serving.elastic_prompts else past_prompts(shape, serving)
    # MLX keeps the freed buffers of a step for the next one.
    freed = peak.high if serving.cache_limit is None else serving.cache_limit
    spans = {
        Component.WEIGHTS: weights(shape) + Span.exactly(serving.adapter_bytes),
        Component.KV: Span(one.low if shape.known else 0, one.expected * slots, one.high * slots),
        Component.RECURRENT: Span(state.low, state.expected * slots, state.high * slots),
        Component.COMPUTE: Span(peak.low, peak.expected, peak.high * reading),
        Component.OVERHEAD: _OVERHEAD + Span(0, 0, kept + freed),
    }
    if draft is not None:
        small = kv(draft, serving)
        spans[Component.WEIGHTS] += weights(draft)
        spans[Component.KV] += Span(0, small.expected * slots, small.high * slots)
        spans[Component.COMPUTE] += Span(0, 0, prefill(draft, serving).high)
    parts = {pool: {component: span for component, span in spans.items() if span.high}}
    return Footprint(
        parts,
        bounded_only=not shape.known,
        notes=tuple(_notes(shape, serving, peak, kept)),
        elastic=tuple(_elastic(shape, serving, pool)),
        unreckoned=serving.unreckoned,
    )


def _elastic(shape: Shape, serving: MlxServing, pool: str) -> Iterator[ElasticMemory]:
    """Yield what past prompts and freed buffers may take of memory that is left."""
    if serving.elastic_prompts and (kept := past_prompts(shape, serving)):
        yield ElasticMemory("prompt-cache-bytes", (pool,), 1, kept)
    if serving.elastic_buffers:
        yield ElasticMemory("cache-limit", (pool,), 1, serving.elastic_buffers)


def weights(shape: Shape) -> Span:
    """Return the bytes of weights; mlx-lm's own server loads neither drafting layers nor towers, some others do."""
    drafting = sum(layer.weight_bytes for layer in shape.nextn)
    whole = shape.weight_bytes
    return Span(whole - drafting - shape.projector, whole - drafting, whole)


def past_prompts(shape: Shape, serving: MlxServing) -> int:
    """Return the most bytes that the server's cache of past prompts takes."""
    if shape.encoder:
        return 0
    whole = serving.prompt_cache_entries * (kv(shape, serving).high + recurrent(shape).high)
    return whole if serving.prompt_cache_bytes is None else min(whole, serving.prompt_cache_bytes)


def _notes(shape: Shape, serving: MlxServing, peak: Span, kept: int) -> Iterator[str]:
    if not shape.known:
        yield (
            f"the architecture '{shape.architecture}' is not known: every layer counts as if it kept every token, which is the "
            "most that it can take; whether mlx-lm can serve it, its list of models tells"
        )
    if peak.expected > GIB:
        yield (
            f"reading a prompt of the whole context takes {peak.expected / GIB:.1f} GiB for a while; --prefill-step-size "
            f"{serving.prefill_step // 4} takes about a quarter of that"
        )
    if has_latent(shape) and serving.caches_latent is None:
        yield "mlx-lm before its pull request 839 keeps all keys and values, not the latent alone: the high end reckons with it"
    if kept and serving.prompt_cache_bytes is None:
        yield (
            f"the server may keep {serving.prompt_cache_entries} past prompts, {kept / GIB:.1f} GiB if all are long; "
            "--prompt-cache-bytes bounds that"
        )
    if serving.cache_limit is None:
        yield "MLX keeps freed buffers unless it is given a cache limit; what a step frees is counted at the high end"
