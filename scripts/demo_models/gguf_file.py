"""GGUF, the file that llama.cpp reads: written from a folder of weights, header and tokenizer included."""

from pathlib import Path

import gguf
import numpy as np

from demo_models import folder
from demo_models.recipe import BOS, END, PAD, SPECIALS, Shape
from demo_models.template import CHAT_TEMPLATE

Q8_0 = gguf.GGMLQuantizationType.Q8_0
ATTENTION = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output"}
FEED_FORWARD = {"gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down"}
NORMS = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
PARTS = ATTENTION | FEED_FORWARD | NORMS


def convert(source: Path, target: Path, title: str) -> None:
    """Write the Hugging Face folder *source* as a q8_0 GGUF at *target*; *title* is the name in its header."""
    shape = folder.read_shape(source)
    writer = gguf.GGUFWriter(target, "llama")
    write_header(writer, title, shape)
    write_tokenizer(writer, *folder.read_tokenizer(source, shape.vocabulary))
    writer.add_license("PSF-2.0")
    for name, weights in folder.read_weights(source).items():
        add(writer, tensor_name(name), _engine_order(name, weights, shape))
    finish(writer)


def write_header(writer: gguf.GGUFWriter, title: str, shape: Shape) -> None:
    """Write the numbers of *shape*."""
    writer.add_name(title)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.dim)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ffn)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)


def write_tokenizer(writer: gguf.GGUFWriter, tokens: list[str], merges: list[str]) -> None:
    """Write *tokens*, the specials first, and the chat template; llama.cpp refuses an empty list of *merges*."""
    kinds = [
        gguf.TokenType.CONTROL
        if number < len(SPECIALS)
        else gguf.TokenType.UNUSED
        if token.startswith("[UNUSED")
        else gguf.TokenType.NORMAL
        for number, token in enumerate(tokens)
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([int(kind) for kind in kinds])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(END)
    writer.add_pad_token_id(PAD)
    writer.add_add_bos_token(False)  # the chat template writes it
    writer.add_chat_template(CHAT_TEMPLATE)


def tensor_name(name: str) -> str:
    """Return llama.cpp's name for a tensor of a Hugging Face folder."""
    stem = name.removeprefix("model.").removesuffix(".weight")
    if not stem.startswith("layers."):
        return {"embed_tokens": "token_embd", "norm": "output_norm"}[stem] + ".weight"
    _, layer, *_, part = stem.split(".")
    return f"blk.{layer}.{PARTS[part]}.weight"


def add(writer: gguf.GGUFWriter, name: str, weights: np.ndarray) -> None:
    """Add a matrix as q8_0; a vector stays in 32 bits."""
    if weights.ndim == 1:
        writer.add_tensor(name, weights)
    else:
        writer.add_tensor(name, gguf.quants.quantize(weights, Q8_0), raw_dtype=Q8_0)


def finish(writer: gguf.GGUFWriter) -> None:
    """Write everything that was added."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _engine_order(name: str, weights: np.ndarray, shape: Shape) -> np.ndarray:
    """Return queries and keys with the two halves of each head interleaved: llama.cpp rotates neighbours."""
    heads = {"q_proj": shape.heads, "k_proj": shape.kv_heads}.get(name.split(".")[-2])
    if heads is None:
        return weights
    halves = weights.reshape(heads, 2, shape.head_dim // 2, weights.shape[1])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(weights.shape))
