"""Parser of safetensors headers: names, types, shapes and offsets of the tensors, without their data.

The format is eight bytes of length, that many bytes of JSON, and the tensors without gaps. The header is untrusted, so every
number in it is checked against the others and against the size of the file before it is used. Format:
https://github.com/huggingface/safetensors#format.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import prod

from hostd.domain.errors import HostdError
from hostd.domain.units import format_bytes
from hostd.planning.formats.gguf import MAX_TENSORS, NeedMore
from hostd.planning.formats.not_a_model import BEGIN, file_kind, stand_in

PREFIX = 8
MOST = 32 << 20
"""Bytes of JSON that a header may have. The format allows 100 MB; so many tensors as `MAX_TENSORS` take half of this."""

BITS: Mapping[str, int] = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32,
    "U64": 64, "I64": 64, "F64": 64, "C64": 64, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip
"""Bits of one element. Packed types (4-bit weights in U8, I32 or U32) are counted as what they are packed in."""

_DIMENSIONS = 16
_NOTES = "__metadata__"
_LONGEST_NOTES, _LONGEST_ENTRY = 4 << 20, 1 << 16
_OPEN = re.compile(r"\{[ \t\r\n]*(?P<next>\}?)")
_NEXT = re.compile(r"[ \t\r\n]*(?P<next>[,}])[ \t\r\n]*")
_KEY = re.compile(r'(?P<name>"[^"\\]*(?:\\.[^"\\]*)*")[ \t\r\n]*:[ \t\r\n]*')


class BadModel(HostdError):
    """A model file or configuration that contradicts itself; the message says how, and what to do."""

    code = "bad_model_file"
    status = 422


class UnknownTensorType(BadModel):
    """A tensor of a type that is not known here; an engine may be newer than this hostd."""


@dataclass(frozen=True, slots=True)
class CheckpointTensor:
    """One tensor as stored; *begin* and *end* are offsets from the end of the header, in bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def bytes(self) -> int:
        """Size of the data in the file."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Safetensors:
    """Header of one file; the tensors' data begin at *data_offset* bytes, *metadata* are the texts that its writer added."""

    tensors: tuple[CheckpointTensor, ...]
    metadata: Mapping[str, str]
    data_offset: int

    @property
    def weight_bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.bytes for tensor in self.tensors)


def parse_safetensors(prefix: bytes, file_bytes: int | None = None) -> Safetensors | NeedMore:
    """Return the header at the beginning of a file, or how many bytes of the file parsing it needs.

    *file_bytes* is the size of the whole file, None if it is not known.

    Raises:
        BadModel: The file is not a safetensors file, is cut off, or its numbers contradict each other.
    """
    if len(prefix) < PREFIX:
        if file_bytes is not None and file_bytes < PREFIX:
            raise BadModel(f"the file has {file_bytes} bytes and no header; download it again")
        return NeedMore(PREFIX)
    length = int.from_bytes(prefix[:PREFIX], "little")
    if length > MOST or length < 2:
        if prefix[PREFIX : PREFIX + 1] != b"{" and (kind := file_kind(bytes(prefix[:BEGIN]))):
            raise BadModel(f"this is {kind}")
        raise BadModel(
            f"its header claims {length} bytes, which no model in safetensors has; it is another kind of file, or damaged"
        )
    if file_bytes is not None and PREFIX + length > file_bytes:
        raise BadModel(
            f"its header claims {length} bytes and the file has {file_bytes}; it is cut off, download it again"
        )
    if len(prefix) < PREFIX + length:
        return NeedMore(PREFIX + length)
    members = _members(prefix[PREFIX : PREFIX + length])
    # The one member of the header that is not a tensor.
    metadata = members.pop(_NOTES, {})
    if not isinstance(metadata, dict):
        raise BadModel("its __metadata__ is no table of texts; the file is damaged")
    tensors = tuple(sorted((_tensor(name, entry) for name, entry in members.items()), key=lambda each: each.begin))
    _check_layout(tensors, None if file_bytes is None else file_bytes - PREFIX - length)
    notes = {str(key): value for key, value in metadata.items() if isinstance(value, str)}
    return Safetensors(tensors, notes, PREFIX + length)


def _members(header: bytes) -> dict[str, object]:
    """Return the members of a header, each parsed by itself: a long text parsed at once holds up all other threads for a second."""
    members: dict[str, object] = {}
    try:
        text = header.decode("utf-8").strip()
        found = _OPEN.match(text)
        while found is not None and found["next"] != "}":
            key = _KEY.match(text, found.end())
            if key is None or len(members) > MAX_TENSORS:
                break
            name, first = json.loads(key["name"]), key.end()
            # What describes a tensor holds no braces; the notes of its maker may hold anything.
            stop = _LONGEST_NOTES if name == _NOTES else min(_LONGEST_ENTRY, text.find("}", first) + 1 - first)
            members[name], size = _DECODE(text[first : first + stop])
            found = _NEXT.match(text, first + size)
    except (ValueError, RecursionError) as error:
        raise BadModel(f"its header is no JSON ({type(error).__name__}); download it again") from error
    if len(members) > MAX_TENSORS:
        raise BadModel(f"its header lists more than {MAX_TENSORS:,} tensors; no real model has so many")
    if found is None or found["next"] != "}" or found.end() != len(text):
        raise BadModel("its header is no JSON object; download it again")
    return members


def parse_index(text: bytes) -> tuple[str, ...]:
    """Return the names of the files in a ``model.safetensors.index.json``, sorted.

    The names are untrusted: they must be checked before they are joined to a folder.

    Raises:
        BadModel: The text is no such index.
    """
    where = _object(text, "model.safetensors.index.json").get("weight_map")
    if not isinstance(where, dict) or not where or not all(isinstance(file, str) for file in where.values()):
        raise BadModel("model.safetensors.index.json has no weight_map from tensors to files; download it again")
    return tuple(sorted(set(where.values())))


def parse_configuration(text: bytes) -> dict[str, object]:
    """Return the contents of a ``config.json``.

    Raises:
        BadModel: The text is not a JSON object.
    """
    return _object(text, "config.json")


def _object(text: bytes, what: str) -> dict[str, object]:
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        if kind := stand_in(text[:BEGIN]):
            raise BadModel(f"{what} is {kind}") from error
        raise BadModel(f"{what} is no JSON ({type(error).__name__}); download it again") from error
    if not isinstance(value, dict):
        raise BadModel(f"{what} is no JSON object; download it again")
    return value


def _no_constant(name: str) -> object:
    # Configurations written by Python hold Infinity and NaN, which JSON does not have. As text, none passes for a count.
    return name


_DECODE = json.JSONDecoder(parse_constant=_no_constant).raw_decode


def _tensor(name: str, entry: object) -> CheckpointTensor:
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(begin), int(end)]}:
            pass
        case _:
            raise BadModel(f"its tensor {name[:80]!r} lacks a dtype, a shape or two offsets; the file is damaged")
    if dtype not in BITS:
        raise UnknownTensorType(
            f"its tensor {name[:80]!r} has the unknown type {dtype[:20]!r}; is this hostd too old for it?"
        )
    if len(shape) > _DIMENSIONS or not all(type(size) is int and 0 <= size < 2**48 for size in shape):
        raise BadModel(f"its tensor {name[:80]!r} has an impossible shape; the file is damaged")
    if not 0 <= begin <= end or prod(shape) * BITS[dtype] != (end - begin) * 8:
        raise BadModel(
            f"its tensor {name[:80]!r} has a shape and offsets that contradict each other; the file is damaged"
        )
    return CheckpointTensor(name, dtype, tuple(shape), begin, end)


def _check_layout(tensors: Iterable[CheckpointTensor], data_bytes: int | None) -> None:
    """Refuse tensors that overlap, leave gaps, or do not fill the *data_bytes* of the file after its header."""
    # The format allows no gaps: a gap or an overlap means that the offsets are false, and the sizes taken from them too.
    ordered = list(tensors)
    if ordered and ordered[0].begin != 0:
        raise BadModel(f"its tensors begin {ordered[0].begin} bytes late; the file is damaged")
    for one, other in pairwise(ordered):
        if one.end != other.begin:
            wrong = "overlap" if one.end > other.begin else "have a gap between them"
            raise BadModel(f"its tensors {one.name[:80]!r} and {other.name[:80]!r} {wrong}; the file is damaged")
    end = ordered[-1].end if ordered else 0
    if data_bytes is not None and end > data_bytes:
        missing = format_bytes(end - data_bytes)
        raise BadModel(f"the file is cut off: {missing} of its tensors are missing; download it again")
    if data_bytes is not None and end < data_bytes:
        raise BadModel(
            f"{format_bytes(data_bytes - end)} follow its last tensor and belong to none; the file is damaged"
        )
