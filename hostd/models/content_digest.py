"""Checksums of files that are here already, read in pieces: a file of weights is larger than memory may be."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from hostd.models.local import LocalFile

_BLOCK = 4 << 20
_SHA256 = re.compile(r"(?:sha256-)?([0-9a-f]{64})", re.ASCII)


def sha256_in_name(path: Path) -> str | None:
    """Return the SHA-256 that the name of a blob, with links followed, says of its content; None where it says none.

    So named are the large files in the cache of Hugging Face and all blobs in a store of Ollama's.
    """
    found = _SHA256.fullmatch(path.resolve().name)
    return found[1] if found else None


def has_digest(path: Path, digest: str, moved: Callable[[int], None] | None = None) -> bool:
    """Return whether the file at *path* has *digest*: 64 digits are a SHA-256, 40 the name that git gives to its content.

    *moved* is called with the bytes of each piece that was read.

    Raises:
        ModelNotFound: There is no such file.
        ModelUnreadable: It is no regular file, or cannot be read.
    """
    file = LocalFile(path)
    block = file.read(0, _BLOCK)
    found = (
        hashlib.sha256() if len(digest) == 64 else hashlib.sha1(b"blob %d\0" % (file.size or 0), usedforsecurity=False)
    )
    first = 0
    while block:
        found.update(block)
        first += len(block)
        if moved is not None:
            moved(len(block))
        block = file.read(first, first + _BLOCK)
    return found.hexdigest() == digest
