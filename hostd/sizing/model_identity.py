"""What tells one model from another that is served under the same name: its files, and how its engine is launched with them."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from hostd.domain.errors import EngineError
from hostd.domain.profile import Profile, Variant
from hostd.sizing.variants import resolve_weights

_ANSWERS_ALIKE = frozenset({"threads", "threads-batch", "cache-ram", "batch-size", "ubatch-size"})
"""Flags that make an engine faster or slower, and no other."""


def model_identity(profile: Profile, variant: Variant) -> str:
    """Return a digest of what *variant* of *profile* serves, by the sizes and times of files rather than by their bytes.

    Another file, tag or server, and other flags (a chat template, a parser of tool calls) make another model. Reads the disk.
    """
    # What is not on this machine (yet) is known by its reference alone.
    with suppress(EngineError):
        variant = resolve_weights(variant)
    flags = {name: value for name, value in profile.args.items() if name not in _ANSWERS_ALIKE}
    named = [str(value) for value in flags.values() if isinstance(value, str) and "/" in value]
    files = [_seen(path) for path in (variant.path, *named) if path]
    source = (variant.backend, variant.hf, variant.file, variant.tag, variant.url, variant.provider, variant.model)
    told = json.dumps([source, files, sorted(flags.items(), key=str), profile.capabilities.task])
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def _seen(path: str) -> tuple[str, int, int]:
    try:
        found = Path(path).expanduser().stat()
    except (OSError, ValueError, RuntimeError):
        return path, 0, 0
    return path, found.st_size, found.st_mtime_ns
