"""Parser of GGUF headers: metadata and tensor table of a model file, read from untrusted bytes.

The bytes may be only the beginning of the file: then the parser returns how many it needs, so that a remote header costs few
requests. Long arrays (the vocabulary) are skipped, not built. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import NoReturn

from hostd.planning.formats.gguf_cursor import (
    MAX_HEADER,
    MAX_NAME,
    SCALARS,
    Cursor,
    GgufError,
    Scalar,
    TruncatedHeader,
    UnknownGguf,
)
from hostd.planning.formats.not_a_model import BEGIN, file_kind
from hostd.planning.formats.tensor_types import TENSOR_TYPES, TensorType

Value = Scalar | str | tuple[Scalar, ...]

MAX_KEYS = 1 << 14
MAX_TENSORS = 1 << 17
MAX_SIZE = 1 << 50
# Arrays of numbers up to this length are kept: no model has as many layers.
KEPT = 1024
_STRING, _ARRAY = 8, 9


@dataclass(frozen=True, slots=True)
class NeedMore:
    """A header that is not complete: parsing needs at least the first *bytes* of the file."""

    bytes: int


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One entry of the tensor table: *dims* in elements, innermost first; *bytes* as stored."""

    name: str
    dims: tuple[int, ...]
    type: TensorType
    offset: int
    bytes: int


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The header of one file, or of all parts of a split model together.

    *keys* holds numbers, strings and short arrays of numbers. *lengths* has the length of every array, kept or not.
    *data_offset* is where the weights begin, *file_bytes* the least size of a complete file; both in bytes.
    """

    version: int
    keys: Mapping[str, Value]
    lengths: Mapping[str, int]
    tensors: tuple[GgufTensor, ...]
    data_offset: int
    file_bytes: int
    parts: int = 1

    @property
    def split(self) -> tuple[int, int, int] | None:
        """Number of this part (from 0), number of parts, tensors in all parts; None for a model in one file."""
        count = self.keys.get("split.count")
        if not isinstance(count, int) or count <= 1:
            return None
        number, tensors = self.keys.get("split.no"), self.keys.get("split.tensors.count")
        if not isinstance(number, int) or not 0 <= number < count or not isinstance(tensors, int):
            _bad(f"it says that it is part {number} of {count} with {tensors} tensors in all")
        return number, count, tensors


def parse(data: bytes | memoryview, file_bytes: int | None = None) -> GgufHeader | NeedMore:
    """Return the header at the beginning of a file, or how many bytes of the file parsing it needs.

    *file_bytes* is the size of the whole file if it is known: a file that ends within its header or its weights is then
    refused. A file with a header and no weights at all is accepted.

    Raises:
        GgufError: The bytes are not the header of a model that an engine can load.
    """
    if file_bytes == 0:
        raise GgufError(f"this is {file_kind(b'')}")
    cursor = Cursor(bytes(data[:MAX_HEADER]))
    try:
        header = _header(cursor)
    except TruncatedHeader as short:
        if file_bytes is not None and short.need > file_bytes:
            _bad(f"its header needs {short.need:,} bytes and the file has {file_bytes:,}: it is cut short")
        return NeedMore(short.need)
    if file_bytes is not None and header.data_offset < file_bytes < header.file_bytes:
        _bad(f"its weights end {header.file_bytes:,} bytes into the file, which has {file_bytes:,}: it is cut short")
    return header


def merge(headers: Sequence[GgufHeader]) -> GgufHeader:
    """Return one header for all parts of a split model, in any order: the first part's keys and all parts' tensors.

    Raises:
        GgufError: A part is missing, is given twice, or belongs to another model.
    """
    by_number: dict[int, GgufHeader] = {}
    declared = set()
    for header in headers:
        split = header.split
        if split is None:
            _bad(f"one of {len(headers)} parts does not say that it is a part")
        number, *totals = split
        declared.add(tuple(totals))
        if number in by_number:
            _bad(f"part {number + 1} is there twice")
        by_number[number] = header
    if len(declared) != 1:
        _bad("the parts do not agree on how many there are: they belong to different models")
    ((count, tensors),) = declared
    if len(by_number) != count:
        # Every number is below the count, so the first that is missing is among the first few.
        missing = next(number for number in range(count) if number not in by_number)
        _bad(f"part {missing + 1} of {count} is missing")
    table = tuple(tensor for number in range(count) for tensor in by_number[number].tensors)
    if len(table) != tensors or len({tensor.name for tensor in table}) != tensors:
        _bad(f"the parts hold {len(table)} tensors where {tensors} different ones were announced")
    size = sum(header.file_bytes for header in by_number.values())
    return replace(by_number[0], tensors=table, file_bytes=size, parts=count)


def _header(cursor: Cursor) -> GgufHeader:
    version = _preamble(cursor)
    tensor_count, key_count = cursor.u64("the number of tensors"), cursor.u64("the number of keys")
    if tensor_count > MAX_TENSORS or key_count > MAX_KEYS:
        _bad(f"it claims {tensor_count:,} tensors and {key_count:,} keys; no real model has so many")
    keys: dict[str, Value] = {}
    lengths: dict[str, int] = {}
    seen: set[str] = set()
    for _ in range(key_count):
        name = cursor.text("a key's name", MAX_NAME)
        if name in seen:
            _bad(f"it has the key '{name}' twice")
        seen.add(name)
        value = _value(cursor, name, lengths)
        if value is not None:
            keys[name] = value
    alignment = keys.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20 or alignment & (alignment - 1):
        _bad(f"its alignment is {alignment!r}, which is no power of two")
    tensors = _tensors(cursor, tensor_count, alignment)
    data_offset = _padded(cursor.at, alignment)
    end = max((tensor.offset + tensor.bytes for tensor in tensors), default=0)
    return GgufHeader(version, keys, lengths, tensors, data_offset, data_offset + end)


def _preamble(cursor: Cursor) -> int:
    magic = cursor.data[:4]
    if magic != b"GGUF"[: len(magic)]:
        if kind := file_kind(cursor.data[:BEGIN]):
            raise GgufError(f"this is {kind}")
        _bad(f"it begins with {bytes(magic)!r} where a GGUF file has 'GGUF'")
    cursor.u32("the magic")
    version = cursor.u32("the version")
    # A version is a small number: one whose low bytes are 0 was written by the other byte order.
    if version & 0xFFFF == 0 and version:
        _bad("it is a big-endian GGUF file; engines on this kind of machine need the little-endian one")
    if version not in (2, 3):
        raise UnknownGguf(f"it is GGUF version {version}; versions 2 and 3 are understood")
    return version


def _value(cursor: Cursor, name: str, lengths: dict[str, int]) -> Value | None:
    kind = cursor.u32(f"the type of '{name}'")
    if kind == _STRING:
        return cursor.text(f"'{name}'")
    if kind in SCALARS:
        return cursor.scalar(kind, f"'{name}'")
    if kind != _ARRAY:
        _bad(f"'{name}' has the type {kind}, which GGUF does not know")
    element, count = cursor.u32(f"the type of '{name}'"), cursor.u64(f"the length of '{name}'")
    lengths[name] = count
    if element == _STRING:
        cursor.skip_strings(count, f"'{name}'")
        return None
    if element not in SCALARS:
        nested = "other arrays, which no engine reads" if element == _ARRAY else f"the unknown type {element}"
        _bad(f"'{name}' is an array of {nested}")
    return cursor.numbers(element, count, KEPT, f"'{name}'")


def _tensors(cursor: Cursor, count: int, alignment: int) -> tuple[GgufTensor, ...]:
    # Checked before the loop, which a false count would keep busy. 24 bytes is the smallest entry: a name's length, a
    # dimension count, no dimension, a type, an offset.
    if count * 24 > MAX_HEADER:
        _bad(f"it claims {count:,} tensors")
    tensors: dict[str, GgufTensor] = {}
    for _ in range(count):
        tensor = _tensor(cursor, alignment)
        if tensor.name in tensors:
            _bad(f"it has the tensor '{tensor.name}' twice")
        tensors[tensor.name] = tensor
    return tuple(tensors.values())


def _tensor(cursor: Cursor, alignment: int) -> GgufTensor:
    name = cursor.text("a tensor's name", MAX_NAME)
    rank = cursor.u32(f"the rank of '{name}'")
    if rank > 4:
        _bad(f"the tensor '{name}' has {rank} dimensions; at most 4 are possible")
    dims = tuple(cursor.u64(f"the size of '{name}'") for _ in range(rank))
    number, offset = cursor.u32(f"the type of '{name}'"), cursor.u64(f"the offset of '{name}'")
    kind = TENSOR_TYPES.get(number)
    if kind is None and number > max(TENSOR_TYPES):
        raise UnknownGguf(
            f"the tensor '{name}' has the type {number}, which is not known or was given up; is this hostd too old for it?"
        )
    if kind is None:
        _bad(f"the tensor '{name}' has the type {number}, which is not known or was given up")
    row = dims[0] if dims else 1
    if any(dim > MAX_SIZE for dim in dims) or prod(dims) > MAX_SIZE or offset > MAX_SIZE:
        _bad(f"the tensor '{name}' claims {' x '.join(map(str, dims))} elements at {offset}, more than any disk holds")
    if row % kind.block or offset % alignment:
        _bad(f"the tensor '{name}' has rows of {row} elements at {offset}, which {kind.name} cannot be stored in")
    return GgufTensor(name, dims, kind, offset, kind.bytes_for(row) * prod(dims[1:]))


def _padded(at: int, alignment: int) -> int:
    return -(-at // alignment) * alignment


def _bad(what: str) -> NoReturn:
    raise GgufError(f"this is no model that an engine can load: {what}; download or convert it again")
