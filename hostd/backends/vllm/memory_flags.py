"""vLLM's flags beyond those of every profile that change its memory: counted where they can be, named where they cannot."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hostd.domain.profile import Flag

_GIB = 1 << 30
_SPECULATIVE = "speculative-config"
_NOBODY = "?"
"""What drafts where the owner's flags name no model, and the method needs one."""
_OWN_LAYERS = "mtp"
_WITHOUT_WEIGHTS = {"ngram", "ngram_gpu", "suffix"}
_AS_STORED = {"auto", "bfloat16", "float16", "half"}
_STORED_SO = ("awq", "gptq", "compressed-tensors", "modelopt", "quark")
"""Quantisations that a checkpoint brings; others (fp8, bitsandbytes …) may be made while it is loaded."""
_RANK, _AT_ONCE = 16, 1
"""The engine's defaults of --max-lora-rank and --max-loras."""

_UNFORESEEABLE = (
    *("pipeline-parallel-size", "pp", "data-parallel-size", "dp", "decode-context-parallel-size", "dcp"),
    *(
        "kv-transfer-config",
        "cpu-offload-params",
        "offload-backend",
        "offload-group-size",
        "hf-overrides",
        "enable-eplb",
    ),
)


def memory_fields(args: Mapping[str, Flag]) -> dict[str, Any]:
    """Return the fields of `VllmServing` that *args* set beside those of every profile.

    ``--swap-space`` sets none: the engine has allocated nothing for it since its first version (vllm issue 27984).

    Raises:
        ValueError: A value makes no sense.
    """
    draft, drafter = _drafting(args)
    unreckoned = {*(name for name in _UNFORESEEABLE if name in args), *_repacked(args)}
    lora = args.get("enable-lora") is True
    return {
        "draft": draft,
        "drafter": drafter,
        "offload": int(float(args.get("cpu-offload-gb", 0)) * _GIB),
        "host_kv": int(float(args.get("kv-offloading-size", 0)) * _GIB),
        "adapters": int(args.get("max-loras", _AT_ONCE)) if lora else 0,
        "adapter_rank": int(args.get("max-lora-rank", _RANK)) if lora else 0,
        "unreckoned": tuple(sorted(unreckoned)),
    }


def _drafting(args: Mapping[str, Flag]) -> tuple[int, str]:
    """Return how many tokens the model's own layers draft, and what else drafts that has weights: a folder or a repository."""
    told = args.get(_SPECULATIVE)
    try:
        config = dict(json.loads(str(told)) if told is not None else {})
    except (ValueError, TypeError) as error:
        raise ValueError(f"{_SPECULATIVE} is no JSON object") from error
    for name, value in args.items():
        # The engine also takes each key of the object by itself.
        if name.startswith(f"{_SPECULATIVE}."):
            config[name.partition(".")[2]] = value
    config |= {key: args[flag] for flag, key in _SHORT.items() if flag in args}
    if not config:
        return 0, ""
    method, count = str(config.get("method", "")), int(config.get("num_speculative_tokens") or 1)
    if method in _WITHOUT_WEIGHTS:
        return 0, ""
    if (method == _OWN_LAYERS or method.endswith(f"_{_OWN_LAYERS}")) and not config.get("model"):
        return count, ""
    return 0, str(config.get("model") or _NOBODY)


_SHORT = {"spec-method": "method", "spec-model": "model", "spec-tokens": "num_speculative_tokens"}


def _repacked(args: Mapping[str, Flag]) -> Iterator[str]:
    if str(args.get("dtype", "auto")) not in _AS_STORED:
        yield "dtype"
    quantization = next((str(args[name]) for name in ("quantization", "q") if name in args), "")
    if quantization and not quantization.startswith(_STORED_SO):
        yield "quantization"
