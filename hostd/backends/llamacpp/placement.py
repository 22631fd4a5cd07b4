"""llama-server's flags and variables for what the plan decided: where a model is placed, and its shares of elastic memory."""

import re
from collections.abc import Iterator, Mapping

from hostd.backends.devices import is_placed
from hostd.backends.llamacpp.draft_flags import draft_words, owner_drafts
from hostd.backends.visible_cards import named_devices
from hostd.domain.profile import Flag
from hostd.planning.footprint.llamacpp_serving import MIB
from hostd.planning.warm_set.load_option import LoadOption

ALL_LAYERS = 999
"""More than any model has. Without a number the engine would silently put layers on the host when memory looks short."""

_LAYERS = frozenset({"gpu-layers", "n-gpu-layers", "ngl"})

_SPLITS = frozenset({"tensor-split", "ts", "split-mode", "sm"})

_EXPERTS = frozenset({"n-cpu-moe", "ncmoe", "cpu-moe", "cmoe", "override-tensor", "ot"})
_BY_NAME = ("device", "dev")
_NUMBERED = re.compile(r"=\s*(?:CUDA|ROCm)\d")
"""A buffer of one card, in the owner's ``--override-tensor``."""

_ELASTIC = {"cache-ram": "LLAMA_ARG_CACHE_RAM", "ctx-checkpoints": "LLAMA_ARG_CTX_CHECKPOINTS"}
"""Flags whose value the plan deals out, and the variable that sets each: a build that does not know one ignores it."""


def owner_places(args: Mapping[str, Flag]) -> bool:
    """Return whether the owner's *args* name devices, by names or numbers that hiding some would change."""
    alone = any(str(args.get(name)) in ("none", "row") for name in ("split-mode", "sm"))
    moved = any(_NUMBERED.search(str(args.get(name, ""))) for name in ("override-tensor", "ot"))
    named = {"rpc", *_BY_NAME} | ({"main-gpu", "mg"} if alone else set())
    return moved or not named.isdisjoint(args)


def _foreign(args: Mapping[str, Flag]) -> bool:
    """Return whether the owner's *args* name devices that no pool of this machine stands for, as those of other machines (RPC)."""
    names = [str(args[name]) for name in _BY_NAME if name in args]
    return "rpc" in args or any(name == "none" or named_devices(name) is None for name in names)


def elastic_variables(option: LoadOption | None) -> dict[str, str]:
    """Return the variables that allow an engine its shares of memory, and no more; the owner's flags win over them."""
    shares = (option.shares if option is not None else None) or {}
    return {_ELASTIC[flag]: str(value) for flag, value in shares.items() if flag in _ELASTIC}


def placement_words(option: LoadOption | None, args: Mapping[str, Flag], draft: str = "auto") -> tuple[str, ...]:
    """Return llama-server's flags for *option*, without those that the owner's *args* set; *draft* is the profile's."""
    if option is None or not is_placed(option) or _foreign(args):
        return ()
    drafting = draft_words(draft) if option.placement.drafts and not owner_drafts(args) else ()
    return (*_words(option, args), *drafting)


def _words(option: LoadOption, args: Mapping[str, Flag]) -> Iterator[str]:
    devices = option.placement.devices
    # Graphics that are there and not measured are the engine's to use: a missing number is no reason to do without them.
    if not devices and not option.hides:
        return
    layers = (ALL_LAYERS if devices else 0) if option.gpu_layers is None else option.gpu_layers
    if _LAYERS.isdisjoint(args):
        yield from ("-ngl", str(layers))
    if not devices:
        # Without layers on it, a card would still be used to prefill, and hold memory for that.
        yield from ("--device", "none")
    if option.placement.cpu_experts and _EXPERTS.isdisjoint(args):
        yield from ("--n-cpu-moe", str(option.placement.cpu_experts))
    if len(devices) > 1 and _SPLITS.isdisjoint(args):
        yield from ("-sm", "layer", "-ts", ",".join(str(share) for share in shares(option)))


def shares(option: LoadOption) -> list[int]:
    """Return each device's share of the layers, in whole numbers: MiB where the shares are bytes, layers where they are counts."""
    given = [share for _, share in option.placement.devices]
    if max(given) > 1 and min(given) < MIB and all(share.is_integer() for share in given):
        return [int(share) for share in given]
    unit = MIB if min(given) >= MIB else min(given) / 1000
    return [max(1, round(share / unit)) for share in given]
