"""Headers of small models, one per kind of memory, with every tensor that llama.cpp asks for and no weights at all."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.planning.stub import stub

Tensors = list[tuple[str, tuple[int, ...], str]]

WIDTH, INNER, VOCABULARY, LAYERS = 512, 1024, 4096, 8
HEADS, KV_HEADS, HEAD = 8, 2, 64


def _row(name: str, width: int) -> tuple[str, tuple[int, ...], str]:
    return name, (width,), "f32"


def _matrix(name: str, *dims: int) -> tuple[str, tuple[int, ...], str]:
    return name, dims, "f16"


def _attention(at: str, head: int = HEAD, *, bias: bool = False, normed: bool = False) -> Tensors:
    query, keys = HEADS * head, KV_HEADS * head
    tensors = [
        _matrix(f"{at}.attn_q.weight", WIDTH, query),
        _matrix(f"{at}.attn_k.weight", WIDTH, keys),
        _matrix(f"{at}.attn_v.weight", WIDTH, keys),
        _matrix(f"{at}.attn_output.weight", query, WIDTH),
    ]
    if bias:
        tensors += [_row(f"{at}.attn_{one}.bias", size) for one, size in (("q", query), ("k", keys), ("v", keys))]
    if normed:
        tensors += [_row(f"{at}.attn_{one}_norm.weight", head) for one in "qk"]
    return tensors


def _feed_forward(at: str) -> Tensors:
    return [
        _matrix(f"{at}.ffn_gate.weight", WIDTH, INNER),
        _matrix(f"{at}.ffn_up.weight", WIDTH, INNER),
        _matrix(f"{at}.ffn_down.weight", INNER, WIDTH),
    ]


def _experts(at: str, count: int, inner: int) -> Tensors:
    return [
        _matrix(f"{at}.ffn_gate_inp.weight", WIDTH, count),
        _matrix(f"{at}.ffn_gate_exps.weight", WIDTH, inner, count),
        _matrix(f"{at}.ffn_up_exps.weight", WIDTH, inner, count),
        _matrix(f"{at}.ffn_down_exps.weight", inner, WIDTH, count),
    ]


def _norms(at: str, *names: str) -> Tensors:
    return [_row(f"{at}.{name}.weight", WIDTH) for name in names]


def _dense(at: str, _number: int) -> Tensors:
    return _attention(at) + _feed_forward(at) + _norms(at, "attn_norm", "ffn_norm")


def _qwen2(at: str, _number: int) -> Tensors:
    return _attention(at, bias=True) + _feed_forward(at) + _norms(at, "attn_norm", "ffn_norm")


def _qwen3(at: str, _number: int) -> Tensors:
    return _attention(at, normed=True) + _feed_forward(at) + _norms(at, "attn_norm", "ffn_norm")


def _qwen3moe(at: str, _number: int) -> Tensors:
    return _attention(at, normed=True) + _experts(at, 8, 256) + _norms(at, "attn_norm", "ffn_norm")


def _gemma2(at: str, _number: int) -> Tensors:
    norms = _norms(at, "attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm")
    return _attention(at) + _feed_forward(at) + norms


def _gemma3(at: str, _number: int) -> Tensors:
    return _gemma2(at, _number) + [_row(f"{at}.attn_{one}_norm.weight", HEAD) for one in "qk"]


def _gpt_oss(at: str, _number: int) -> Tensors:
    tensors = _attention(at, bias=True) + _experts(at, 8, 256) + _norms(at, "attn_norm", "post_attention_norm")
    tensors += [_row(f"{at}.attn_output.bias", WIDTH), _row(f"{at}.attn_sinks.weight", HEADS)]
    tensors += [_row(f"{at}.ffn_gate_inp.bias", 8)]
    for one, size in (("gate", 256), ("up", 256), ("down", WIDTH)):
        tensors.append((f"{at}.ffn_{one}_exps.bias", (size, 8), "f32"))
    return tensors


def _phi3(at: str, _number: int) -> Tensors:
    return [
        _matrix(f"{at}.attn_qkv.weight", WIDTH, (HEADS + 2 * KV_HEADS) * HEAD),
        _matrix(f"{at}.attn_output.weight", HEADS * HEAD, WIDTH),
        _matrix(f"{at}.ffn_up.weight", WIDTH, 2 * INNER),
        _matrix(f"{at}.ffn_down.weight", INNER, WIDTH),
        *_norms(at, "attn_norm", "ffn_norm"),
    ]


RANK, ROPE, NOPE, VALUE = 128, 64, 128, 128


def _latent(at: str, _number: int) -> Tensors:
    return [
        _matrix(f"{at}.attn_q_a.weight", WIDTH, RANK),
        _row(f"{at}.attn_q_a_norm.weight", RANK),
        _matrix(f"{at}.attn_q_b.weight", RANK, HEADS * (NOPE + ROPE)),
        _matrix(f"{at}.attn_kv_a_mqa.weight", WIDTH, RANK + ROPE),
        _row(f"{at}.attn_kv_a_norm.weight", RANK),
        _matrix(f"{at}.attn_k_b.weight", NOPE, RANK, HEADS),
        _matrix(f"{at}.attn_v_b.weight", RANK, VALUE, HEADS),
        _matrix(f"{at}.attn_output.weight", HEADS * VALUE, WIDTH),
        *_feed_forward(at),
        *_norms(at, "attn_norm", "ffn_norm"),
    ]


CONV, STATE, SSM = 4, 16, 1024


def _mamba(at: str, _number: int) -> Tensors:
    return [
        *_norms(at, "attn_norm"),
        _matrix(f"{at}.ssm_in.weight", WIDTH, 2 * SSM),
        (f"{at}.ssm_conv1d.weight", (CONV, SSM), "f32"),
        _row(f"{at}.ssm_conv1d.bias", SSM),
        _matrix(f"{at}.ssm_x.weight", SSM, 32 + 2 * STATE),
        _matrix(f"{at}.ssm_dt.weight", 32, SSM),
        _row(f"{at}.ssm_dt.bias", SSM),
        (f"{at}.ssm_a", (STATE, SSM), "f32"),
        _row(f"{at}.ssm_d", SSM),
        _matrix(f"{at}.ssm_out.weight", SSM, WIDTH),
    ]


def _jamba(at: str, number: int) -> Tensors:
    mixer = _attention(at) + _norms(at, "attn_norm") if number == 4 else _mamba(at, number)
    if number != 4:
        mixer += [_row(f"{at}.ssm_dt_norm.weight", 32)]
        mixer += [_row(f"{at}.ssm_{one}_norm.weight", STATE) for one in "bc"]
    return mixer + _feed_forward(at) + _norms(at, "ffn_norm")


DELTA_STATE, DELTA_GROUPS, DELTA_HEADS = 64, 4, 8


def _qwen35(at: str, number: int) -> Tensors:
    if number % 4 == 3:
        mixer = _attention(at, normed=True)
        mixer[0] = _matrix(f"{at}.attn_q.weight", WIDTH, 2 * HEADS * HEAD)
    else:
        inner, keys = DELTA_STATE * DELTA_HEADS, DELTA_STATE * DELTA_GROUPS
        mixer = [
            _matrix(f"{at}.attn_qkv.weight", WIDTH, 2 * keys + inner),
            _matrix(f"{at}.attn_gate.weight", WIDTH, inner),
            (f"{at}.ssm_conv1d.weight", (CONV, 2 * keys + inner), "f32"),
            _row(f"{at}.ssm_dt.bias", DELTA_HEADS),
            _row(f"{at}.ssm_a", DELTA_HEADS),
            _matrix(f"{at}.ssm_alpha.weight", WIDTH, DELTA_HEADS),
            _matrix(f"{at}.ssm_beta.weight", WIDTH, DELTA_HEADS),
            _row(f"{at}.ssm_norm.weight", DELTA_STATE),
            _matrix(f"{at}.ssm_out.weight", inner, WIDTH),
        ]
    return mixer + _feed_forward(at) + _norms(at, "attn_norm", "post_attention_norm")


def _lfm2(at: str, number: int) -> Tensors:
    mixer = _attention(at, normed=True)
    if number % 2 == 0:
        mixer = [
            (f"{at}.shortconv.conv.weight", (3, WIDTH), "f32"),
            _matrix(f"{at}.shortconv.in_proj.weight", WIDTH, 3 * WIDTH),
            _matrix(f"{at}.shortconv.out_proj.weight", WIDTH, WIDTH),
        ]
    return mixer + _feed_forward(at) + _norms(at, "attn_norm", "ffn_norm")


Block = Callable[[str, int], Tensors]
_RECURRENT = {"ssm.conv_kernel": CONV, "ssm.inner_size": SSM, "ssm.state_size": STATE, "ssm.time_step_rank": 32}
_DELTA = {
    "ssm.conv_kernel": CONV,
    "ssm.inner_size": DELTA_STATE * DELTA_HEADS,
    "ssm.state_size": DELTA_STATE,
    "ssm.time_step_rank": DELTA_HEADS,
    "ssm.group_count": DELTA_GROUPS,
    "rope.dimension_sections": (11, 11, 10, 0),
}
_EXPERTS = {"expert_count": 8, "expert_used_count": 2, "expert_feed_forward_length": 256}
_MLA = {
    "attention.head_count_kv": 1,
    "attention.key_length": RANK + ROPE,
    "attention.value_length": RANK,
    "attention.key_length_mla": NOPE + ROPE,
    "attention.value_length_mla": VALUE,
    "attention.kv_lora_rank": RANK,
    "attention.q_lora_rank": RANK,
    "rope.dimension_count": ROPE,
    "leading_dense_block_count": LAYERS,
    "expert_feed_forward_length": 256,
    "expert_count": 8,
    "expert_used_count": 2,
    "expert_shared_count": 1,
}

MODELS: dict[str, tuple[Block, dict[str, Any]]] = {
    "llama": (_dense, {}),
    "qwen2": (_qwen2, {}),
    "qwen3": (_qwen3, {}),
    "qwen3moe": (_qwen3moe, _EXPERTS),
    "gemma2": (_gemma2, {"attention.sliding_window": 512}),
    "gemma3": (_gemma3, {"attention.sliding_window": 512}),
    "gpt-oss": (_gpt_oss, {"attention.sliding_window": 128, **_EXPERTS}),
    "phi3": (_phi3, {"rope.scaling.original_context_length": 4096}),
    "deepseek2": (_latent, _MLA),
    "mamba": (_mamba, {**_RECURRENT, "attention.head_count": 0, "feed_forward_length": 0}),
    "jamba": (_jamba, {**_RECURRENT, "attention.head_count_kv": (0, 0, 0, 0, KV_HEADS, 0, 0, 0)}),
    "qwen35": (_qwen35, _DELTA),
    "lfm2": (_lfm2, {"shortconv.l_cache": 3, "attention.head_count_kv": (0, KV_HEADS) * 4}),
}
"""What each architecture adds to the keys and tensors that all share."""


def header(architecture: str) -> bytes:
    """Return the header of a model of eight layers, which an engine that is told not to allocate will load."""
    block, own = MODELS[architecture]
    numbers: dict[str, Any] = {
        "block_count": LAYERS,
        "context_length": 65536,
        "embedding_length": WIDTH,
        "feed_forward_length": INNER,
        "vocab_size": VOCABULARY,
        "attention.head_count": HEADS,
        "attention.head_count_kv": KV_HEADS,
        "attention.key_length": HEAD,
        "attention.value_length": HEAD,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "rope.dimension_count": HEAD,
        **own,
    }
    keys: dict[str, Any] = {"general.architecture": architecture, "general.name": f"a {architecture}"}
    keys |= {f"{architecture}.{name}": number for name, number in numbers.items()}
    return stub(keys | {"tokenizer.ggml.model": "none"}, list(_tensors(architecture, block)))


def _tensors(architecture: str, block: Block) -> Iterator[tuple[str, tuple[int, ...], str]]:
    yield _matrix("token_embd.weight", WIDTH, VOCABULARY)
    yield _row("token_embd_norm.weight" if architecture == "lfm2" else "output_norm.weight", WIDTH)
    if architecture != "gemma2":
        yield _matrix("output.weight", WIDTH, VOCABULARY)
    for number in range(LAYERS):
        yield from block(f"blk.{number}", number)
