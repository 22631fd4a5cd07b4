"""How llama-server will serve a profile, read back from the flags that hostd launches it with."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from hostd.backends.environment import engine_environment
from hostd.backends.llamacpp.build import kept_build_of
from hostd.backends.llamacpp.command_line import arguments, locate
from hostd.backends.llamacpp.draft_flags import DEFAULTS, DRAFTER_NUMBERS, DRAFTER_TEXTS, drafting, known_kinds
from hostd.backends.llamacpp.help_page import HelpPages
from hostd.backends.visible_cards import named_devices
from hostd.domain.errors import ConfigError, EngineError, Problem
from hostd.domain.profile import Capabilities, Profile
from hostd.domain.ticket import Task
from hostd.paths import builds_file
from hostd.planning.footprint.llamacpp_serving import MIB, Serving

_ALL = 10_000
_NUMBERS = {
    **dict.fromkeys(("ctx-size", "c"), "context"),
    **dict.fromkeys(("parallel", "np"), "slots"),
    **dict.fromkeys(("batch-size", "b"), "batch"),
    **dict.fromkeys(("ubatch-size", "ub"), "ubatch"),
    **dict.fromkeys(("gpu-layers", "n-gpu-layers", "ngl"), "gpu_layers"),
    **dict.fromkeys(("n-cpu-moe", "ncmoe"), "cpu_experts"),
    **dict.fromkeys(("cache-ram", "cram"), "cache_ram"),
    **dict.fromkeys(("ctx-checkpoints", "swa-checkpoints", "ctxcp"), "checkpoints"),
    **dict.fromkeys(("main-gpu", "mg"), "main_gpu"),
    **DRAFTER_NUMBERS,
}
_TEXTS = {
    **dict.fromkeys(("cache-type-k", "ctk"), "key_type"),
    **dict.fromkeys(("cache-type-v", "ctv"), "value_type"),
    **dict.fromkeys(("flash-attn", "fa"), "flash"),
    **dict.fromkeys(("tensor-split", "ts"), "tensor_split"),
    **dict.fromkeys(("split-mode", "sm"), "split"),
    **dict.fromkeys(("device", "dev"), "device"),
    **dict.fromkeys(("mmproj", "mm"), "projector"),
    **dict.fromkeys(("override-tensor", "ot"), "overrides"),
    **dict.fromkeys(("lora", "lora-scaled"), "adapters"),
    **dict.fromkeys(("load-mode", "lm"), "load_mode"),
    **dict.fromkeys(("control-vector", "control-vector-scaled"), "control_vector"),
    **DRAFTER_TEXTS,
}
_SWITCHES: dict[str, tuple[str, int | bool]] = {
    **dict.fromkeys(("kv-unified", "kvu"), ("unified", True)),
    **dict.fromkeys(("no-kv-unified", "no-kvu"), ("unified", False)),
    "swa-full": ("full_window", True),
    **dict.fromkeys(("no-kv-offload", "nkvo"), ("kv_on_gpu", False)),
    "no-mmproj-offload": ("projector_on_gpu", False),
    **dict.fromkeys(("no-mmap", "mlock"), ("mapped", False)),
    **dict.fromkeys(("cpu-moe", "cmoe"), ("cpu_experts", _ALL)),
    **dict.fromkeys(("spec-draft-cpu-moe", "cpu-moe-draft", "cmoed"), ("drafter.cpu_experts", _ALL)),
    **dict.fromkeys(("embeddings", "embedding", "reranking", "rerank"), ("embeddings", True)),
    DEFAULTS: ("ngrams_by_default", True),
}
_UNFORESEEABLE = frozenset(
    {"rpc", "mmproj-url", "mmu", "model-vocoder", "mv", "kv-unified-per-slot"}
    | {"override-tensor-draft", "otd", "spec-draft-override-tensor"}
    | {"hf-repo-draft", "hfd", "hfrd", "spec-draft-hf"}
)
"""Flags that move or add bytes that no file on this machine tells: nothing can be promised with them."""


def profile_serving(profile: Profile, path: Path | None) -> Serving:
    """Return how *profile* will be served; its `unreckoned` names the owner's flags whose bytes cannot be computed.

    *path* is the model's file, where it is on this machine: where the model makes no text, its header decides on flags.

    Raises:
        ConfigError: A flag in the profile's ``args`` makes no sense.
    """
    asked = profile
    pools = profile.capabilities.task in (Task.EMBEDDINGS, Task.RERANK)
    # Without the file its pooling is not known; the estimate marks embeddings below.
    if path is None:
        asked = replace(profile, capabilities=Capabilities())
    words = arguments(asked, path or Path("model.gguf"), 0)
    build = engine_build()
    try:
        serving = replace(
            Serving(unified=profile.context is None, cache_ram=None, checkpoints=None, build=build),
            **_parsed(words, build),
        )
    except ValueError as error:
        raise ConfigError((Problem(f"args: {error}", f"profile '{profile.name}'"),)) from error
    return replace(serving, embeddings=True) if pools else serving


@cache
def engine_build() -> int | None:
    """Return the build number of the llama.cpp that hostd finds by itself; None where there is none, or it does not print it."""
    try:
        return kept_build_of(locate(()), builds_file())
    except EngineError:
        return None


@cache
def engine_drafting() -> frozenset[str] | None:
    """Return the kinds of drafting that the llama.cpp which hostd finds by itself knows; None where there is none."""
    try:
        program = locate(())
    except EngineError:
        return None
    return known_kinds(program, HelpPages().of(program, engine_environment(os.environ)))


def _parsed(words: Sequence[str], build: int | None) -> dict[str, Any]:
    """Return the fields of `Serving` that *words* set, later ones winning."""
    fields: dict[str, Any] = {}
    unreckoned = set[str]()
    for name, value in _pairs(words):
        if name in _NUMBERS:
            fields[_NUMBERS[name]] = _number(name, value)
        elif name in _TEXTS:
            fields[_TEXTS[name]] = value
        elif name in _SWITCHES:
            field, setting = _SWITCHES[name]
            fields[field] = setting
        elif name in _UNFORESEEABLE:
            unreckoned.add(name)
    if "tensor_split" in fields:
        fields["tensor_split"] = tuple(float(share) for share in re.split("[,/]", fields["tensor_split"]))
    if fields.get("gpu_layers", 0) < 0:
        fields["gpu_layers"] = None
    if fields.get("cache_ram", 0) < 0:
        raise ValueError("cache-ram without a limit cannot be planned with; name the MiB")
    if "cache_ram" in fields:
        fields["cache_ram"] *= MIB
    if "adapters" in fields:
        size = _size_of(fields.pop("adapters"))
        unreckoned |= {"lora"} if size is None else set()
        fields["adapter_bytes"] = size or 0
    if fields.pop("load_mode", "auto") not in ("auto", "mmap"):
        fields["mapped"] = False
    fields["control_vector"] = bool(fields.get("control_vector"))
    unreckoned |= {*_devices(fields)}
    fields |= drafting(fields, build, unreckoned)
    return fields | {"unreckoned": tuple(sorted(unreckoned))}


def _devices(fields: dict[str, Any]) -> Iterator[str]:
    """Replace what the owner says of devices by the field of `Serving`; yield the flags whose devices hostd cannot tell."""
    device, main = fields.pop("device", ""), fields.pop("main_gpu", None)
    fields["devices"] = device != "none"
    if device not in ("", "none"):
        names = named_devices(device)
        fields["device_names"] = names or ()
        if names is None:
            yield "device"
    if fields.get("split") == "none":
        fields["main_gpu"] = main
    elif main and fields.get("split") == "row":
        yield "main-gpu"


def _size_of(files: str) -> int | None:
    """Return the bytes of adapters, ``FILE,FILE:SCALE,…``: nearly all of each file are its tensors. None if one cannot be found."""
    total = 0
    for each in files.split(","):
        name, _, scale = each.rpartition(":")
        path = Path(name if name and re.fullmatch(r"-?[\d.]+", scale) else each)
        try:
            total += path.stat().st_size
        except OSError:
            return None
    return total


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    rest = iter(words)
    for word in rest:
        if word.startswith("-"):  # else it is the value of a flag that does not matter here
            name = word.lstrip("-")
            yield name, next(rest, "") if name in _NUMBERS or name in _TEXTS else ""


def _number(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        if _NUMBERS[name].endswith("gpu_layers") and value in ("all", "auto"):
            return -1
        raise ValueError(f"{name} takes a whole number, not '{value}'") from None
