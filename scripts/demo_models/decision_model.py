"""A GGUF with random weights that answers typed questions: llama.cpp reads a letter's probability for each option."""

from pathlib import Path

import gguf
import numpy as np

from demo_models.gguf_file import Q8_0, finish, write_header, write_tokenizer
from demo_models.inflate import tensor_shapes
from demo_models.random_model import SHAPES, byte_tokens, random_blocks

KIND = "nimble"
TEMPLATE = "{{ state }}\n{{ instructions }}\n{% for option in options %}{{ option.label }}: {{ option.key }}\n{% endfor %}Answer: "


def write_decision(target: Path, seed: int = 0) -> None:
    """Write the model at *target*; the same *seed* gives the same bytes."""
    shape, generator = SHAPES["tiny"], np.random.default_rng(seed)
    writer = gguf.GGUFWriter(target, "llama")
    write_header(writer, "decision", shape)
    write_tokenizer(writer, byte_tokens(shape.vocabulary), ["t h"])
    writer.add_string("llama.decision.type", KIND)
    writer.add_string("tokenizer.chat_template.systemone", TEMPLATE)
    for name, rows, columns in tensor_shapes(shape):
        if rows == 1:
            writer.add_tensor(name, np.ones(columns, np.float32))
        else:
            writer.add_tensor(name, random_blocks(generator, rows, columns), raw_dtype=Q8_0)
    finish(writer)
