"""Writes real GGUF bytes without weights: keys and a tensor table, as a converter would."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hostd.planning.formats.tensor_types import TENSOR_TYPES

U32, I32, F32, BOOL, STRING, ARRAY, U64 = 4, 5, 6, 7, 8, 9, 10
NUMBERS = {kind.name: number for number, kind in TENSOR_TYPES.items()}


@dataclass(frozen=True)
class Strings:
    """An array of strings, already as GGUF stores them."""

    count: int
    packed: bytes


def strings(texts: Sequence[bytes]) -> Strings:
    """Return an array of strings."""
    return Strings(len(texts), b"".join(struct.pack("<Q", len(text)) + text for text in texts))


def text(value: str) -> bytes:
    """Return a string as GGUF stores it."""
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(given: Any) -> bytes:
    """Return a typed value as GGUF stores it."""
    if isinstance(given, Strings):
        return struct.pack("<IIQ", ARRAY, STRING, given.count) + given.packed
    if isinstance(given, bool):
        return struct.pack("<I?", BOOL, given)
    if isinstance(given, int):
        return struct.pack("<II", U32, given)
    if isinstance(given, float):
        return struct.pack("<If", F32, given)
    if isinstance(given, str):
        return struct.pack("<I", STRING) + text(given)
    kind, form = (BOOL, "?") if isinstance(given[0], bool) else (U32, "I")
    return struct.pack("<IIQ", ARRAY, kind, len(given)) + struct.pack(f"<{len(given)}{form}", *given)


def stub(
    keys: Mapping[str, Any], tensors: Sequence[tuple[str, tuple[int, ...], str]] = (), version: int = 3, align: int = 32
) -> bytes:
    """Return the header of a model with *keys* and *tensors* (name, dimensions, type), its weights left out."""
    table, offset = b"", 0
    for name, dims, kind in tensors:
        table += text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, NUMBERS[kind], offset)
        rows = 1
        for dim in dims[1:]:
            rows *= dim
        size = TENSOR_TYPES[NUMBERS[kind]].bytes_for(dims[0]) * rows
        offset += -(-size // align) * align
    head = struct.pack("<4sIQQ", b"GGUF", version, len(tensors), len(keys))
    head += b"".join(text(key) + value(given) for key, given in keys.items()) + table
    return head + bytes(-len(head) % align)


def model(architecture: str, tensors: Sequence[tuple[str, tuple[int, ...], str]] = (), **numbers: Any) -> bytes:
    """Return the header of a model: ``attention__head_count=8`` stands for ``ARCHITECTURE.attention.head_count``."""
    own = {f"{architecture}.{name.replace('__', '.')}": number for name, number in numbers.items()}
    return stub({"general.architecture": architecture, "general.name": f"a {architecture}", **own}, tensors)
