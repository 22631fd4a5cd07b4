"""What a model is called apart from how it is packed: copies of one model in several quantisations share that name."""

import re

_LONGEST = 60
_PARTS = re.compile(r"-\d{5}-of-\d{5}$", re.ASCII)
_PACKING = re.compile(
    r"[-_.:](?:ud[-_])?(?:i?q\d(?:_[0-9a-z]+)*|tq\d_\d|b?f16|f32|mxfp4(?:_moe)?|nvfp4|gguf|imat|latest)$",
    re.ASCII | re.IGNORECASE,
)
_DRAFTS = frozenset({"draft", "drafter", "dflash", "eagle", "eagle3"})


def plain_name(name: str) -> str:
    """Return *name* (a file's without its ending, or Ollama's) in small letters, digits, dots and dashes, without its packing.

    It can name a file and a profile; what has no letter or digit at all is called ``model``.
    """
    rest = _PARTS.sub("", name.rsplit("/", 1)[-1].removesuffix(".gguf"))
    while (shorter := _PACKING.sub("", rest)) != rest:
        rest = shorter
    words = re.sub(r"[^a-z0-9.]+", "-", rest.lower())
    return words.strip("-.")[:_LONGEST].rstrip("-.") or "model"


def is_draft(name: str) -> bool:
    """Return whether a model is, by its name, made to draft tokens for another."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    return words[0] == "mtp" or not _DRAFTS.isdisjoint(words)
