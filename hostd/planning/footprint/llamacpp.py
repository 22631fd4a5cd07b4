"""Footprint of a model in llama.cpp: weights and caches of each pool's layers, compute buffers, driver and process."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from hostd.domain.footprint import Component, ElasticMemory, Footprint, Span
from hostd.domain.shape import Shape
from hostd.planning.footprint.llamacpp_graph import compute_buffers
from hostd.planning.footprint.llamacpp_kv import KvCaches, caches, checkpoint, unpacked_kv
from hostd.planning.footprint.llamacpp_serving import CHECKPOINTS, MIB, PROMPT_CACHE, Placement, Serving
from hostd.planning.footprint.tensor_overrides import HOST_BUFFERS

# A device driver's memory for a process that has loaded nothing: 153 to 306 MiB were seen under CUDA, up to 700 reported.
_DRIVER = {"metal": Span(100 * MIB, 150 * MIB, 200 * MIB)}
_OTHER_DRIVER = Span(150 * MIB, 300 * MIB, 700 * MIB)
# Kernels for these devices unpack a quantised cache, one layer at a time, in memory beside the reserved buffers.
_UNPACKING = ("cuda", "rocm")
# Tables of billions of rows, of which a token reads a dozen: what is mapped and not read is page cache, which the system takes
# back. A model of 104 GiB with such a table of 27 runs with its whole context on a DGX Spark (0xBakeer/inference-atlas pull
# request 34), and llama.cpp reads it ahead for no model (TENSOR_READ_LAZY).
_SPARSELY_READ = {"qwen4exp"}
_PROCESS = Span(40 * MIB, 100 * MIB, 400 * MIB)


class _Sums:
    """Sums of spans by pool and component."""

    def __init__(self) -> None:
        self.parts: dict[str, dict[Component, Span]] = defaultdict(dict)

    def add(self, pool: str, component: Component, span: Span | int) -> None:
        bytes_ = Span.exactly(span) if isinstance(span, int) else span
        if bytes_.high:
            self.parts[pool][component] = self.parts[pool].get(component, Span()) + bytes_


def footprint(
    shape: Shape, serving: Serving, placement: Placement, *, projector: Shape | None = None, draft: Shape | None = None
) -> Footprint:
    """Return the bytes that serving the model takes of each pool, computed from its header alone.

    KV cache, recurrent state and weights on devices are exact; compute buffers, drivers and processes are spans.
    *projector* is the shape of the file with the vision or audio tower, *draft* that of a smaller, drafting model.
    """
    sums = _Sums()
    kept, unpacked = _model(sums, shape, serving, placement), unpacked_kv(shape, serving)
    own, drafter = replace(shape, layers=shape.nextn, nextn=()), serving.of_drafter()
    if draft is not None:
        _model(sums, draft, drafter, placement if serving.drafter.on_gpu else Placement(host=placement.host))
    unpacked += max((unpacked_kv(each, drafter) for each in _drafters(own, serving, draft)), default=0)
    _projectors(sums, shape.projector + (projector.projector if projector else 0), serving, placement)
    for pool in {pool for pool, _ in placement.devices}:
        kind = pool.partition(":")[0]
        sums.add(pool, Component.OVERHEAD, _DRIVER.get(kind, _OTHER_DRIVER))
        if kind in _UNPACKING and serving.kv_on_gpu:
            sums.add(pool, Component.OVERHEAD, Span(0, unpacked, unpacked))
    sums.add(placement.host, Component.OVERHEAD, _PROCESS)
    extra = _prompts(shape, serving)
    sums.add(placement.host, Component.OVERHEAD, Span(0, 0, extra))
    # Several devices that share each layer hold other parts of it than whole layers are.
    shared = ("split-mode",) if serving.split in ("row", "tensor") and len(placement.devices) > 1 else ()
    return Footprint(
        dict(sums.parts),
        bounded_only=not shape.known,
        notes=tuple(_notes(shape, serving, kept, extra)),
        elastic=tuple(_elastic(shape, serving, placement.host)),
        unreckoned=(*serving.unreckoned, *shared),
    )


def _model(sums: _Sums, shape: Shape, serving: Serving, placement: Placement) -> KvCaches:
    pools = placement.layers(len(shape.layers) + len(shape.nextn), serving.gpu_layers)
    kept = caches(shape, serving)
    _weights(sums, shape, serving, placement, pools)
    for component, sizes in ((Component.KV, kept.kv), (Component.RECURRENT, kept.recurrent)):
        for pool, bytes_ in _by_pool(pools, sizes).items():
            sums.add(
                pool if serving.kv_on_gpu else placement.host,
                component,
                bytes_ if shape.known else Span(0, bytes_, bytes_),
            )
    sums.add(pools[-2] if shape.nextn and serving.kv_on_gpu else placement.host, Component.KV, kept.drafting)
    _scratch(sums, shape, serving, placement, pools, kept)
    return kept


def _drafters(own: Shape, serving: Serving, draft: Shape | None) -> Iterator[Shape]:
    if own.layers and serving.draft:
        yield own
    if draft is not None and serving.drafter.on_gpu:
        yield draft


def _by_pool(pools: Iterable[str], sizes: Iterable[int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for pool, size in zip(pools, sizes, strict=False):
        found[pool] = found.get(pool, 0) + size
    return found


def _weights(sums: _Sums, shape: Shape, serving: Serving, placement: Placement, pools: tuple[str, ...]) -> None:
    host, tables, output = placement.host, shape.tables, pools[-1]
    loaded = (*shape.layers, *shape.nextn) if serving.draft else shape.layers
    experts = [host] * serving.cpu_experts + list(pools[serving.cpu_experts :])
    _adapters(sums, shape, serving, pools)
    for places, sizes in (
        (pools, [layer.dense_bytes for layer in loaded]),
        (experts, [layer.expert_bytes for layer in loaded]),
    ):
        for pool, bytes_ in _by_pool(places, sizes).items():
            # Repacking: for the CPU's kernels, quantised weights may be stored a second time in another order.
            repacked = pool == host and not placement.unified
            sums.add(pool, Component.WEIGHTS, Span(bytes_, bytes_, bytes_ * 7 // 5) if repacked else bytes_)
    sums.add(
        host, Component.WEIGHTS, tables.token_embedding + (0 if _droppable(shape, serving) else tables.layer_embedding)
    )
    # A tied table is read as input on the host and as output on the device, so each has one.
    twice = shape.tied and output != host
    sums.add(output, Component.WEIGHTS, tables.output + tables.other + (tables.token_embedding if twice else 0))
    _move(sums, shape, serving, placement, pools)


def _droppable(shape: Shape, serving: Serving) -> bool:
    """Return whether the table of the layers' input is no memory that has to be there."""
    return serving.mapped and shape.architecture in _SPARSELY_READ


def _move(sums: _Sums, shape: Shape, serving: Serving, placement: Placement, pools: tuple[str, ...]) -> None:
    """Move the weights of ``--override-tensor`` from where they would be."""
    loaded = len(shape.layers) + (len(shape.nextn) if serving.draft else 0)
    for each in serving.moved:
        if each.layer is not None and each.layer >= loaded:
            continue
        there = _buffer_pool(each.buffer, placement)
        inputs = each.part in ("token_embedding", "layer_embedding")
        here = placement.host if inputs else pools[-1 if each.layer is None else each.layer]
        if each.part == "expert" and each.layer is not None and each.layer < serving.cpu_experts:
            here = placement.host
        # A tied table has one name for its copy beside the output, too.
        copies = [here, pools[-1]] if each.part == "token_embedding" and shape.tied and pools[-1] != here else [here]
        if each.part == "layer_embedding" and _droppable(shape, serving):
            if there == placement.host:
                continue
            copies = []
        for source in copies:
            sums.add(source, Component.WEIGHTS, -each.bytes)
        sums.add(there, Component.WEIGHTS, each.bytes)


def _buffer_pool(buffer: str, placement: Placement) -> str:
    number = re.sub(r"^\D+", "", buffer)
    on_device = buffer not in HOST_BUFFERS and number.isdecimal() and int(number) < len(placement.devices)
    return placement.devices[int(number)][0] if on_device else placement.host


def _adapters(sums: _Sums, shape: Shape, serving: Serving, pools: tuple[str, ...]) -> None:
    """Add LoRA adapters, layer by layer in equal parts, and a control vector: one of floats for every layer but the first."""
    count = len(shape.layers)
    for number, pool in enumerate(pools[:count]):
        low, high = (serving.adapter_bytes * each // count for each in (number, number + 1))
        vector = 4 * shape.embedding if serving.control_vector and number else 0
        sums.add(pool, Component.WEIGHTS, high - low + vector)


def _scratch(
    sums: _Sums, shape: Shape, serving: Serving, placement: Placement, pools: tuple[str, ...], kept: KvCaches
) -> None:
    used = [pool for pool in dict.fromkeys(pools) if pool != placement.host or placement.unified]
    fused = all(pool.startswith("cuda") for pool in used)
    needed = compute_buffers(shape, serving, kept.cells, len(used), fused=fused)
    # Logits of the tokens to sample from stay on the host between steps.
    results = Span.exactly(4 * shape.vocabulary * (0 if shape.encoder else max(serving.slots, serving.outputs(shape))))
    for pool in used:
        sums.add(pool, Component.COMPUTE, needed.device)
    sums.add(placement.host, Component.COMPUTE, (needed.host if used else needed.alone) + results)
    if used and placement.host in pools and not placement.unified:
        # With some layers on the host, weights that host and device share pass through compute buffers.
        sums.add(placement.host, Component.COMPUTE, Span(0, needed.host.expected, needed.alone.high))
    if shape.nextn and serving.draft:
        # The drafting layers compute in a context of their own, with the masks of the whole context and few logits.
        own, where = replace(shape, layers=shape.nextn, nextn=()), pools[-2]
        graph = compute_buffers(own, serving.of_drafter(), kept.cells, 1, fused=fused)
        sums.add(where, Component.COMPUTE, graph.device if where in used else graph.alone)
        if where in used:
            sums.add(placement.host, Component.COMPUTE, graph.host)


def _projectors(sums: _Sums, bytes_: int, serving: Serving, placement: Placement) -> None:
    if not bytes_:
        return
    pool = placement.devices[0][0] if placement.devices and serving.projector_on_gpu else placement.host
    sums.add(pool, Component.WEIGHTS, bytes_)
    # The buffers grow with the picture; recorded logs show from a tenth of the weights to all of them.
    sums.add(pool, Component.COMPUTE, Span(bytes_ // 10, bytes_ // 3, bytes_))


def _prompts(shape: Shape, serving: Serving) -> int:
    """Return the bytes that past prompts may take because the owner's flags, or an engine's own defaults, say so."""
    if shape.encoder:
        return 0
    return (serving.cache_ram or 0) + serving.slots * (serving.checkpoints or 0) * checkpoint(shape, serving)


def _elastic(shape: Shape, serving: Serving, host: str) -> Iterator[ElasticMemory]:
    """Yield what past prompts may take of memory that is left; a prompt that is no longer kept is computed again.

    Checkpoints come first: without any, models with windows or states compute a whole prompt again where it changed at its end.
    """
    if shape.encoder:
        return
    one = serving.slots * checkpoint(shape, serving)
    if serving.checkpoints is None and one:
        yield ElasticMemory("ctx-checkpoints", (host,), one, CHECKPOINTS)
    if serving.cache_ram is None:
        yield ElasticMemory("cache-ram", (host,), MIB, PROMPT_CACHE // MIB)


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
    if _droppable(shape, serving) and shape.tables.layer_embedding:
        table = shape.tables.layer_embedding / 2**30
        notes.append(
            f"its table of {table:.1f} GiB is read row by row from the file: what memory is left caches it, and none is needed"
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
