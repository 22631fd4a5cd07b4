"""What Ollama's clients are told of models: which there are, what each can do, and which are loaded.

Strict clients (Zed, Ollama's own in Go and Python) want every member, so what is not known is empty, nought or ``unknown``.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from hostd.dialects.ollama.answer import stamp

Json = dict[str, Any]

VERSION = "0.32.15"
"""The Ollama whose API this is; Codex asks for 0.13.4 at least."""

FOR_EVER = 100 * 365 * 86400.0
"""Seconds for which a model is said to stay that stays until something else needs its memory."""

_PARAMETERS = re.compile(r"(?<![A-Za-z0-9.])(\d+(?:\.\d+)?)([bm])(?![A-Za-z0-9])", re.IGNORECASE)
_QUANTIZATION = re.compile(
    r"(?<![A-Za-z0-9])((?:IQ|Q|TQ)\d\w*|MXFP4|NVFP4|AWQ|GPTQ|FP8|BF16|F16|F32|[48]bit)(?![a-z])", re.IGNORECASE
)
_FAMILY = re.compile(r"[A-Za-z]+")
_FORMATS = {"llamacpp": "gguf", "ollama": "gguf", "vllm": "safetensors", "mlx": "safetensors"}
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of the model that answers to *name*.

    *label* is its engine and where its weights are, as in `hostd.domain.profile.Variant`. *context* is in tokens, *size* in bytes,
    0 where it is not known; *since* in seconds since 1970. What it can do is None where nobody says.
    """

    name: str
    label: str
    context: int | None
    size: int
    since: float
    embeddings: bool | None = None
    tools: bool | None = None
    vision: bool | None = None
    thinking: bool | None = None


def listed(model: ModelFacts) -> Json:
    """Return an entry of ``/api/tags``."""
    told = {"name": model.name, "model": model.name, "modified_at": stamp(model.since), "size": model.size}
    return {**told, "digest": _digest(model), "details": _details(model), "capabilities": _capabilities(model)}


def loaded(model: ModelFacts, *, on_cards: int, until: float) -> Json:
    """Return an entry of ``/api/ps``: *on_cards* bytes of it are in a card's memory, and it stays *until* (seconds since 1970)."""
    told = {"name": model.name, "model": model.name, "size": model.size, "digest": _digest(model)}
    more = {"expires_at": stamp(until), "size_vram": on_cards, "context_length": model.context or 0}
    return {**told, "details": _details(model), **more}


def shown(model: ModelFacts) -> Json:
    """Return the answer of ``/api/show``."""
    details = _details(model)
    family = details["family"]
    info: Json = {"general.architecture": family, "general.basename": model.name}
    if model.context:
        info[f"{family}.context_length"] = model.context
    return {
        "license": "",
        "modelfile": f"# declared to hostd: {model.label}\nFROM {model.name}\n",
        "parameters": f"num_ctx {model.context}" if model.context else "",
        "template": "",
        "details": details,
        "model_info": info,
        "capabilities": _capabilities(model),
        "modified_at": stamp(model.since),
    }


def _capabilities(model: ModelFacts) -> list[str]:
    """Return what the model can do: tools unless its owner or a probe says no, the rest where one says yes."""
    if model.embeddings:
        return ["embedding"]
    found = {"tools": model.tools is not False, "vision": bool(model.vision), "thinking": bool(model.thinking)}
    return ["completion", *(name for name, has in found.items() if has)]


def _details(model: ModelFacts) -> Json:
    """Return what the names of a model and of its file tell."""
    backend, _, source = model.label.partition(":")
    words = f"{source} {model.name}"
    parameters, quantization = (
        _PARAMETERS.search(words),
        _QUANTIZATION.search(words),
    )
    family = _FAMILY.match(source.rpartition("/")[2])
    return {
        "parent_model": "",
        "format": _FORMATS.get(backend, _UNKNOWN),
        "family": family[0].lower() if family else _UNKNOWN,
        "families": [family[0].lower()] if family else [],
        "parameter_size": f"{parameters[1]}{parameters[2].upper()}" if parameters else _UNKNOWN,
        "quantization_level": quantization[1].upper() if quantization else _UNKNOWN,
    }


def _digest(model: ModelFacts) -> str:
    """Return what tells this model from others: names of it that mean the same have the same."""
    return hashlib.sha256(model.label.encode("utf-8", "replace")).hexdigest()
