"""A small model that can go on for long: answers must last for seconds, or an abort could not be told from an end."""

import struct
from pathlib import Path

from hostd.demo import settings_file

SOURCE = settings_file().parent / "models" / "tiny-chat.gguf"
CONTEXT = 16_384
END_OF_TEXT = 2
"""The token with which the model ends an answer."""
_KEY = b"llama.context_length"


def long_chat(folder: Path) -> Path:
    """Return the demonstration's chat model in *folder*, its header changed to claim a context of `CONTEXT` tokens."""
    data = bytearray(SOURCE.read_bytes())
    value = data.index(_KEY) + len(_KEY) + 4
    data[value : value + 4] = struct.pack("<I", CONTEXT)
    path = folder / SOURCE.name
    path.write_bytes(data)
    return path
