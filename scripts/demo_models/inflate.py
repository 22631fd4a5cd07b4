"""A model blown up to any size that says the same: wider with zeros, deeper with layers that add nothing.

For tests that need real memory and real computing time behind text that they know.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import gguf
import numpy as np

from demo_models.gguf_file import ATTENTION, FEED_FORWARD, Q8_0, finish, write_header
from demo_models.recipe import Shape

BLOCK = 32  # numbers in a q8_0 block
BLOCK_BYTES = 34
PREFIX = "llama."


@dataclass(frozen=True, slots=True)
class Growth:
    """How much larger: *times* the width and the heads, then *layers*, *ffn* and *context* in all (None: as wide)."""

    times: int = 4
    layers: int | None = None
    ffn: int | None = None
    context: int | None = None

    def of(self, shape: Shape) -> Shape:
        """Return *shape* grown.

        The zeros in its width make the mean square *times* smaller, so the norm's epsilon shrinks with it.

        Raises:
            ValueError: The result would be smaller than *shape*, or no multiple of a q8_0 block.
        """
        grown = replace(
            shape,
            dim=shape.dim * self.times,
            heads=shape.heads * self.times,
            kv_heads=shape.kv_heads * self.times,
            ffn=self.ffn or shape.ffn * self.times,
            layers=self.layers or shape.layers,
            context=self.context or shape.context,
            epsilon=shape.epsilon / self.times,
        )
        if grown.ffn < shape.ffn or grown.layers < shape.layers or grown.ffn % BLOCK or self.times < 1:
            raise ValueError(
                f"{grown.layers} layers and ffn {grown.ffn} do not hold the model's {shape.layers} layers and ffn "
                f"{shape.ffn}. Give at least as many, and an ffn that is a multiple of {BLOCK}."
            )
        return grown


def inflate(source: Path, target: Path, growth: Growth) -> Shape:
    """Write the q8_0 GGUF *source* larger at *target* and return its shape; the text at temperature 0 stays."""
    reader = gguf.GGUFReader(source)
    old = read_shape(reader)
    new = growth.of(old)
    writer = gguf.GGUFWriter(target, "llama")
    write_header(writer, f"{reader.fields['general.name'].contents()} x{growth.times}", new)
    _copy_rest(reader, writer)
    present = {tensor.name: tensor.data for tensor in reader.tensors}
    for name, rows, columns in tensor_shapes(new):
        data = present.get(name)
        if rows == 1:
            writer.add_tensor(name, widened(data, columns))
        else:
            writer.add_tensor(name, padded(data, rows, columns), raw_dtype=Q8_0)
    finish(writer)
    return new


def tensor_shapes(shape: Shape) -> Iterator[tuple[str, int, int]]:
    """Yield name, rows and columns of each tensor of a tied llama model; norms have one row."""
    wide, narrow = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    sizes = {
        "q_proj": (wide, shape.dim),
        "k_proj": (narrow, shape.dim),
        "v_proj": (narrow, shape.dim),
        "o_proj": (shape.dim, wide),
        "gate_proj": (shape.ffn, shape.dim),
        "up_proj": (shape.ffn, shape.dim),
        "down_proj": (shape.dim, shape.ffn),
    }
    yield "token_embd.weight", shape.vocabulary, shape.dim
    yield "output_norm.weight", 1, shape.dim
    for layer in range(shape.layers):
        for part in ("attn_norm", "ffn_norm"):
            yield f"blk.{layer}.{part}.weight", 1, shape.dim
        for part, name in (ATTENTION | FEED_FORWARD).items():
            yield f"blk.{layer}.{name}.weight", *sizes[part]


def padded(blocks: np.ndarray | None, rows: int, columns: int) -> np.ndarray:
    """Return q8_0 *blocks* (bytes) in the corner of a *rows* by *columns* matrix of zeros; a zero byte is a zero."""
    grown = np.zeros((rows, columns // BLOCK * BLOCK_BYTES), np.uint8)
    if blocks is not None:
        grown[: blocks.shape[0], : blocks.shape[1]] = blocks
    return grown


def widened(norm: np.ndarray | None, columns: int) -> np.ndarray:
    """Return *norm* for *columns* of which the new ones are zero; the smaller mean square is made up for."""
    grown = np.zeros(columns, np.float32)
    if norm is not None:
        grown[: norm.size] = norm * np.float32((norm.size / columns) ** 0.5)
    return grown


def read_shape(reader: gguf.GGUFReader) -> Shape:
    """Return the shape in a GGUF's header."""

    def value(name: str) -> int | float:
        return reader.fields[PREFIX + name].contents()

    return Shape(
        dim=value("embedding_length"),
        layers=value("block_count"),
        heads=value("attention.head_count"),
        kv_heads=value("attention.head_count_kv"),
        ffn=value("feed_forward_length"),
        vocabulary=value("vocab_size"),
        context=value("context_length"),
        rope_base=value("rope.freq_base"),
        epsilon=value("attention.layer_norm_rms_epsilon"),
    )


def _copy_rest(reader: gguf.GGUFReader, writer: gguf.GGUFWriter) -> None:
    """Copy the fields about which the shape says nothing: the tokenizer, the template, the licence."""
    for field in reader.fields.values():
        if field.name.startswith("tokenizer.") or field.name == "general.license":
            kind, *inner = field.types
            writer.add_key_value(field.name, field.contents(), kind, sub_type=inner[0] if inner else None)
