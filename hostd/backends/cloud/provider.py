"""Cloud models: a provider's API, used as a server that is always there, needs no memory and is paid by the token.

Nothing is sent to a provider but the requests that are routed to it, and its list of models when one of those has failed.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from hostd import __version__
from hostd.backends.cloud import anthropic, thinking
from hostd.backends.cloud.catalogue import PROVIDERS, CloudProvider, provider_of
from hostd.backends.cloud.credentials import key_of
from hostd.backends.cloud.request_fields import FIELDS
from hostd.backends.contract import Attachment, Backend, Endpoint
from hostd.backends.http.client import HttpClient
from hostd.backends.thinking import ThinkingWords
from hostd.dialects.base import Dialect
from hostd.dialects.openai.parse import asks_for_usage
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import CapacityError, EngineError, HostdError, RequestError
from hostd.domain.principal import Privacy
from hostd.domain.profile import Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.domain.secret import masked
from hostd.domain.thinking import ThinkingControl, ThinkingWish
from hostd.planning.warm_set.load_option import LoadOption

_BEARER = "Bearer "
_KEY_HEADERS = frozenset({"Authorization"} | {provider.key_header for provider in PROVIDERS.values()})
# Each provider has its own form of a refusal by its policy: a code, or a status 403 with words such as these.
_POLICY_CODES = frozenset({"content_filter", "content_policy_violation"})
_POLICY_WORDS = re.compile(
    r"moderation|flagged|content.?(policy|filter)|usage (guidelines|policy|policies)|safety", re.IGNORECASE
)
_OURS = {
    401: "refuses hostd's key (status 401); correct the variant's api_key or key_file",
    402: "has no credit left for hostd's key (status 402)",
    403: "does not let hostd's key do this (status 403)",
    404: "does not have this model or route (status 404); correct the variant's model or url",
    407: "is behind a proxy that wants a password (status 407)",
}
"""What is the owner's to mend and not the client's, in hostd's words: the provider's may repeat the key."""
_WHOLE_ONLY = ("logprobs", "audio", "modalities", "web_search_options")
"""Members of a request whose answer has other members, or more, than the chunks of a stream."""
_PASSING = frozenset({405, 408, 409, 425})
"""Refusals that are neither the owner's nor the client's to mend."""


class Cloud(Backend):
    """The backend ``cloud``."""

    name = "cloud"
    fields = FIELDS

    def __init__(self) -> None:
        self._gone: set[str] = set()
        self._providers: dict[str, CloudProvider] = {}

    def accepts(self, variant: Variant) -> str | None:
        """Return why this host cannot serve *variant*, as a sentence for the owner, or None when it can. Reads the key's file."""
        try:
            key_of(variant, _provider(variant))
        except EngineError as error:
            return error.message
        return None

    def check(self, profile: Profile, variant: Variant, option: LoadOption | None) -> None:  # noqa: ARG002
        """Return if the provider may be used; raises as `attach` does."""
        self.attach(profile, variant)

    def attach(self, profile: Profile, variant: Variant) -> Attachment:
        """Return where the provider is; it is not asked anything.

        Raises:
            EngineError: The profile is private, or there is no key.
        """
        provider = _provider(variant)
        # Whatever the address: behind one of this machine, too, the provider is elsewhere.
        if profile.privacy == Privacy.LOCAL:
            raise EngineError(
                f"'{profile.name}' is private (privacy: local) and {provider.name} is not on this machine; drop the variant",
                exit_class=ExitClass.BAD_FLAG,
            )
        key = key_of(variant, provider)
        endpoint = Endpoint(
            url=provider.url,
            model=str(variant.model),
            headers={
                "User-Agent": f"hostd/{__version__}",
                **provider.headers,
                **({provider.key_header: provider.key_mark + key} if key else {}),
            },
            strict_model=True,
            speaks=provider.speaks,
            local=False,
        )
        self._providers[provider.url] = provider
        return Attachment(endpoint, "/models", profile.slots, metered=True, ready=provider.url not in self._gone)

    def gone(self, endpoint: Endpoint) -> None:
        """Have the provider looked at before it is used again."""
        self._gone.add(endpoint.url)

    async def open(self, http: HttpClient, endpoint: Endpoint) -> None:  # noqa: ARG002 - there is nothing to load
        """Note that the provider answers."""
        self._gone.discard(endpoint.url)

    def adapt(self, endpoint: Endpoint, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return *body* with the provider's names for the model and the token limit; a stream is to end with its usage."""
        provider = self._providers.get(endpoint.url)
        if provider is not None and provider.adapted is not None:
            return _changed(body, *provider.adapted(endpoint.model, body))
        changes: dict[str, Any] = {"model": endpoint.model}
        # What an engine gives its template; a provider that is known has none, and refuses what it does not know.
        without = ["chat_template_kwargs"] if provider is not None and provider.name in PROVIDERS else []
        limit = "max_tokens" if provider is None else provider.answer_limit
        if limit != "max_tokens" and "messages" in body and "max_tokens" in body:
            without.append("max_tokens")
            if body.get(limit) is None:
                changes[limit] = body["max_tokens"]
        if body.get("stream") and not asks_for_usage(body):
            options = body.get("stream_options")
            changes["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
        return _changed(body, changes, without)

    def think(
        self,
        endpoint: Endpoint,
        wish: ThinkingWish,
        body: Mapping[str, Any],
        control: ThinkingControl | None,  # noqa: ARG002 - a provider has no template
    ) -> ThinkingWords:
        """Return *wish* as the provider is told it."""
        if Dialect.ANTHROPIC_MESSAGES in endpoint.speaks:
            return thinking.message_words(wish, body)
        provider = self._providers.get(endpoint.url)
        return thinking.words("" if provider is None else provider.name, endpoint.model, wish, body)

    def prefers_stream(self, endpoint: Endpoint, body: Mapping[str, Any]) -> bool:  # noqa: ARG002 - of any provider
        """Return whether the whole answer that *body* asks for is assembled from a stream, where a stream carries all of it.

        A provider that is silent until its answer is whole cannot be told from one that will never answer.
        """
        return not any(body.get(name) for name in _WHOLE_ONLY)

    def adds_usage(self, body: Mapping[str, Any]) -> bool:
        """Return whether `adapt` has the provider send sums that the client of *body* did not ask for."""
        return not asks_for_usage(body)

    async def count_tokens(self, http: HttpClient, endpoint: Endpoint, body: Mapping[str, Any]) -> int | None:
        """Return the tokens of *body*'s prompt where the provider counts them, for which it takes no money."""
        if Dialect.ANTHROPIC_MESSAGES not in endpoint.speaks:
            return None
        return await anthropic.count_tokens(http, endpoint, body)

    def judged(self, endpoint: Endpoint, error: HostdError) -> HostdError:
        """Return what the provider's *error* means: a client's mistake, a refusal by policy, or one that another target spares it.

        A provider's words are passed on without the key.
        """
        who = f"the provider of '{endpoint.model}'"
        said = masked(error.message, tuple(_keys_in(endpoint.headers)))
        if not isinstance(error, RequestError):
            return CapacityError(said, code=error.code, status=error.status, retry_after=error.retry_after or 1.0)
        if error.code in _POLICY_CODES or (error.status == 403 and _POLICY_WORDS.search(error.message)):
            return RequestError(said, code="content_filter", status=error.status)
        if error.status in _OURS:
            status = 429 if error.status == 402 else 502
            return CapacityError(
                f"{who} {_OURS[error.status]}", code="provider_refused", status=status, retry_after=1.0
            )
        if error.status in _PASSING:
            return CapacityError(f"{who}: {said}", code="provider_refused", status=502, retry_after=1.0)
        return RequestError(said, code=error.code, status=error.status, param=error.param)


def _changed(body: Mapping[str, Any], changes: Mapping[str, Any], without: Collection[str]) -> Mapping[str, Any]:
    """Return *body* with *changes* and *without* some members."""
    if isinstance(body, RequestDocument):
        return body.replace(changes, without)
    return {name: value for name, value in body.items() if name not in without} | dict(changes)


def _keys_in(headers: Mapping[str, str]) -> Iterator[str]:
    """Yield the provider's key as it stands in *headers*."""
    for name in _KEY_HEADERS:
        if key := headers.get(name, "").removeprefix(_BEARER):
            yield key


def _provider(variant: Variant) -> CloudProvider:
    provider = provider_of(variant)
    if provider is None:
        raise EngineError(
            f"the provider '{variant.provider}' is not known; write its url into the variant",
            exit_class=ExitClass.BAD_FLAG,
        )
    return provider
