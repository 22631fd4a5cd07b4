"""Members of requests that llama-server and llama_cpp.server act upon, and clients may set.

Not among them: adapters (``lora``), slots and their cache (``id_slot``, ``n_keep``, ``n_discard``, ``cache_prompt``), an answer's
parser and drafts (``chat_parser``, ``speculative.*``), and what gives it another form (``response_fields``, ``timings_per_token``).
https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
"""

from hostd.dialects.openai.prompt_progress import REQUESTED
from hostd.dialects.openai.request_fields import COMMON

FIELDS = COMMON | {
    *(
        "adaptive_decay",
        "adaptive_target",
        "dynatemp_exponent",
        "dynatemp_range",
        "min_keep",
        "samplers",
        "top_n_sigma",
    ),
    *("dry_allowed_length", "dry_base", "dry_multiplier", "dry_penalty_last_n", "dry_sequence_breakers"),
    *("mirostat", "mirostat_eta", "mirostat_mode", "mirostat_tau", "xtc_probability", "xtc_threshold"),
    *("repeat_last_n", "repeat_penalty", "tfs_z"),
    *("grammar", "json_schema"),
    *("n_cmpl", "n_predict", "n_probs", "embd_normalize"),
    *(
        "add_generation_prompt",
        "continue_final_message",
        "reasoning_budget_tokens",
        "reasoning_format",
        "thinking_budget_tokens",
    ),
    REQUESTED,
}
