"""A small model that can go on for long: answers must last for seconds, or an abort could not be told from an end."""

import struct
from pathlib import Path

from hostd.demo import settings_file

SOURCE = settings_file().parent / "models" / "tiny-chat.gguf"
CONTEXT = 16_384
END_OF_TEXT = 2
"""The token with which the model ends an answer."""
_ENDS = b"<|end|>"


def long_chat(folder: Path) -> Path:
    """Return the demonstration's chat model in *folder*, its header changed to claim a context of `CONTEXT` tokens."""
    data = bytearray(SOURCE.read_bytes())
    _change(data, b"llama.context_length", CONTEXT)
    return _written(folder, data)


def endless_chat(folder: Path) -> Path:
    """Return the same in *folder*, its last token made one like any other, for engines that cannot be told to ignore it."""
    data = bytearray(SOURCE.read_bytes().replace(_ENDS, b"<|eol|>"))
    _change(data, b"llama.context_length", CONTEXT)
    _change(data, b"tokenizer.ggml.eos_token_id", 0)
    return _written(folder, data)


def _change(data: bytearray, key: bytes, number: int) -> None:
    value = data.index(key) + len(key) + 4
    data[value : value + 4] = struct.pack("<I", number)


def _written(folder: Path, data: bytearray) -> Path:
    path = folder / SOURCE.name
    path.write_bytes(data)
    return path
