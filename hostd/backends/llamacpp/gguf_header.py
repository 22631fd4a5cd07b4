"""Whether hostd's own parser takes a GGUF header: it is asked before llama.cpp's, which ends the engine where it errs."""

from functools import lru_cache
from pathlib import Path

from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass
from hostd.planning.formats import gguf
from hostd.planning.formats.gguf_cursor import GgufError, UnknownGguf
from hostd.planning.formats.gguf_shape import shape_of
from hostd.planning.formats.not_a_model import PROJECTOR, header_kind

_FIRST = 1 << 20
"""Bytes that are read at first; a vocabulary of the usual length needs some ten times as many."""
_MOST = 64 << 20
"""Bytes of a header at most; the largest known has 15 MiB."""


def refuse_damaged(path: Path) -> None:
    """Return unless the header at *path* contradicts itself or is no model's. Blocks once per file and its change.

    One that is newer than hostd, and one that cannot be read, are the engine's to judge.

    Raises:
        EngineError: It does, with what is wrong; class missing_file.
    """
    try:
        about = path.stat()
    except OSError:
        return
    why = _damage(path, about.st_size, about.st_mtime_ns)
    if why is not None:
        raise EngineError(f"{path}: {why}", exit_class=ExitClass.MISSING_FILE)


@lru_cache(256)
def _damage(path: Path, size: int, _changed: int) -> str | None:
    want = min(size, _FIRST)
    try:
        while want <= _MOST:
            with path.open("rb") as file:
                data = file.read(want)
            found = gguf.parse(data, size)
            if isinstance(found, gguf.GgufHeader):
                return _why_no_model(found)
            want = max(found.bytes, 2 * want)
    except (OSError, UnknownGguf):
        return None
    except GgufError as error:
        return error.message
    return f"its header is longer than {_MOST >> 20} MiB, which no model's is; do not use this file"


def _why_no_model(header: gguf.GgufHeader) -> str | None:
    if kind := header_kind(header.keys, [tensor.name for tensor in header.tensors]):
        return f"this is {kind}"
    # A part alone has no shape: its numbers count the layers of all parts.
    if header.split is None and not shape_of(header).layers:
        return f"this is {PROJECTOR}"
    return None
