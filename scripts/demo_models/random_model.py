"""A GGUF with random weights of a given shape: loads, generates noise, and takes the memory of the real thing."""

from pathlib import Path

import gguf
import numpy as np

from demo_models.gguf_file import Q8_0, finish, write_header, write_tokenizer
from demo_models.inflate import BLOCK, BLOCK_BYTES, tensor_shapes
from demo_models.recipe import SPECIALS, Shape

SHAPES = {
    "tiny": Shape(64, 2, 2, 1, 160, 288, 512),
    "small": Shape(256, 4, 8, 4, 704, 2048, 2048),
    "1b": Shape(2048, 16, 32, 8, 8192, 128256, 131072),
    "3b": Shape(3072, 28, 24, 8, 8192, 128256, 131072),
}


def write_random(target: Path, shape: Shape, seed: int = 0) -> None:
    """Write a q8_0 GGUF of *shape* at *target*; the same *seed* gives the same bytes.

    Raises:
        ValueError: The vocabulary has no room for the special tokens and all bytes.
    """
    generator = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(target, "llama")
    write_header(writer, f"random-{shape.dim}x{shape.layers}", shape)
    write_tokenizer(writer, byte_tokens(shape.vocabulary), ["t h"])
    for name, rows, columns in tensor_shapes(shape):
        if rows == 1:
            writer.add_tensor(name, np.ones(columns, np.float32))
        else:
            writer.add_tensor(name, random_blocks(generator, rows, columns), raw_dtype=Q8_0)
    finish(writer)


def byte_tokens(size: int) -> list[str]:
    """Return the specials, a token for each byte as GPT-2 writes it, the one merge, and fillers up to *size*.

    Raises:
        ValueError: *size* is too small for that.
    """
    shown = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = iter(range(256, 512))
    bytes_ = [chr(byte if byte in shown else next(hidden)) for byte in range(256)]
    tokens = [*SPECIALS, *bytes_, "th"]
    if size < len(tokens):
        raise ValueError(f"A vocabulary of {size} cannot hold every byte. Give at least {len(tokens)} tokens.")
    return tokens + [f"word{number}" for number in range(len(tokens), size)]


def random_blocks(generator: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Return q8_0 blocks written directly, with a standard deviation that keeps activations near 1."""
    count = rows * columns // BLOCK
    blocks = np.empty((count, BLOCK_BYTES), np.uint8)
    scale = np.array([columns**-0.5 / 73.9], np.float16)  # 73.9: the deviation of a signed byte taken at random
    blocks[:, :2] = scale.view(np.uint8)
    blocks[:, 2:] = generator.integers(0, 256, (count, BLOCK), np.uint8)
    return blocks.reshape(rows, -1)
