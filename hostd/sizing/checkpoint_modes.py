"""Serving modes of a model in safetensors, with the flags that a profile gives vLLM or MLX."""

from dataclasses import replace
from typing import TYPE_CHECKING

from hostd.backends.mlx.command_line import serving as mlx_serving
from hostd.backends.vllm.memory import serving as vllm_serving
from hostd.domain.errors import EngineError
from hostd.domain.footprint import Component, Footprint, Span
from hostd.domain.host import Host, Pool, PoolKind
from hostd.domain.profile import Profile
from hostd.domain.shape import Shape
from hostd.models.header import ModelHeader
from hostd.planning.footprint import mlx, vllm
from hostd.planning.footprint.checkpoint_modes import mlx_mode, vllm_mode
from hostd.planning.footprint.serving_modes import ServingMode
from hostd.planning.footprint.vllm_serving import KV_TYPES, VllmServing
from hostd.sizing.companion_files import hub_or_path, shape_in
from hostd.sizing.usable_cards import on_cards

if TYPE_CHECKING:
    from hostd.sizing.serving_modes import ServingModeFactory

_RAM = "ram"


def checkpoint_mode(
    making: "ServingModeFactory",
    label: str,
    backend: str,
    header: ModelHeader,
    profile: Profile,
    about: tuple[str, ...],
) -> ServingMode:
    """Return the mode of vLLM or MLX, as *making* says of host and files; raises as `ServingModeFactory.of_checkpoint` does."""
    # Builds for processors exist to try things out: where there is an accelerator, it is used.
    on_processor = making.processor and not making.host.accelerators
    try:
        if backend == "mlx":
            return _mlx_mode(making, label, header, profile, about)
        # vLLM names the types of its cache differently from llama.cpp: only its own names become its flag.
        if making.asked.kv_type in KV_TYPES:
            profile = replace(profile, args={**profile.args, "kv-cache-dtype": making.asked.kv_type})
        elif making.asked.kv_type is not None:
            profile = replace(profile, kv_type=making.asked.kv_type)
        flags, shape = vllm_serving(profile), header.shape
    except EngineError as error:
        raise ValueError(error.message) from error
    if on_processor:
        return ServingMode(label, backend, lambda _, __: _as_card(shape, flags, making.host), notes=about)
    if flags.drafter:
        small = shape_in(hub_or_path(flags.drafter), making.open_beside or making.open_header)
        known = small is not None and small.known and bool(small.layers)
        shape = vllm.with_drafter(shape, small) if small is not None and known else shape
        flags = flags if known else replace(flags, unreckoned=(*flags.unreckoned, "speculative-config"))
    seen = making.seen(backend)
    flags = replace(flags, unreckoned=(*flags.unreckoned, *seen.unreckoned))
    return on_cards(vllm_mode(label, shape, flags, making.host, about), seen, making.host)


def _mlx_mode(
    making: "ServingModeFactory", label: str, header: ModelHeader, profile: Profile, about: tuple[str, ...]
) -> ServingMode:
    mac, shape = mlx_serving(replace(profile, kv_type=making.asked.kv_type or profile.kv_type)), header.shape
    small = shape_in(mac.draft_model, making.open_header) if mac.draft_model else None
    if mac.draft_model and (small is None or not small.known):
        mac = replace(mac, unreckoned=(*mac.unreckoned, "draft-model"))
    if making.processor and not making.host.accelerators:
        return ServingMode(label, "mlx", lambda _, __: mlx.footprint(shape, mac, _RAM, small), notes=about)
    return mlx_mode(label, shape, mac, about, small)


def _as_card(shape: Shape, flags: VllmServing, host: Host) -> Footprint:
    """Return the footprint of vLLM on the processor: main memory counts as its card, which makes some parts bounds."""
    memory = Pool(_RAM, PoolKind.RAM, "", host.ram_bytes, host.ram_bytes, host.ram_bytes)
    # The processor build compiles no CUDA graphs, which is what eager means for memory.
    found = vllm.footprint(shape, replace(flags, eager=True, keeps=False), [memory], host="")
    parts = {component: found.parts[_RAM].get(component, Span()) for component in Component}
    for component, span in found.parts[""].items():
        parts[component] += span
    return replace(found, parts={_RAM: {component: span for component, span in parts.items() if span.high}})
