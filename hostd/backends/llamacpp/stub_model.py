"""A model without weights, for an engine that is only asked what it would need.

It is made from a header alone, so that the question can be asked before anything is downloaded: the numbers and the tensor
table are kept, the vocabulary is left out, and the file has the size that the loader expects but, being sparse, takes no room
on disk.
"""

import struct
from pathlib import Path

from hostd.planning.formats.gguf import GgufHeader, Value
from hostd.planning.formats.tensor_types import TENSOR_TYPES

_U32, _I32, _F32, _BOOL, _STRING, _ARRAY, _U64 = 4, 5, 6, 7, 8, 9, 10
_FORMS = {_U32: "I", _I32: "i", _F32: "f", _BOOL: "?", _U64: "Q"}
_NUMBERS = {kind.name: number for number, kind in TENSOR_TYPES.items()}
_ALIGNMENT = 32
# The loader of BERT reads this one of the tokenizer's numbers as one of the model's.
_KEPT_OF_TOKENIZER = "tokenizer.ggml.token_type_count"


def stub(header: GgufHeader) -> tuple[bytes, int]:
    """Return the beginning of a GGUF file that says what *header* says, and the size that the file must be given."""
    keys = {name: value for name, value in header.keys.items() if _kept(name)}
    architecture = header.keys.get("general.architecture")
    if vocabulary := header.lengths.get("tokenizer.ggml.tokens"):
        keys.setdefault(f"{architecture}.vocab_size", vocabulary)
    keys["tokenizer.ggml.model"] = "none"
    table, offset = [], 0
    for tensor in header.tensors:
        dims = struct.pack(f"<I{len(tensor.dims)}Q", len(tensor.dims), *tensor.dims)
        table.append(_text(tensor.name) + dims + struct.pack("<IQ", _NUMBERS[tensor.type.name], offset))
        offset += -(-tensor.bytes // _ALIGNMENT) * _ALIGNMENT
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(table), len(keys))
    head += b"".join(_text(name) + _typed(value) for name, value in keys.items()) + b"".join(table)
    head += bytes(-len(head) % _ALIGNMENT)
    return head, len(head) + offset


def write(header: GgufHeader, path: Path) -> None:
    """Write the stub of *header* to *path*, as a sparse file.

    Raises:
        OSError: The file system cannot hold a file of that size, or will not be written to.
    """
    head, size = stub(header)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)


def _kept(name: str) -> bool:
    # All parts of a split model become one file, and the alignment is our own.
    return name == _KEPT_OF_TOKENIZER or not name.startswith(("tokenizer.", "split.", "general.alignment"))


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def _typed(value: Value) -> bytes:
    """Return a value as GGUF stores it; loaders want whole numbers in 32 bits without a sign where that is possible."""
    if isinstance(value, str):
        return struct.pack("<I", _STRING) + _text(value)
    if isinstance(value, tuple):
        kind = max((_kind(each) for each in value), default=_U32)
        if kind == _BOOL and not all(isinstance(each, bool) for each in value):
            kind = _I32
        return struct.pack(f"<IIQ{len(value)}{_FORMS[kind]}", _ARRAY, kind, len(value), *value)
    kind = _kind(value)
    return struct.pack(f"<I{_FORMS[kind]}", kind, value)


def _kind(value: float) -> int:
    if isinstance(value, bool):
        return _BOOL
    if isinstance(value, float):
        return _F32
    if value < 0:
        return _I32
    return _U32 if value < 1 << 32 else _U64
