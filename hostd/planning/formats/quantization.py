"""Quantisation of a checkpoint's weights, by its usual name."""

from collections.abc import Mapping

_NAMES = {
    "awq": "AWQ",
    "gptq": "GPTQ",
    "fp8": "FP8",
    "fbgemm_fp8": "FP8",
    "mxfp4": "MXFP4",
    "bitsandbytes": "bitsandbytes",
}
_PLAIN = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}


def quantisation(config: Mapping[str, object], table: Mapping[str, object]) -> str:
    """Return the quantisation of the weights (``AWQ 4-bit``, ``FP8``, ``MLX 4-bit``, ``BF16``); empty if no key states it.

    *table* is the part of *config* that describes the text model; either may hold the keys.
    """
    for where in (config, table):
        method = where.get("quantization_config")
        if isinstance(method, dict) and method.get("quant_method"):
            return _method(method)
        packed = where.get("quantization")
        if isinstance(packed, dict) and type(packed.get("bits")) is int:
            return f"MLX {packed['bits']}-bit"
    words = (where.get(key) for key in ("dtype", "torch_dtype") for where in (table, config))
    return next((_PLAIN[word] for word in words if isinstance(word, str) and word in _PLAIN), "")


def is_mlx(config: Mapping[str, object], metadata: Mapping[str, str]) -> bool:
    """Return whether a checkpoint's configuration or file metadata marks it as converted for MLX."""
    return isinstance(config.get("quantization"), dict) or metadata.get("format") == "mlx"


def _method(method: Mapping[str, object]) -> str:
    word = str(method["quant_method"])[:24]
    name = _NAMES.get(word.lower(), word)
    bits = method.get("bits", method.get("w_bit"))
    if bits is None and method.get("load_in_4bit") is True:
        bits = 4
    if bits is None:
        groups = method.get("config_groups")
        first = next(iter(groups.values()), None) if isinstance(groups, dict) else None
        weights = first.get("weights") if isinstance(first, dict) else None
        bits = weights.get("num_bits") if isinstance(weights, dict) else None
    return f"{name} {bits}-bit" if type(bits) is int and 0 < bits <= 32 else name
