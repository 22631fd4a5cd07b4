"""Members of requests that pass to an attached server, which may be any: those of the engines, and of servers known by name.

What loads, unloads or runs something is not among them: LM Studio's ``ttl`` and ``draft_model``, SGLang's ``lora_path`` and
``custom_logit_processor``, and their like.
"""

from hostd.backends.llamacpp import request_fields as llamacpp
from hostd.backends.mlx import request_fields as mlx
from hostd.backends.vllm import request_fields as vllm

_SGLANG = frozenset({"ebnf", "no_stop_trim", "regex", "separate_reasoning", "stop_regex", "stream_reasoning"})
_TABBY = frozenset(
    {
        *("ban_eos_token", "banned_strings", "penalty_range", "skew", "smoothing_factor", "temperature_last", "tfs"),
        *("token_healing", "top_a", "typical"),
    }
)
FIELDS = llamacpp.FIELDS | vllm.FIELDS | mlx.FIELDS | _SGLANG | _TABBY
