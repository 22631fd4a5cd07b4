"""A check of a GGUF file before an engine is started on it, so that the owner reads a sentence and not a log.

It also finds the keys of the header that a launch depends on, without parsing the rest.
"""

import re
import struct
from pathlib import Path

from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass
from hostd.planning.formats.not_a_model import BEGIN, file_kind

MAGIC = b"GGUF"
_SPLIT = re.compile(r"(?P<stem>.+)-(?P<part>\d{5})-of-(?P<count>\d{5})\.gguf")
_POOLING = re.compile(rb"\.pooling_type\x04\x00\x00\x00(.{4})", re.DOTALL)
_DECISION = re.compile(rb"\.decision\.type\x08\x00\x00\x00(.{8})", re.DOTALL)
_POOLINGS = ("none", "mean", "cls", "last", "rank")
# A model's own keys come before its vocabulary; a MiB holds them, however long its licence is.
_HEAD = 1 << 20
_LONGEST_TYPE = 64


def check(path: Path) -> int:
    """Return the bytes of the model at *path*, all parts of a split one together.

    Raises:
        EngineError: The file, or a part of it, is missing, cannot be read, or is no GGUF file.
    """
    return sum(_check_part(part) for part in _parts(path))


def _parts(path: Path) -> list[Path]:
    split = _SPLIT.fullmatch(path.name)
    if split is None:
        return [path]
    count = int(split["count"])
    # The engine finds the later parts by itself, from the first one only.
    if int(split["part"]) != 1:
        first = f"{split['stem']}-00001-of-{split['count']}.gguf"
        raise _bad(f"{path} is a later part of a split model; name its first part, {first}")
    return [path.with_name(f"{split['stem']}-{part:05d}-of-{count:05d}.gguf") for part in range(1, count + 1)]


def _check_part(path: Path) -> int:
    if not path.exists():
        raise _bad(f"there is no file {path}; correct the variant's path or put the model there")
    if not path.is_file():
        raise _bad(f"{path} is not a regular file; name the .gguf file itself")
    try:
        with path.open("rb") as file:
            begin = file.read(BEGIN)
    except OSError as error:
        raise _bad(f"{path} cannot be read: {error.strerror}; give the user that runs hostd access to it") from error
    if not begin.startswith(MAGIC):
        if kind := file_kind(begin):
            raise _bad(f"{path} is {kind}")
        seen = repr(begin[: len(MAGIC)])[1:]
        raise _bad(f"{path} is not a GGUF file: it begins with {seen}; download or convert the model again")
    return path.stat().st_size


def pooling(path: Path) -> str | None:
    """Return how the model at *path* says that token vectors become one (``mean``, ``last`` ...), None if it does not."""
    with path.open("rb") as file:
        found = _POOLING.search(file.read(_HEAD))
    if found is None:
        return None
    (number,) = struct.unpack("<I", found[1])
    return _POOLINGS[number] if number < len(_POOLINGS) else None


def decision_type(path: Path) -> str | None:
    """Return which kind of decision model the one at *path* is (``laya``, ``kev`` ...), None where it is none."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    found = _DECISION.search(head)
    if found is None:
        return None
    (length,) = struct.unpack("<Q", found[1])
    return head[found.end() : found.end() + min(length, _LONGEST_TYPE)].decode("utf-8", "replace")


def _bad(message: str) -> EngineError:
    return EngineError(message, exit_class=ExitClass.MISSING_FILE)
