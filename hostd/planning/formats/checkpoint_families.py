"""Families of checkpoints: the pattern of their layers, and the values that their configurations leave out.

A text configuration that is nested in a multimodal one is stored without the keys that have their family's default value, so
a reader has to know these defaults. They are those of Hugging Face's `transformers` 5 (`configuration_*.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Pattern(StrEnum):
    """Order of a family's kinds of layers, for configurations that do not list them.

    SLIDING and LINEAR: every n-th layer has full attention, the others a window or a recurrent state. MAMBA and CONVOLUTION:
    layers that are not listed as attention have a recurrent state. PARALLEL: every layer has full attention and a state.
    """

    FULL = "full"
    SLIDING = "sliding"
    LINEAR = "linear"
    MAMBA = "mamba"
    PARALLEL = "parallel"
    CONVOLUTION = "convolution"
    LATENT = "latent"
    ENCODER = "encoder"


@dataclass(frozen=True, slots=True)
class Family:
    """Defaults of a family: *every* is the n of the pattern, *window* a sliding layer's tokens, *usual* other keys' values."""

    pattern: Pattern = Pattern.FULL
    every: int = 0
    window: int = 0
    usual: Mapping[str, int] = field(default_factory=dict)


def _sizes(hidden: int, layers: int, heads: int, kv_heads: int, head_dim: int = 0) -> dict[str, int]:
    widths = {"hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads}
    return widths | {"num_key_value_heads": kv_heads, "head_dim": head_dim}


def _text(vocabulary: int, context: int, *, tied: bool = False) -> dict[str, int]:
    return {"vocab_size": vocabulary, "max_position_embeddings": context, "tie_word_embeddings": int(tied)}


_TIED = {"tie_word_embeddings": 1}
_MISTRAL = Family(usual=_sizes(4096, 32, 32, 8) | _text(32000, 131072))
_QWEN2_VL = Family(usual=_sizes(8192, 80, 64, 8) | _text(152064, 32768))
_GEMMA4_USUAL = _sizes(2304, 30, 8, 4, 256) | _text(262144, 131072, tied=True) | {"global_head_dim": 512}
_DELTA = {
    "linear_conv_kernel_dim": 4,
    "linear_key_head_dim": 128,
    "linear_value_head_dim": 128,
    "linear_num_key_heads": 16,
    "linear_num_value_heads": 32,
}
_LATENT = {"kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128}
_GLM_LATENT = _LATENT | {"qk_nope_head_dim": 192, "v_head_dim": 256}
_PLAIN, _ENCODER = Family(), Family(Pattern.ENCODER)

_PLAIN_NAMES = (
    *("apertus", "arcee", "baichuan", "dbrx", "deepseek", "dots1", "exaone", "glm", "glm4", "glm4_moe", "gpt_neox"),
    *("granite", "granitemoe", "helium", "hunyuan_v1_dense", "hunyuan_v1_moe", "internlm2", "minicpm", "nemotron"),
    *("olmo", "olmo2", "olmoe", "orion", "phi", "phi3", "phimoe", "qwen2_moe", "qwen3_moe", "stablelm", "xverse", "yi"),
)
_ENCODER_NAMES = (
    *("albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "jina_bert", "modernbert"),
    *("mpnet", "new", "nomic_bert", "roberta", "xlm-roberta"),
)

CHECKPOINT_FAMILIES: Mapping[str, Family] = {
    **dict.fromkeys(_PLAIN_NAMES, _PLAIN),
    **dict.fromkeys(_ENCODER_NAMES, _ENCODER),
    "afmoe": Family(Pattern.SLIDING, 4, 1024, {"head_dim": 128}),
    "bamba": Family(Pattern.MAMBA),
    "cohere": Family(usual=_TIED),
    "cohere2": Family(Pattern.SLIDING, 4, 4096, _TIED),
    "deepseek_v2": Family(Pattern.LATENT, usual=_LATENT),
    "deepseek_v3": Family(Pattern.LATENT, usual=_LATENT),
    "deepseek_v32": Family(Pattern.LATENT, usual=_LATENT | {"index_head_dim": 128}),
    "ernie4_5": Family(usual=_TIED | {"head_dim": 128}),
    "ernie4_5_moe": Family(usual=_TIED),
    "exaone4": Family(Pattern.SLIDING, 4, 4096),
    "falcon_h1": Family(Pattern.PARALLEL),
    "gemma": Family(usual=_TIED | {"head_dim": 256}),
    "gemma2": Family(Pattern.SLIDING, 2, 4096, _sizes(2304, 26, 8, 4, 256) | _text(256000, 8192, tied=True)),
    "gemma3": Family(Pattern.SLIDING, 6, 4096, _sizes(2304, 26, 8, 4, 256) | _text(262208, 131072, tied=True)),
    "gemma3n": Family(
        Pattern.SLIDING,
        5,
        512,
        _sizes(2048, 35, 8, 2, 256) | _text(262400, 32768, tied=True) | {"num_kv_shared_layers": 15},
    ),
    "gemma4": Family(Pattern.SLIDING, 6, 512, _GEMMA4_USUAL),
    "gemma4_unified": Family(Pattern.SLIDING, 6, 1024, _GEMMA4_USUAL | {"max_position_embeddings": 262144}),
    "glm4_moe_lite": Family(Pattern.LATENT, usual=_GLM_LATENT),
    "glm_moe_dsa": Family(Pattern.LATENT, usual=_GLM_LATENT | {"index_head_dim": 128}),
    "gpt2": Family(usual=_TIED),
    "gpt_oss": Family(Pattern.SLIDING, 2, 128, {"head_dim": 64}),
    "granitemoehybrid": Family(Pattern.MAMBA),
    "internlm3": Family(usual={"head_dim": 128}),
    "kimi_k2": Family(Pattern.LATENT, usual=_LATENT),
    "lfm2": Family(Pattern.CONVOLUTION, usual=_TIED | {"conv_L_cache": 3}),
    "lfm2_moe": Family(Pattern.CONVOLUTION, usual=_TIED | {"conv_L_cache": 3}),
    "kimi_linear": Family(Pattern.LATENT, usual=_LATENT),
    "llama": Family(usual=_sizes(4096, 32, 32, 0) | _text(32000, 2048)),
    "llama4": Family(
        Pattern.SLIDING,
        4,
        8192,
        _sizes(5120, 48, 40, 8, 128) | _text(202048, 131072) | {"num_local_experts": 16, "num_experts_per_tok": 1},
    ),
    "minicpm3": Family(Pattern.LATENT, usual={"qk_nope_head_dim": 64, "v_head_dim": 64}),
    "minimax_m2": Family(usual={"head_dim": 128}),
    "ministral": _MISTRAL,
    "ministral3": Family(usual=_sizes(4096, 34, 32, 8, 128) | _text(131072, 262144)),
    "mistral": _MISTRAL,
    "mistral4": Family(Pattern.LATENT, usual=_LATENT | {"kv_lora_rank": 256, "qk_nope_head_dim": 64}),
    "mixtral": Family(usual=_sizes(4096, 32, 32, 8) | _text(32000, 131072) | {"num_local_experts": 8}),
    "nemotron_h": Family(Pattern.MAMBA),
    "olmo3": Family(Pattern.SLIDING, 4, 4096),
    "qwen2": Family(usual=_sizes(4096, 32, 32, 32) | _text(151936, 32768) | {"max_window_layers": 28}),
    "qwen2_5_vl": _QWEN2_VL,
    "qwen2_vl": _QWEN2_VL,
    "qwen3": Family(usual={"head_dim": 128}),
    "qwen3_5": Family(Pattern.LINEAR, 4, 0, _sizes(4096, 32, 16, 4, 256) | _text(248320, 32768) | _DELTA),
    "qwen3_5_moe": Family(
        Pattern.LINEAR,
        4,
        0,
        _sizes(2048, 40, 16, 2, 256) | _text(248320, 32768) | _DELTA | {"num_experts": 256, "num_experts_per_tok": 8},
    ),
    "qwen3_next": Family(Pattern.LINEAR, 4, 0, _DELTA | {"head_dim": 256}),
    "qwen3_vl": Family(usual=_sizes(4096, 32, 32, 32, 128) | _text(151936, 128000)),
    "qwen3_vl_moe": Family(usual=_sizes(2048, 24, 16, 16) | _text(151936, 128000, tied=True) | {"num_experts": 60}),
    "seed_oss": Family(usual={"head_dim": 128}),
    "smollm3": Family(usual=_TIED),
    "starcoder2": Family(usual=_TIED),
}
"""Families by `model_type`, without the ending ``_text``."""
