"""How much KV cache vLLM is told to take: what the plan reserved, so that it leaves the rest of a GPU to other models."""

from collections.abc import Callable, Mapping
from pathlib import Path

from hostd.backends import checkpoint_folder
from hostd.backends.vllm.memory_flags import memory_fields
from hostd.domain.errors import EngineError
from hostd.domain.host import Pool, PoolKind
from hostd.domain.profile import Flag, Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.domain.ticket import Task
from hostd.planning.footprint import vllm
from hostd.planning.footprint.vllm_serving import VllmServing
from hostd.planning.formats.safetensors import BadModel
from hostd.planning.warm_set.load_option import LoadOption

_KV_TYPES = {"f16": "auto", "bf16": "auto", "q8_0": "fp8"}
_HOST_BLOCK = 128
"""Tokens of a block where vLLM computes on the processor."""
_MIB = 1 << 20
_OFFLOADING = frozenset({"kv-offloading-size", "kv-offloading-backend", "kv-transfer-config"})


def serving(profile: Profile) -> VllmServing:
    """Return how *profile* will be served: what the flags set, and what the estimate needs.

    Raises:
        EngineError: A value makes no sense to vLLM; class bad_flag.
    """
    args = profile.args
    kv_type = args.get("kv-cache-dtype", _KV_TYPES.get(profile.kv_type))
    if kv_type is None:
        raise _bad(f"vLLM keeps its KV cache as {', '.join(_KV_TYPES)}, not as {profile.kv_type}; change kv_type")
    utilisation = args.get("gpu-memory-utilization")
    try:
        return VllmServing(
            context=profile.context or 0,
            slots=profile.slots,
            batch=int(args.get("max-num-batched-tokens", 0)),
            kv_type=str(kv_type),
            block=int(args.get("block-size", 16)),
            eager=args.get("enforce-eager") is True,
            kv_bytes=_optional(args, "kv-cache-memory-bytes"),
            utilisation=None if utilisation is None else float(utilisation),
            keeps=_keeps(profile),
            **memory_fields(args),
        )
    except ValueError as error:
        raise _bad(f"args: {error}") from error


def kept_prompts(option: LoadOption | None, profile: Profile, knows: Callable[[str], bool]) -> dict[str, Flag]:
    """Return the flags for keeping past prompts in the host memory that *option* gives them, GiB for all cards together.

    *knows* tells which flags the build has; without that for the size there are none.
    """
    share = ((option.shares if option else None) or {}).get(vllm.OFFLOAD_FLAG)
    if not share or not _keeps(profile) or not knows(vllm.OFFLOAD_FLAG):
        return {}
    # Early builds see too late that their connector cannot do with a cache of several kinds, which these models have not.
    rest: dict[str, Flag] = {"kv-offloading-backend": "native", "disable-hybrid-kv-cache-manager": True}
    known = {name: value for name, value in rest.items() if knows(name) and name not in profile.args}
    return {vllm.OFFLOAD_FLAG: share, "enable-prefix-caching": True} | known


def why_not(profile: Profile) -> str:
    """Return why past prompts of *profile* are not kept in main memory."""
    if not _keeps(profile):
        return "the profile's args or its task rule it out"
    return "there was no main memory left for it, or not all layers of the model keep every token"


def _keeps(profile: Profile) -> bool:
    """Return whether the owner wants past prompts to be kept, and has no flags of their own about that."""
    args = profile.args
    return (
        profile.kv.save
        and profile.capabilities.task is Task.TEXT
        and _OFFLOADING.isdisjoint(args)
        and args.get("enable-prefix-caching") is not False
    )


def kv_bytes(folder: Path, profile: Profile, option: LoadOption | None, *, on_processor: bool) -> int | None:
    """Return what ``--kv-cache-memory-bytes`` must say for the model in *folder*; None leaves it to the engine.

    It is the cache for all slots, or what is left of the chosen memory when all else takes its most, but never less than
    one request of the whole context needs, without which the engine does not start.

    Raises:
        EngineError: The model cannot be read.
    """
    planned = serving(profile)
    if planned.kv_bytes is not None or planned.utilisation is not None:
        return planned.kv_bytes
    if option is None and not on_processor:
        return None
    try:
        shape = checkpoint_folder.shape(folder)
        if planned.drafter:
            shape = vllm.with_drafter(shape, checkpoint_folder.shape(_folder(planned.drafter)))
        devices = _devices(option)
        if on_processor:
            planned = VllmServing(
                context=planned.context, slots=planned.slots, kv_type=planned.kv_type, block=_HOST_BLOCK, eager=True
            )
        need = vllm.wanted_kv(shape, planned, devices)
        free = min(device.budget for device in devices)
        fits = vllm.kv_cache_memory_bytes(shape, planned, devices, free) if free else need.high
    except BadModel as error:
        raise EngineError(f"{folder}: {error.message}", exit_class=ExitClass.MISSING_FILE) from error
    spare = vllm.spare_kv(shape, planned, devices)
    return -(-(max(fits, need.low) + spare) // _MIB) * _MIB


def _folder(name: str) -> Path:
    """Return the folder of what drafts, which the engine takes by its path or its repository."""
    path = Path(name).expanduser()
    return path if path.is_dir() else checkpoint_folder.locate(Variant("vllm", hf=name))


def _devices(option: LoadOption | None) -> list[Pool]:
    """Return the chosen memory as GPUs; where nothing is known of it, one of unknown size."""
    needs = {} if option is None else option.needs
    names = [] if option is None else [pool for pool, _ in option.placement.devices]
    return [
        Pool(name, PoolKind.VRAM, "", needs.get(name, 0), needs.get(name, 0), needs.get(name, 0))
        for name in names or ["ram"]
    ]


def _optional(args: Mapping[str, Flag], name: str) -> int | None:
    value = args.get(name)
    return None if value is None else int(value)


def _bad(why: str) -> EngineError:
    return EngineError(why, exit_class=ExitClass.BAD_FLAG)
