"""Any server that speaks OpenAI's API and that hostd does not start: LM Studio, Jan, SGLang, TabbyAPI, another hostd.

It is found at its url, asked what it serves, and never ended. It is sent its own key, where it has one, and no other.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from hostd.backends.addresses import keep_private, local_pid, root_of
from hostd.backends.attached import facts
from hostd.backends.attached.request_fields import FIELDS
from hostd.backends.contract import WITH_TASKS, Attachment, Backend, Endpoint, ServerFacts
from hostd.backends.http.client import HttpClient
from hostd.backends.http.errors import AnswerError, ExchangeError
from hostd.backends.llamacpp import refusals as llamacpp_refusals
from hostd.backends.llamacpp import slots, streaming, system_messages
from hostd.backends.llamacpp import thinking as llamacpp_thinking
from hostd.backends.mlx import refusals as mlx_refusals
from hostd.backends.ollama import refusals as ollama_refusals
from hostd.backends.refusal_patterns import RefusalPatterns
from hostd.backends.thinking import ThinkingWords
from hostd.backends.vllm import metrics
from hostd.backends.vllm import refusals as vllm_refusals
from hostd.backends.vllm import system_messages as vllm_system_messages
from hostd.backends.vllm import thinking as vllm_thinking
from hostd.dialects.json_text import parse_json
from hostd.dialects.request_document import replaced
from hostd.domain.errors import EngineError, RequestError
from hostd.domain.locality import is_loopback
from hostd.domain.profile import Profile, Variant
from hostd.domain.progress import EngineProgress
from hostd.domain.reason import ExitClass
from hostd.domain.thinking import ThinkingControl, ThinkingWish
from hostd.planning.warm_set.load_option import LoadOption

_PATIENCE = 5.0
_MOST = 4 << 20

_REFUSALS = RefusalPatterns.of_all(
    each.PATTERNS for each in (llamacpp_refusals, vllm_refusals, ollama_refusals, mlx_refusals)
)


class Attached(Backend):
    """The backend ``openai``."""

    name = "openai"
    fields = FIELDS

    def __init__(self) -> None:
        self._silent: set[str] = set()
        self._llama: set[str] = set()
        self._vllm: set[str] = set()

    def accepts(self, variant: Variant) -> str | None:
        """Return why this host cannot serve *variant*, as a sentence for the owner, or None when it can."""
        if variant.backend != self.name:
            return f"backend '{variant.backend}' is not {self.name}"
        return None if variant.url else "an openai variant needs the url of a server that runs"

    def check(self, profile: Profile, variant: Variant, option: LoadOption | None) -> None:  # noqa: ARG002
        """Return if the server answers; raises as `attach` does."""
        self.attach(profile, variant)
        listed(variant)

    def attach(self, profile: Profile, variant: Variant) -> Attachment:
        """Return where the server is. Where the variant names no model, the server is asked which one it has.

        Raises:
            EngineError: It does not answer, has several models, is this hostd itself, or is elsewhere and the profile private.
        """
        if variant.url is None:
            raise EngineError(self.accepts(variant) or "", exit_class=ExitClass.BAD_FLAG)
        keep_private(profile, variant.url)
        # A request would come back to hostd, be routed to the same variant, and so on until all connections are used up.
        if local_pid(variant.url) == os.getpid():
            raise EngineError(
                f"{variant.url} is this hostd itself, which would ask itself for ever; correct the variant's url",
                exit_class=ExitClass.BAD_FLAG,
            )
        endpoint = Endpoint(
            url=root_of(variant.url),
            model=variant.model or _only(variant),
            headers=_headers(variant),
            strict_model=True,
            speaks=WITH_TASKS,
            local=is_loopback(variant.url),
        )
        self._silent.discard(endpoint.url)
        self._llama.discard(endpoint.url)
        self._vllm.discard(endpoint.url)
        return Attachment(endpoint, health="/v1/models", slots=profile.slots)

    def refusal(self, message: str) -> RequestError | None:
        """Return the client's mistake that *message* tells of, in the words of any engine."""
        return _REFUSALS.find(message)

    def adapt(self, endpoint: Endpoint, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return a request's *body* with the server's name for the model, or None when it has that already."""
        return None if body.get("model") == endpoint.model else replaced(body, {"model": endpoint.model})

    async def progress(self, http: HttpClient, endpoint: Endpoint) -> EngineProgress | None:
        """Return what the server reports about its slots where it is a llama-server, or about its steps where it is vLLM."""
        if endpoint.url in self._silent:
            return None
        if endpoint.url in self._vllm:
            return await metrics.progress(http, endpoint)
        try:
            found = slots.parse(await slots.listed(http, endpoint))
        except AnswerError:
            found = None
        except ExchangeError:
            return None
        if found is not None:
            self._llama.add(endpoint.url)
        elif endpoint.url not in self._llama:
            found = await metrics.progress(http, endpoint)
            # A server that has neither is not asked again: some log every request for a route that they do not have.
            (self._silent if found is None else self._vllm).add(endpoint.url)
        return found

    def metrics_path(self, endpoint: Endpoint) -> str | None:
        """Return the route of a server that was found to be a llama-server or vLLM."""
        return "/metrics" if endpoint.url in self._llama or endpoint.url in self._vllm else None

    def report_request(self, endpoint: Endpoint) -> Mapping[str, Any]:
        """Return what has a llama-server report how much of a prompt it has read; other servers might refuse it."""
        return slots.REPORTS if endpoint.url in self._llama else {}

    async def describe(self, http: HttpClient, endpoint: Endpoint) -> ServerFacts:
        """Return what the server at *endpoint* reports about itself, as far as it answers."""
        found = await facts.facts(http, endpoint)
        # Shows whether it is a llama-server or vLLM, before the first request depends on it.
        await self.progress(http, endpoint)
        control = await self._control(http, endpoint)
        if control is None:
            return found
        anywhere = system_messages.anywhere if endpoint.url in self._llama else vllm_system_messages.anywhere
        return replace(found, thinking=control, late_system=await anywhere(http, endpoint))

    async def _control(self, http: HttpClient, endpoint: Endpoint) -> ThinkingControl | None:
        if endpoint.url in self._llama:
            props = await http.document(f"{endpoint.url}/props", endpoint.headers, seconds=_PATIENCE)
            template = props.get("chat_template") if isinstance(props, dict) else None
            return (
                await llamacpp_thinking.template_control(http, endpoint, template)
                if template and isinstance(template, str)
                else None
            )
        return await vllm_thinking.template_control(http, endpoint) if endpoint.url in self._vllm else None

    def think(
        self, endpoint: Endpoint, wish: ThinkingWish, body: Mapping[str, Any], control: ThinkingControl | None
    ) -> ThinkingWords:
        """Return *wish* as a llama-server or vLLM is told it, where it is one, else in the names of most templates."""
        if control is None:
            return super().think(endpoint, wish, body, None)
        if endpoint.url in self._llama:
            return llamacpp_thinking.words(wish, body, control)
        return vllm_thinking.words(wish, body, control)

    def prefers_stream(self, endpoint: Endpoint, body: Mapping[str, Any]) -> bool:
        """Return whether *body*, which asks for a whole answer, is better sent as a request for a stream: to a llama-server."""
        return endpoint.url in self._llama and streaming.better_streamed(body)


def listed(variant: Variant) -> tuple[str, ...]:
    """Return the models that the server of *variant* lists. Blocks.

    Raises:
        EngineError: It does not answer, or requires another key.
    """
    request = Request(f"{root_of(str(variant.url))}/v1/models", headers=_headers(variant))  # noqa: S310 - http, by the config
    try:
        # The url is the owner's: no web proxy may see the request, and its key is sent nowhere else.
        with build_opener(ProxyHandler({}), _NoRedirects).open(request, timeout=_PATIENCE) as answer:
            found = parse_json(answer.read(_MOST))
    except HTTPError as error:
        advice = "correct the variant's api_key" if error.code in (401, 403) else "see what its log says"
        raise EngineError(f"the server at {variant.url} answers with status {error.code}; {advice}") from error
    except (OSError, HTTPException, ValueError) as error:
        # The class of a missing file, since the same follows: the next variant may do, and the next request looks again.
        raise EngineError(
            f"no server answers at {variant.url} ({getattr(error, 'reason', error)}); start it, or correct the variant's url",
            exit_class=ExitClass.MISSING_FILE,
        ) from error
    return facts.names(found) if isinstance(found, dict) else ()


class _NoRedirects(HTTPRedirectHandler):
    """Turns a redirect into an error, so that the key is sent to no other host."""

    def redirect_request(self, *_: object) -> None:
        """Return no request."""


def _only(variant: Variant) -> str:
    names = listed(variant)
    if len(names) == 1:
        return names[0]
    which = f"has {', '.join(names[:12])}; name one of them" if names else "lists no models; name the one that it has"
    raise EngineError(f"the server at {variant.url} {which} as the variant's model", exit_class=ExitClass.BAD_FLAG)


def _headers(variant: Variant) -> dict[str, str]:
    return {"Authorization": f"Bearer {variant.api_key}"} if variant.api_key else {}
