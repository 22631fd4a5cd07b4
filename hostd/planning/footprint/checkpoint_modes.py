"""Serving modes of the engines that read safetensors: vLLM on cards, MLX in a Mac's unified memory."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from hostd.domain.footprint import Footprint
from hostd.domain.host import Host, Pool
from hostd.domain.shape import Shape
from hostd.planning.footprint import mlx, vllm
from hostd.planning.footprint.levers import MLX_PACKINGS, VLLM_PACKINGS, Lever, checkpoint_packings, ranked
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.footprint.mlx_serving import MlxServing
from hostd.planning.footprint.serving_modes import FreeBytes, ServingMode
from hostd.planning.footprint.tensor_parallel import degrees
from hostd.planning.footprint.vllm_serving import VllmServing

_METAL = "metal"


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
