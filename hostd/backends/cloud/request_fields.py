"""Members of requests that pass to a provider: OpenAI's own, and what several providers added.

What chooses another model or provider than the owner did is not among them: OpenRouter's ``models``, ``provider``, ``route``,
``plugins``.
"""

from hostd.dialects.openai.request_fields import COMMON

FIELDS = COMMON | {"random_seed", "safe_prompt", "top_a", "usage"}
