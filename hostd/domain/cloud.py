"""The providers of cloud models by the names that profiles give them.

Where each is, and what sets it apart, is in `hostd.backends.cloud.catalogue`.
"""

CLOUD_PROVIDERS = ("anthropic", "deepseek", "google", "openai", "openrouter", "xai", "zai")
"""Providers whose address is known. Any other that speaks OpenAI's chat completions is named with its url."""
