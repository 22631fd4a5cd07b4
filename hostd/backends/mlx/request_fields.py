"""Members of requests that mlx-lm's server acts upon, and clients may set.

Not among them: what it would load (``adapters``, ``draft_model``) or draft with (``num_draft_tokens``), and ``role_mapping``.
https://github.com/ml-explore/mlx-lm/blob/main/mlx_lm/SERVER.md
"""

from hostd.dialects.openai.request_fields import COMMON

FIELDS = COMMON | {
    *("frequency_context_size", "presence_context_size", "repetition_context_size"),
    *("xtc_probability", "xtc_threshold"),
}
