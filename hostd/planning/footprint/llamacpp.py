"""The footprint of a model in llama.cpp: weights and caches where its layers go, scratch memory, and what comes on top."""

from collections import defaultdict
from collections.abc import Iterable

from hostd.domain.footprint import Component, Footprint, Span
from hostd.domain.shape import Shape
from hostd.planning.footprint.llamacpp_graph import compute_buffers
from hostd.planning.footprint.llamacpp_kv import KvCaches, caches, checkpoint
from hostd.planning.footprint.llamacpp_serving import MIB, Placement, Serving

# What a device's driver takes for a process before it loads anything: 153 to 306 MiB were seen under CUDA, up to 700 reported.
_DRIVER = {"metal": Span(100 * MIB, 150 * MIB, 200 * MIB)}
_OTHER_DRIVER = Span(150 * MIB, 300 * MIB, 700 * MIB)
_PROCESS = Span(40 * MIB, 100 * MIB, 400 * MIB)


class _Ledger:
    """Spans added up by pool and component."""

    def __init__(self) -> None:
        self.parts: dict[str, dict[Component, Span]] = defaultdict(dict)

    def add(self, pool: str, component: Component, span: Span | int) -> None:
        bytes_ = Span.exactly(span) if isinstance(span, int) else span
        if bytes_.high:
            self.parts[pool][component] = self.parts[pool].get(component, Span()) + bytes_


def footprint(
    shape: Shape, serving: Serving, placement: Placement, *, projector: Shape | None = None, draft: Shape | None = None
) -> Footprint:
    """Return what serving the model takes of each pool, by arithmetic on its header alone.

    KV cache, recurrent state and weights on devices are exact; scratch memory and what drivers and processes take are spans.
    *projector* is the shape of the file that gives the model sight or hearing, *draft* that of a smaller model that drafts.
    """
    ledger = _Ledger()
    kept = _model(ledger, shape, serving, placement)
    if draft is not None:
        _model(ledger, draft, serving, placement)
    _projectors(ledger, shape.projector + (projector.projector if projector else 0), serving, placement)
    for pool in {pool for pool, _ in placement.devices}:
        ledger.add(pool, Component.OVERHEAD, _DRIVER.get(pool.partition(":")[0], _OTHER_DRIVER))
    ledger.add(placement.host, Component.OVERHEAD, _PROCESS)
    extra = _prompts(shape, serving)
    ledger.add(placement.host, Component.OVERHEAD, Span(0, 0, extra))
    return Footprint(dict(ledger.parts), bounded_only=not shape.known, notes=tuple(_notes(shape, serving, kept, extra)))


def _model(ledger: _Ledger, shape: Shape, serving: Serving, placement: Placement) -> KvCaches:
    pools = placement.layers(len(shape.layers) + len(shape.nextn), serving.gpu_layers)
    kept = caches(shape, serving)
    _weights(ledger, shape, serving, placement, pools)
    for component, sizes in ((Component.KV, kept.kv), (Component.RECURRENT, kept.recurrent)):
        for pool, bytes_ in _by_pool(pools, sizes).items():
            ledger.add(
                pool if serving.kv_on_gpu else placement.host,
                component,
                bytes_ if shape.known else Span(0, bytes_, bytes_),
            )
    ledger.add(pools[-2] if shape.nextn and serving.kv_on_gpu else placement.host, Component.KV, kept.drafting)
    _scratch(ledger, shape, serving, placement, pools, kept)
    return kept


def _by_pool(pools: Iterable[str], sizes: Iterable[int]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for pool, size in zip(pools, sizes, strict=False):
        sums[pool] = sums.get(pool, 0) + size
    return sums


def _weights(ledger: _Ledger, shape: Shape, serving: Serving, placement: Placement, pools: tuple[str, ...]) -> None:
    host, tables, output = placement.host, shape.tables, pools[-1]
    loaded = (*shape.layers, *shape.nextn) if serving.draft else shape.layers
    experts = [host] * serving.cpu_experts + list(pools[serving.cpu_experts :])
    for places, sizes in (
        (pools, [layer.dense_bytes for layer in loaded]),
        (experts, [layer.expert_bytes for layer in loaded]),
    ):
        for pool, bytes_ in _by_pool(places, sizes).items():
            # On a CPU, quantised weights may be kept a second time in an order that suits it.
            repacked = pool == host and not placement.unified
            ledger.add(pool, Component.WEIGHTS, Span(bytes_, bytes_, bytes_ * 7 // 5) if repacked else bytes_)
    ledger.add(host, Component.WEIGHTS, tables.token_embedding + tables.layer_embedding)
    twice = shape.tied and output != host
    ledger.add(output, Component.WEIGHTS, tables.output + tables.other + (tables.token_embedding if twice else 0))


def _scratch(
    ledger: _Ledger, shape: Shape, serving: Serving, placement: Placement, pools: tuple[str, ...], kept: KvCaches
) -> None:
    used = [pool for pool in dict.fromkeys(pools) if pool != placement.host or placement.unified]
    needed = compute_buffers(shape, serving, kept.cells, len(used))
    # The logits of the tokens to sample from are kept on the host between steps.
    results = Span.exactly(4 * shape.vocabulary * (0 if shape.encoder else max(serving.slots, serving.outputs(shape))))
    for pool in used:
        ledger.add(pool, Component.COMPUTE, needed.device)
    ledger.add(placement.host, Component.COMPUTE, (needed.host if used else needed.alone) + results)
    if used and placement.host in pools and not placement.unified:
        # With some layers on the host, weights that it shares with a device pass through scratch memory.
        ledger.add(placement.host, Component.COMPUTE, Span(0, needed.host.expected, needed.alone.high))
    if shape.nextn and serving.draft:
        ledger.add(pools[-2], Component.COMPUTE, needed.device if used else needed.alone)


def _projectors(ledger: _Ledger, bytes_: int, serving: Serving, placement: Placement) -> None:
    if not bytes_:
        return
    pool = placement.devices[0][0] if placement.devices and serving.projector_on_gpu else placement.host
    ledger.add(pool, Component.WEIGHTS, bytes_)
    # How much a picture takes depends on its size; the logs at hand show from a tenth of the weights to all of them.
    ledger.add(pool, Component.COMPUTE, Span(bytes_ // 10, bytes_ // 3, bytes_))


def _prompts(shape: Shape, serving: Serving) -> int:
    if shape.encoder:
        return 0
    return serving.cache_ram + serving.slots * serving.checkpoints * checkpoint(shape, serving)


def _notes(shape: Shape, serving: Serving, kept: KvCaches, extra: int) -> list[str]:
    notes = []
    if not shape.known:
        notes.append(
            f"the architecture '{shape.architecture}' is not known: every layer counts as if it kept every token, which is the "
            "most that it can take; what it really takes is measured at its first load"
        )
    if shape.latent and not shape.latent_cached:
        notes.append(
            "the file predates the keys with which llama.cpp caches the latent alone: a newer conversion needs far less KV"
        )
    if kept.sliding > kept.full and serving.slots > 1:
        notes.append(
            f"most of the KV cache is windows, one per slot: {serving.slots} slots cost more than context does here"
        )
    if extra:
        gib = extra / 2**30
        notes.append(
            f"the server may keep up to {gib:.1f} GiB of past prompts in host memory (--cache-ram, --ctx-checkpoints)"
        )
    return notes
