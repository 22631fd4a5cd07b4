"""llama-server's flags for speculative decoding, as the fields of `Serving` that decide memory."""

from collections.abc import Iterable
from typing import Any

from hostd.backends.llamacpp.build import LAUNCHER
from hostd.planning.footprint.llamacpp_serving import DraftServing

DRAFTER_NUMBERS = {
    **dict.fromkeys(("spec-draft-n-max", "draft-max", "draft", "draft-n"), "most"),
    **dict.fromkeys(("spec-draft-ngl", "gpu-layers-draft", "n-gpu-layers-draft", "ngld"), "drafter.gpu_layers"),
    **dict.fromkeys(("ctx-size-draft", "cd"), "drafter.context"),
    **dict.fromkeys(("spec-draft-n-cpu-moe", "spec-draft-ncmoe", "n-cpu-moe-draft", "ncmoed"), "drafter.cpu_experts"),
    "spec-ngram-mod-n-max": "ngrams",
    **dict.fromkeys(("spec-ngram-size-m", "spec-ngram-simple-size-m"), "ngrams"),
    **dict.fromkeys(("spec-ngram-map-k-size-m", "spec-ngram-map-k4v-size-m"), "ngrams"),
}
DRAFTER_TEXTS = {
    "spec-type": "kinds",
    **dict.fromkeys(("spec-draft-model", "model-draft", "md"), "draft_model"),
    **dict.fromkeys(("spec-draft-device", "device-draft", "devd"), "draft_device"),
    **dict.fromkeys(("spec-draft-type-k", "cache-type-k-draft", "ctkd"), "drafter.key_type"),
    **dict.fromkeys(("spec-draft-type-v", "cache-type-v-draft", "ctvd"), "drafter.value_type"),
}
OWN_LAYERS = "draft-mtp"
"""The kind that drafts with the model's own drafting layers; older builds call it ``mtp``."""
SMALL_MODEL = "draft-simple"
DEFAULTS = "spec-default"
"""The switch that has n-grams draft as the engine's authors find best."""
_OWNERS = frozenset((*DRAFTER_NUMBERS, *DRAFTER_TEXTS, "hf-repo-draft", "hfd", "hfrd"))
DRAFTED = {OWN_LAYERS: 2, SMALL_MODEL: 3}
"""Tokens drafted at a time where hostd sets it up: public measurements of own layers have two; three are the engine's default."""

_BY_OWN_LAYERS = {OWN_LAYERS, "mtp", "draft-mtp-adaptive"}
_KNOWN = {*_BY_OWN_LAYERS, SMALL_MODEL, "draft-eagle3", "draft-dflash", "draft-dspark"}
"""Kinds whose memory is known, beside those that look n-grams up, which have no weights and no cache."""
_TAKEN_BACK = {*_BY_OWN_LAYERS, "draft-eagle3", "draft-dflash", "draft-dspark"}
"""Kinds for which recurrent states are kept as often as tokens are drafted (llama.cpp's common.h, need_n_rs_seq)."""
_DRAFTED = 3
"""Tokens that are drafted at a time where the owner does not say how many."""
_DRAFTED_EARLIER, _KINDS_SINCE = 16, 9_100
"""The same before builds of May 2026, which have kinds of drafting."""
_LONGEST_NGRAM = 64


def owner_drafts(args: Iterable[str]) -> bool:
    """Return whether the owner sets drafting up himself, by one of the flags in *args*."""
    return any(name in _OWNERS or name.startswith("spec-") for name in args)


def kind_of(draft: str) -> str:
    """Return the kind of drafting for a profile's ``draft``."""
    return OWN_LAYERS if draft == "auto" else SMALL_MODEL


def draft_words(draft: str) -> tuple[str, ...]:
    """Return the flags that turn drafting on for a profile's ``draft``."""
    kind = kind_of(draft)
    words = ("--spec-type", kind, "--spec-draft-n-max", str(DRAFTED[kind]))
    return words if kind == OWN_LAYERS else (*words, "--spec-draft-model", draft)


def known_kinds(program: tuple[str, ...], page: str) -> frozenset[str]:
    """Return the kinds of drafting that *program* knows, whose help is *page*; hostd's launcher knows all."""
    return frozenset(kind for kind in DRAFTED if str(LAUNCHER) in program or kind in page)


def drafting(fields: dict[str, Any], build: int | None, unreckoned: set[str]) -> dict[str, Any]:
    """Return the fields of `Serving` for what drafts, and take those from *fields* that are none; add to what is *unreckoned*."""
    kinds = {kind.strip() for kind in str(fields.pop("kinds", "")).split(",")} - {"", "none"}
    drafter = {name.partition(".")[2]: fields.pop(name) for name in [*fields] if name.startswith("drafter.")}
    if drafter.get("gpu_layers", 0) < 0:
        drafter["gpu_layers"] = None
    device, given = fields.pop("draft_device", ""), fields.pop("most", None)
    if device not in ("", "none"):
        unreckoned.add("spec-draft-device")
    most = given if given is not None else _DRAFTED_EARLIER if build and build < _KINDS_SINCE else _DRAFTED
    # A file that drafts with layers made for the model comes instead of the model's own layers.
    own = bool(kinds & _BY_OWN_LAYERS) and not fields.get("draft_model")
    if fields.pop("ngrams_by_default", False):
        kinds.add("ngram-mod")
    longest = fields.pop("ngrams", _LONGEST_NGRAM)
    ngrams = {kind for kind in kinds if kind.startswith("ngram")}
    if kinds - ngrams - _KNOWN:
        unreckoned.add("spec-type")
    other = most if kinds - _BY_OWN_LAYERS or fields.get("draft_model") else 0
    found: dict[str, Any] = {
        "draft": most if own else 0,
        "verified": max(other, longest) if ngrams else other,
        "drafter": DraftServing(on_gpu=device != "none", **drafter),
    }
    return found | ({"rollback": most} if kinds & _TAKEN_BACK else {})
