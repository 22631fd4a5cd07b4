"""How llama-server will serve a profile, read back from the flags that hostd launches it with."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from hostd.backends.llamacpp.build import kept_build_of
from hostd.backends.llamacpp.command_line import arguments, locate
from hostd.domain.errors import ConfigError, EngineError, Problem
from hostd.domain.profile import Profile
from hostd.paths import builds_file
from hostd.planning.footprint.llamacpp_serving import MIB, Serving

_ALL = 10_000
_DRAFTED = 3
"""Tokens that are drafted at a time where the owner does not say how many."""
_NUMBERS = {
    **dict.fromkeys(("ctx-size", "c"), "context"),
    **dict.fromkeys(("parallel", "np"), "slots"),
    **dict.fromkeys(("batch-size", "b"), "batch"),
    **dict.fromkeys(("ubatch-size", "ub"), "ubatch"),
    **dict.fromkeys(("gpu-layers", "n-gpu-layers", "ngl"), "gpu_layers"),
    **dict.fromkeys(("n-cpu-moe", "ncmoe"), "cpu_experts"),
    **dict.fromkeys(("cache-ram", "cram"), "cache_ram"),
    **dict.fromkeys(("spec-draft-n-max", "draft-max", "draft", "draft-n"), "draft"),
    **dict.fromkeys(("ctx-checkpoints", "swa-checkpoints", "ctxcp"), "checkpoints"),
}
_TEXTS = {
    **dict.fromkeys(("cache-type-k", "ctk"), "key_type"),
    **dict.fromkeys(("cache-type-v", "ctv"), "value_type"),
    **dict.fromkeys(("flash-attn", "fa"), "flash"),
    "spec-type": "speculation",
    **dict.fromkeys(("tensor-split", "ts"), "tensor_split"),
}
_SWITCHES: dict[str, tuple[str, int | bool]] = {
    **dict.fromkeys(("kv-unified", "kvu"), ("unified", True)),
    **dict.fromkeys(("no-kv-unified", "no-kvu"), ("unified", False)),
    "swa-full": ("full_window", True),
    **dict.fromkeys(("no-kv-offload", "nkvo"), ("kv_on_gpu", False)),
    "no-mmproj-offload": ("projector_on_gpu", False),
    **dict.fromkeys(("cpu-moe", "cmoe"), ("cpu_experts", _ALL)),
    **dict.fromkeys(("embeddings", "embedding"), ("embeddings", True)),
}
_UNFORESEEABLE = frozenset({"override-tensor", "ot", "override-tensor-draft", "otd", "model-draft", "md", "rpc"})
"""Flags that move or add so many bytes that nothing can be promised without them; the others' are few."""
_NOT_ESTIMATED = frozenset(
    {"model-draft", "md", "lora", "control-vector", "override-tensor", "ot", "rpc"}
    | {"split-mode", "sm", "main-gpu", "mg", "device", "dev"}
)


def profile_serving(profile: Profile, path: Path | None) -> tuple[Serving, tuple[str, ...]]:
    """Return how *profile* will be served, and sentences on flags that the estimate does not cover.

    *path* is the model's file, where it is on this machine: for embeddings, its header decides on flags.

    Raises:
        ConfigError: A flag in the profile's ``args`` makes no sense.
    """
    asked = profile
    # Without the file its pooling is not known; the estimate marks embeddings below.
    if path is None and profile.capabilities.embeddings:
        asked = replace(profile, capabilities=replace(profile.capabilities, embeddings=False))
    words = arguments(asked, path or Path("model.gguf"), 0)
    try:
        serving = replace(
            Serving(unified=profile.context is None, cache_ram=None, checkpoints=None, build=engine_build()),
            **_parsed(words),
        )
    except ValueError as error:
        raise ConfigError((Problem(f"args: {error}", f"profile '{profile.name}'"),)) from error
    if profile.capabilities.embeddings:
        serving = replace(serving, embeddings=True)
    ignored = sorted(_NOT_ESTIMATED & {word.lstrip("-") for word in words if word.startswith("-")})
    if unforeseeable := _UNFORESEEABLE & set(ignored):
        serving = replace(serving, unreckoned=tuple(sorted(unforeseeable)))
    notes = (f"what {', '.join(ignored)} in its args changes is not part of the estimate",) if ignored else ()
    return serving, notes


@cache
def engine_build() -> int | None:
    """Return the build number of the llama.cpp that hostd finds by itself; None where there is none, or it does not print it."""
    try:
        return kept_build_of(locate(()), builds_file())
    except EngineError:
        return None


def _parsed(words: Sequence[str]) -> dict[str, Any]:
    """Return the fields of `Serving` that *words* set, later ones winning."""
    fields: dict[str, Any] = {}
    for name, value in _pairs(words):
        if name in _NUMBERS:
            fields[_NUMBERS[name]] = _number(name, value)
        elif name in _TEXTS:
            fields[_TEXTS[name]] = value
        elif name in _SWITCHES:
            field, setting = _SWITCHES[name]
            fields[field] = setting
    if "tensor_split" in fields:
        fields["tensor_split"] = tuple(float(share) for share in re.split("[,/]", fields["tensor_split"]))
    # Only the model's own drafting layers are part of its file; n-grams take no memory.
    drafts = "mtp" in str(fields.pop("speculation", ""))
    fields["draft"] = fields.get("draft", _DRAFTED) if drafts else 0
    if fields.get("gpu_layers", 0) < 0:
        fields["gpu_layers"] = None
    if fields.get("cache_ram", 0) < 0:
        raise ValueError("cache-ram without a limit cannot be planned with; name the MiB")
    if "cache_ram" in fields:
        fields["cache_ram"] *= MIB
    return fields


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
        if name in ("gpu-layers", "n-gpu-layers", "ngl") and value in ("all", "auto"):
            return -1
        raise ValueError(f"{name} takes a whole number, not '{value}'") from None
