"""The providers: where each is, what it speaks, and what sets it apart. All but Anthropic speak OpenAI's chat completions.

Sources: the providers' own references, https://platform.openai.com/docs/api-reference, https://api-docs.deepseek.com,
https://docs.z.ai, https://docs.x.ai, https://openrouter.ai/docs, https://ai.google.dev/gemini-api/docs/openai.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hostd.backends.cloud import anthropic
from hostd.dialects.base import Dialect
from hostd.domain.cloud import CLOUD_PROVIDERS
from hostd.domain.profile import Variant

CHAT: Mapping[Dialect, str] = {Dialect.OPENAI_CHAT: "/chat/completions"}
WITH_EMBEDDINGS: Mapping[Dialect, str] = {**CHAT, Dialect.OPENAI_EMBEDDINGS: "/embeddings"}
ALL: Mapping[Dialect, str] = {**WITH_EMBEDDINGS, Dialect.OPENAI_COMPLETIONS: "/completions"}


@dataclass(frozen=True, slots=True)
class CloudProvider:
    """One provider. *url* is what its paths are added to, *variable* where its key usually is.

    *answer_limit* is the member of a chat request that bounds its answer. *key_header* is where it wants its key, behind
    *key_mark*, beside its *headers*. *adapted* takes a model's name and a request in the provider's own dialect, and returns what
    changes in it, and what is left out.
    """

    name: str
    url: str
    variable: str = ""
    speaks: Mapping[Dialect, str] = field(default_factory=lambda: CHAT)
    answer_limit: str = "max_tokens"
    key_header: str = "Authorization"
    key_mark: str = "Bearer "
    headers: Mapping[str, str] = field(default_factory=dict)
    adapted: Callable[[str, Mapping[str, Any]], tuple[dict[str, Any], list[str]]] | None = None

    @property
    def credential(self) -> str:
        """The name of the credential by which systemd hands its key over."""
        return f"{self.name}_api_key"


_KNOWN = (
    CloudProvider(
        anthropic.NAME,
        anthropic.URL,
        "ANTHROPIC_API_KEY",
        {Dialect.ANTHROPIC_MESSAGES: "/messages"},
        key_header=anthropic.KEY_HEADER,
        key_mark="",
        headers=anthropic.HEADERS,
        adapted=anthropic.adapted,
    ),
    # Its reasoning models refuse max_tokens, which all of its models have a newer name for.
    CloudProvider("openai", "https://api.openai.com/v1", "OPENAI_API_KEY", ALL, "max_completion_tokens"),
    CloudProvider("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    CloudProvider(
        "google", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY", WITH_EMBEDDINGS
    ),
    CloudProvider("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", ALL),
    CloudProvider("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
    CloudProvider("zai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY"),
)
PROVIDERS: Mapping[str, CloudProvider] = {
    each.name: each for name in CLOUD_PROVIDERS for each in _KNOWN if each.name == name
}


def provider_of(variant: Variant) -> CloudProvider | None:
    """Return the provider of *variant*, at the url that it gives where it gives one; None where nothing says where that is."""
    name, url = variant.provider or "", (variant.url or "").rstrip("/")
    known = PROVIDERS.get(name)
    if known is None:
        return CloudProvider(name, url, speaks=ALL) if url else None
    return replace(known, url=url) if url else known
