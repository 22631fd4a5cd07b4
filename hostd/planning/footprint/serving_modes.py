"""Serving modes of all engines in one form for the placement."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from hostd.domain.footprint import Footprint
from hostd.domain.host import Host, Pool
from hostd.domain.shape import Shape
from hostd.planning.footprint import mlx, vllm
from hostd.planning.footprint.decode_speed import tokens_per_second
from hostd.planning.footprint.levers import (
    MLX_PACKINGS,
    VLLM_PACKINGS,
    Lever,
    LlamaCppServing,
    checkpoint_packings,
    ranked,
)
from hostd.planning.footprint.llamacpp_serving import Placement, Serving
from hostd.planning.footprint.mlx_serving import MlxServing
from hostd.planning.footprint.tensor_parallel import degrees
from hostd.planning.footprint.vllm_serving import VllmServing

_METAL = "metal"

FreeBytes = Mapping[str, int]
"""Bytes that models may still take, by pool id."""

Estimate = Callable[[Placement, int | None], Footprint]
"""The footprint on a placement; the number is how many layers go to its devices (None: all)."""


@dataclass(frozen=True, slots=True, eq=False)
class ServingMode:
    """One engine with flags that can serve a model.

    *layers* counts the layers that can stay on the host one by one, 0 if the engine offloads all or none, *dealt* those that
    hostd may deal to several cards as it likes, and *experts* those whose experts may stay on the host. *cards* is how many
    cards the owner's flags are for (None: any). *cards_only* says that it needs an accelerator, *host_only* that the owner keeps
    it off all of them; *seen* are the ids of the cards that it may use, in the order in which its engine numbers them (None: all
    of the host, in their own order). *drafts* says in words what may draft tokens, empty for nothing. *speed* estimates the tokens
    a second of one request on a placement (0: nobody knows). *levers* returns the changes that save memory on a placement,
    *advice* the flags to launch it with.
    *notes* are sentences on assumptions.
    """

    label: str
    backend: str
    estimate: Estimate
    layers: int = 0
    dealt: int = 0
    experts: int = 0
    cards: int | None = None
    cards_only: bool = False
    host_only: bool = False
    seen: tuple[str, ...] | None = None
    drafts: str = ""
    speed: Callable[[Placement, int | None], float] = lambda *_: 0.0
    why_not: Callable[[Sequence[Pool]], str] = lambda _: ""
    levers: Callable[[Placement, FreeBytes], list[Lever]] = lambda *_: []
    advice: Callable[[Placement, FreeBytes], str] = lambda *_: ""
    notes: tuple[str, ...] = ()

    def accelerators(self, host: Host) -> tuple[Pool, ...]:
        """The accelerators of *host* that it may use, in the order in which its engine numbers them."""
        if self.seen is None:
            return host.accelerators
        known = {pool.id: pool for pool in host.accelerators}
        return tuple(known[each] for each in self.seen if each in known)


def llamacpp_mode(
    label: str,
    backend: str,
    served: LlamaCppServing,
    notes: tuple[str, ...] = (),
    better: Callable[[Footprint, Placement, int | None], Footprint] | None = None,
    host: Host | None = None,
) -> ServingMode:
    """Return the serving mode of llama.cpp, or of Ollama, which runs it: on any pools, split by layers unless the owner fixed them.

    *better* replaces a footprint by one that is calibrated with this machine's measurements. Speeds are those of *host*.
    """

    def estimate(placement: Placement, gpu_layers: int | None = None) -> Footprint:
        found = served.footprint(placement, gpu_layers)
        return found if better is None else better(found, placement, gpu_layers)

    def speed(placement: Placement, gpu_layers: int | None = None) -> float:
        return 0.0 if host is None else tokens_per_second(served.shape, *served.placed(placement, gpu_layers), host)

    layers = len(served.shape.layers) + len(served.shape.nextn) + 1
    # Ollama deals layers by itself.
    ours = backend == "llamacpp"
    fixed = served.serving.cpu_experts or served.serving.moved
    movable = any(layer.expert_bytes for layer in served.shape.layers) and not fixed
    return ServingMode(
        label,
        backend,
        cache(estimate),
        layers=layers if served.serving.gpu_layers is None else 0,
        dealt=layers if ours and not served.serving.tensor_split else 0,
        experts=len(served.shape.layers) if ours and movable else 0,
        cards=len(served.serving.tensor_split) or (1 if served.serving.split == "none" else None),
        host_only=not served.serving.devices,
        drafts=_drafts(served.serving),
        speed=speed,
        levers=served.levers,
        notes=notes,
    )


def _drafts(serving: Serving) -> str:
    if not serving.may_draft:
        return ""
    name = serving.draft_model.rsplit("/", 1)[-1]
    return f"{name} drafts" if name else "its own drafting layers draft"


def vllm_mode(label: str, shape: Shape, serving: VllmServing, host: Host, notes: tuple[str, ...] = ()) -> ServingMode:
    """Return the serving mode of vLLM: one card, or tensor parallelism over several equal ones."""

    def estimate(placement: Placement, _: int | None) -> Footprint:
        return taken(serving, placement)

    def taken(asked: VllmServing, placement: Placement, of: Shape = shape) -> Footprint:
        names = {pool for pool, _ in placement.devices}
        return vllm.footprint(of, asked, [pool for pool in host.accelerators if pool.id in names], placement.host)

    def advice(placement: Placement, free: FreeBytes) -> str:
        cards = [pool for pool in host.accelerators if pool.id in {name for name, _ in placement.devices}]
        if serving.kv_bytes is not None or serving.utilisation is not None:
            return ""
        flag = vllm.kv_cache_memory_bytes(shape, serving, cards, min(free[card.id] for card in cards))
        flag = flag and -(-(flag + vllm.spare_kv(shape, serving, cards)) // vllm.MIB) * vllm.MIB
        split = f"--tensor-parallel-size {len(cards)} " if len(cards) > 1 else ""
        return f"{split}--kv-cache-memory-bytes {flag} leaves the rest of the card to others" if flag else ""

    def changes(placement: Placement) -> Iterator[tuple[str, Footprint]]:
        context = serving.request(shape)
        if serving.slots > 1:
            fewer = replace(serving, slots=serving.slots // 2)
            yield f"--max-num-seqs {fewer.slots}", taken(fewer, placement)
        if context > 1:
            yield f"--max-model-len {context // 2}", taken(replace(serving, context=context // 2), placement)
        if serving.kv_width > 1:
            yield "--kv-cache-dtype fp8", taken(replace(serving, kv_type="fp8"), placement)
        if not serving.eager:
            yield "--enforce-eager", taken(replace(serving, eager=True), placement)
        yield from (
            (change, taken(serving, placement, smaller))
            for change, smaller in checkpoint_packings(shape, VLLM_PACKINGS)
        )

    return ServingMode(
        label,
        "vllm",
        cache(estimate),
        cards_only=True,
        why_not=lambda cards: _no_vllm(shape, cards),
        levers=lambda placement, free: ranked(estimate(placement, None), changes(placement), placement, free),
        advice=advice,
        notes=notes,
    )


def mlx_mode(
    label: str, shape: Shape, serving: MlxServing, notes: tuple[str, ...] = (), draft: Shape | None = None
) -> ServingMode:
    """Return the serving mode of MLX: in a Mac's unified memory."""

    def estimate(_: Placement, __: int | None) -> Footprint:
        return mlx.footprint(shape, serving, _METAL, draft)

    def changes() -> Iterator[tuple[str, Footprint]]:
        context = serving.request(shape)
        changed = {
            f"a context of {context // 2}": replace(serving, context=context // 2),
            "--decode-concurrency 1": replace(serving, slots=1),
            f"--prefill-step-size {serving.prefill_step // 4}": replace(
                serving, prefill_step=max(1, serving.prefill_step // 4)
            ),
        }
        yield from ((change, mlx.footprint(shape, flags, _METAL, draft)) for change, flags in changed.items())
        yield from (
            (change, mlx.footprint(smaller, serving, _METAL, draft))
            for change, smaller in checkpoint_packings(shape, MLX_PACKINGS)
        )

    def levers_of(placement: Placement, free: FreeBytes) -> list[Lever]:
        return ranked(estimate(placement, None), changes(), placement, free)

    return ServingMode(label, "mlx", cache(estimate), cards_only=True, why_not=_no_mlx, levers=levers_of, notes=notes)


def _no_vllm(shape: Shape, cards: Sequence[Pool]) -> str:
    if not cards or any(pool.id == _METAL for pool in cards):
        return "vllm needs an NVIDIA or AMD card, and this machine has none"
    return degrees(shape, cards)[-1].why_not


def _no_mlx(cards: Sequence[Pool]) -> str:
    return (
        "" if any(pool.id == _METAL for pool in cards) else "mlx runs on Apple Silicon only, and this machine is none"
    )
