"""Reading a model's Hugging Face folder without the libraries that wrote it: shape, weights, tokenizer."""

import json
from pathlib import Path

import numpy as np

from demo_models.recipe import Shape


def read_shape(source: Path) -> Shape:
    """Return the shape of the model in folder *source*."""
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    return Shape(
        dim=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        kv_heads=config["num_key_value_heads"],
        ffn=config["intermediate_size"],
        vocabulary=config["vocab_size"],
        context=config["max_position_embeddings"],
        rope_base=config["rope_theta"],
        epsilon=config["rms_norm_eps"],
    )


def read_weights(source: Path) -> dict[str, np.ndarray]:
    """Return the tensors of folder *source* as 32-bit floats, by their names in the file."""
    raw = (source / "model.safetensors").read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    weights = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        first, last = (8 + size + offset for offset in entry["data_offsets"])
        # numpy has no bfloat16: it is the upper half of a 32-bit float.
        upper = np.frombuffer(raw[first:last], np.uint16).astype(np.uint32) << 16
        weights[name] = upper.view(np.float32).reshape(entry["shape"])
    return weights


def read_tokenizer(source: Path, size: int) -> tuple[list[str], list[str]]:
    """Return the tokens of folder *source* and the merges.

    The tokens are filled up to *size*, because engines want one for each row of the embedding.
    """
    content = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    known = {number: token for token, number in content["model"]["vocab"].items()}
    known |= {added["id"]: added["content"] for added in content["added_tokens"]}
    tokens = [known.get(number, f"[UNUSED{number}]") for number in range(size)]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in content["model"]["merges"]]
    return tokens, merges
