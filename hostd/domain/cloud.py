"""The providers of cloud models by the names that profiles give them.

Where each is, and what sets it apart, is in `hostd.backends.cloud.catalogue`.
"""

CLOUD_PROVIDERS = ("deepseek", "google", "openai", "openrouter", "xai", "zai")
"""Providers whose address is known. Any other that speaks OpenAI's chat completions is named with its url."""
OTHER_DIALECTS = ("anthropic",)
"""Providers that speak a dialect of their own, into which requests are not translated yet."""
