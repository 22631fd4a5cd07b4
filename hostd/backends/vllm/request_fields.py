"""Members of requests that vLLM acts upon, and clients may set.

Not among them: classes to import (``logits_processors``), tensors to load (``prompt_embeds``), other machines' caches
(``kv_transfer_params``), arguments of processors and plugins (``mm_processor_kwargs``, ``vllm_xargs``), beams, ids and priorities.
https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
"""

from hostd.dialects.openai.request_fields import COMMON

FIELDS = COMMON | {
    *("allowed_token_ids", "bad_words", "include_stop_str_in_output", "length_penalty", "prompt_logprobs"),
    *("skip_special_tokens", "spaces_between_special_tokens", "stop_token_ids", "truncate_prompt_tokens"),
    *("guided_choice", "guided_grammar", "guided_json", "guided_regex", "structured_outputs"),
    *("add_generation_prompt", "add_special_tokens", "continue_final_message", "thinking_token_budget"),
    *("normalize", "cache_salt"),
}
