"""A GGUF with random weights in the shape of Qwen 3.5: recurrent layers, one of attention in four, and one that drafts."""

from pathlib import Path

import gguf
import numpy as np

from demo_models.gguf_file import finish, write_tokenizer
from demo_models.random_model import byte_tokens

DIM, LAYERS, HEADS, KV_HEADS, HEAD, FEED_FORWARD, VOCABULARY, CONTEXT = 128, 4, 4, 2, 32, 256, 1024, 4096
STATE, GROUPS, VALUE_HEADS, KERNEL = 32, 2, 4, 4
INTERVAL = 4


def write_drafting(target: Path, seed: int = 0) -> None:
    """Write the model at *target*; the same *seed* gives the same bytes."""
    generator = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(target, "qwen35")
    _write_header(writer)
    write_tokenizer(writer, byte_tokens(VOCABULARY), ["t h"])
    for name, shape in _tensors():
        norm = "norm" in name or name.endswith(("ssm_a", "bias"))
        weights = np.ones(shape) if norm else generator.normal(0, shape[-1] ** -0.5, shape)
        writer.add_tensor(name, (-weights if name.endswith("ssm_a") else weights).astype(np.float32))
    finish(writer)


def _write_header(writer: gguf.GGUFWriter) -> None:
    writer.add_name("drafting")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(DIM)
    writer.add_block_count(LAYERS + 1)
    writer.add_nextn_predict_layers(1)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_rope_dimension_count(HEAD)
    writer.add_rope_dimension_sections([8, 8, 0, 0])
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(VOCABULARY)
    writer.add_ssm_conv_kernel(KERNEL)
    writer.add_ssm_inner_size(STATE * VALUE_HEADS)
    writer.add_ssm_state_size(STATE)
    writer.add_ssm_group_count(GROUPS)
    writer.add_ssm_time_step_rank(VALUE_HEADS)
    writer.add_full_attention_interval(INTERVAL)


def _tensors() -> list[tuple[str, tuple[int, ...]]]:
    found: list[tuple[str, tuple[int, ...]]] = [
        ("token_embd.weight", (VOCABULARY, DIM)), ("output_norm.weight", (DIM,)), ("output.weight", (VOCABULARY, DIM)),
    ]  # fmt: skip
    for number in range(LAYERS + 1):
        attends = number == LAYERS or (number + 1) % INTERVAL == 0
        parts = (_ATTENTION if attends else _RECURRENT) | _FEED_FORWARD | (_DRAFTING if number == LAYERS else {})
        found += [(f"blk.{number}.{name}", shape) for name, shape in parts.items()]
    return found


_KEYS, _VALUES = STATE * GROUPS, STATE * VALUE_HEADS
_ATTENTION: dict[str, tuple[int, ...]] = {
    "attn_q.weight": (2 * HEADS * HEAD, DIM),
    "attn_k.weight": (KV_HEADS * HEAD, DIM),
    "attn_v.weight": (KV_HEADS * HEAD, DIM),
    "attn_output.weight": (DIM, HEADS * HEAD),
    "attn_q_norm.weight": (HEAD,),
    "attn_k_norm.weight": (HEAD,),
}
_RECURRENT: dict[str, tuple[int, ...]] = {
    "attn_qkv.weight": (2 * _KEYS + _VALUES, DIM),
    "attn_gate.weight": (_VALUES, DIM),
    "ssm_conv1d.weight": (2 * _KEYS + _VALUES, KERNEL),
    "ssm_dt.bias": (VALUE_HEADS,),
    "ssm_a": (VALUE_HEADS,),
    "ssm_beta.weight": (VALUE_HEADS, DIM),
    "ssm_alpha.weight": (VALUE_HEADS, DIM),
    "ssm_norm.weight": (STATE,),
    "ssm_out.weight": (DIM, _VALUES),
}
_FEED_FORWARD: dict[str, tuple[int, ...]] = {
    "attn_norm.weight": (DIM,),
    "post_attention_norm.weight": (DIM,),
    "ffn_gate.weight": (FEED_FORWARD, DIM),
    "ffn_up.weight": (FEED_FORWARD, DIM),
    "ffn_down.weight": (DIM, FEED_FORWARD),
}
_DRAFTING: dict[str, tuple[int, ...]] = {
    "nextn.eh_proj.weight": (DIM, 2 * DIM),
    "nextn.enorm.weight": (DIM,),
    "nextn.hnorm.weight": (DIM,),
    "nextn.shared_head_norm.weight": (DIM,),
}
