"""Small valid models, written byte by byte: enough of a header for everything that is read, and weights of zeros."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CONFIG: dict[str, Any] = {
    "model_type": "qwen2",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 100,
    "max_position_embeddings": 4096,
    "torch_dtype": "bfloat16",
    "tie_word_embeddings": False,
}


def text(value: str) -> bytes:
    """Return a GGUF string."""
    return struct.pack("<Q", len(value.encode())) + value.encode()


def key(name: str, value: object) -> bytes:
    """Return one key of a GGUF header with its value."""
    match value:
        case str():
            return text(name) + struct.pack("<I", 8) + text(value)
        case int():
            return text(name) + struct.pack("<II", 4, value)
        case list():
            return text(name) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
        case _:
            raise TypeError(value)


def gguf(
    *, vocabulary: int = 100, keys: Mapping[str, object] | None = None, tensors: int = 2, architecture: str = "llama"
) -> bytes:
    """Return a GGUF model with so many tokens, and so many tensors of 32 numbers."""
    pairs: dict[str, object] = {"general.architecture": architecture}
    if architecture != "clip":
        pairs |= {f"{architecture}.block_count": 2, f"{architecture}.embedding_length": 64}
        pairs |= {f"{architecture}.attention.head_count": 4, f"{architecture}.attention.head_count_kv": 2}
        pairs |= {f"{architecture}.context_length": 4096}
    pairs |= keys or {}
    if vocabulary:
        pairs["tokenizer.ggml.tokens"] = [f"token{number:06d}" for number in range(vocabulary)]
    head = b"GGUF" + struct.pack("<IQQ", 3, tensors, len(pairs)) + b"".join(key(*pair) for pair in pairs.items())
    for number in range(tensors):
        head += text(f"blk.{number % 2}.w{number}.weight") + struct.pack("<IQIQ", 1, 32, 0, number * 128)
    return head + bytes(-len(head) % 32 + 128 * tensors)


def split_gguf(count: int) -> list[bytes]:
    """Return a GGUF model in so many parts, of one tensor each."""
    parts = []
    for number in range(count):
        keys = {"split.no": number, "split.count": count, "split.tensors.count": count}
        part = gguf(keys=keys, tensors=1, vocabulary=100 if number == 0 else 0)
        parts.append(part.replace(b"blk.0.w0", f"blk.0.p{number}".encode()))
    return parts


def safetensors(
    shapes: Mapping[str, tuple[int, ...]] | None = None, dtype: str = "BF16", metadata: Mapping[str, str] | None = None
) -> bytes:
    """Return a safetensors file with tensors of these shapes, two bytes an element."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    at = 0
    for name, shape in (
        shapes or {"model.embed_tokens.weight": (100, 64), "model.layers.0.w.weight": (64, 64)}
    ).items():
        size = 2
        for dimension in shape:
            size *= dimension
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    packed = json.dumps(header).encode()
    return struct.pack("<Q", len(packed)) + packed + bytes(at)


def checkpoint(folder: Path, shards: int = 1, **config: object) -> Path:
    """Write a folder with a configuration and safetensors in so many files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in checkpoint_files(shards, **config).items():
        (folder / name).write_bytes(content)
    return folder


def checkpoint_files(shards: int = 1, **config: object) -> dict[str, bytes]:
    """Return the files of such a folder."""
    files = {"config.json": json.dumps(CONFIG | config).encode()}
    if shards == 1:
        return files | {"model.safetensors": safetensors()}
    names = [f"model-{part:05d}-of-{shards:05d}.safetensors" for part in range(1, shards + 1)]
    where = {f"model.layers.{part}.w.weight": name for part, name in enumerate(names)}
    files["model.safetensors.index.json"] = json.dumps({"metadata": {}, "weight_map": where}).encode()
    return files | {name: safetensors({tensor: (64, 64)}) for tensor, name in where.items()}
