"""A request of a role with `context: fit` that is too long for every target: made shorter, and asked again.

How many tokens a request has, its engine has told in its refusal; how many bytes that are is taken from the request itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hostd.backends.in_turn import in_turn
from hostd.dialects import registry
from hostd.dialects.base import Dialect, InferenceRequest
from hostd.dialects.openai import context_fit
from hostd.dialects.openai.events import Json
from hostd.dialects.request_document import RequestDocument
from hostd.domain.context_fit import FitSettings
from hostd.domain.errors import HostdError, RequestError
from hostd.domain.profile import Profile
from hostd.domain.ticket import Route, Task
from hostd.domain.token_estimate import estimated_tokens
from hostd.gateway.forwarding.inner_request import InnerRequests
from hostd.gateway.forwarding.request_trace import RequestTrace
from hostd.gateway.forwarding.request_use import bounds_of
from hostd.scheduling.gateway_decisions import ContextFitted
from hostd.telemetry.sinks import Sinks

_MOST_TRIES = 3
_SAFETY = 0.9
"""Part of the room that is used: the tokens of what is left may be shorter than those of what is cut."""
_ANSWER = 512
"""Tokens that are left for an answer whose request does not limit it, and no more than a quarter of the context."""
_SUMMARY = 0.1
"""Part of the context that a summary may take."""
_WRITING = 120.0
"""Seconds that one part of a summary may take."""
_MOST_PORTIONS = 12
_CHARACTERS = 2.5
"""Characters of a token at least, where a summary's own model has to have room for them."""
_USUAL_WINDOW = 4096
"""Tokens of a context that nobody has told."""
_NOTHING = context_fit.Trimmed([], 0)
_TOKENS = re.compile(r"(\d+) tokens")


@dataclass(frozen=True, slots=True)
class _Goal:
    """How many bytes the messages may have, in a context of *window* tokens."""

    messages: int
    window: int


class ContextFit:
    """Makes one request fit. *inner* asks for summaries."""

    def __init__(
        self,
        settings: FitSettings,
        profiles: Mapping[str, Profile],
        trace: RequestTrace,
        sinks: Sinks,
        inner: InnerRequests,
    ) -> None:
        self._settings = settings
        self._profiles = profiles
        self._trace = trace
        self._sinks = sinks
        self._inner = inner
        self._tries = 0
        self._results = self._summarised = 0

    async def fitted(
        self, error: HostdError, inference: InferenceRequest, route: Route, ticket_id: str
    ) -> InferenceRequest | None:
        """Return *inference* made shorter, after all targets of *route* have refused it with *error*; None where it cannot be.

        None also where that is not what they refused it for.
        """
        chat = None if self._tries >= _MOST_TRIES else _chat_of(error, inference)
        if chat is None:
            return None
        self._tries += 1
        goal, messages = self._goal(error, inference, chat, route), chat["messages"]
        before = chat.size
        found, summarised = await in_turn(before, context_fit.trimmed, messages, goal.messages), 0
        if context_fit.size_of(found.messages) > goal.messages:
            # A summary may hold what was cut: it is written of the whole.
            found, summarised = await self._summarised_of(messages, found, goal)
        if not found.messages:
            return None
        shorter = found.messages
        self._results, self._summarised = max(self._results, found.results), max(self._summarised, summarised)
        fitted = chat.replace({"messages": shorter})
        by = self._settings.summary if summarised else None
        model = self._trace.model
        self._sinks.decided(ContextFitted(model, ticket_id, found.results, summarised, by, before, fitted.size))
        self._trace.context_fit = (
            f"trimmed={self._results}; summarised={self._summarised}; bytes={before}-{fitted.size}"
        )
        if inference.dialect is Dialect.OPENAI_CHAT:
            return inference._replace(document=inference.document.replace({"messages": shorter}))
        return inference._replace(chat=fitted)

    def _goal(self, error: HostdError, inference: InferenceRequest, chat: RequestDocument, route: Route) -> _Goal:
        told = [int(number) for number in _TOKENS.findall(error.message)]
        contexts = [self._profiles[each.model].context or 0 for each in route.targets if each.model in self._profiles]
        window = max(contexts, default=0) or min(told, default=_USUAL_WINDOW)
        tokens = max([*told, window + 1]) if told else max(estimated_tokens(chat.size), window + 1)
        answer = min(bounds_of(inference)[1] or _ANSWER, window // 4)
        whole = chat.size * (window - answer) / tokens * _SAFETY**self._tries
        return _Goal(max(0, int(whole) - (chat.size - context_fit.size_of(chat["messages"]))), window)

    async def _summarised_of(
        self, messages: list[Json], shorter: context_fit.Trimmed, goal: _Goal
    ) -> tuple[context_fit.Trimmed, int]:
        """Return *messages* with a summary in the place of the old ones, and how many those are; none where it cannot be had.

        In *shorter*, results of tools are cut, as they are in what stays where that is too long.
        """
        writer = self._profiles.get(self._settings.summary or "")
        tokens = max(64, int(goal.window * _SUMMARY))
        kept = goal.messages - int(tokens * 4 * _SAFETY)
        whole = context_fit.parts_of(messages, kept)
        found = context_fit.parts_of_trimmed(messages, shorter, kept) if whole is None else (whole, 0)
        if writer is None or found is None:
            return _NOTHING, 0
        parts, cut = found
        room = int(((writer.context or _USUAL_WINDOW) - 2 * tokens - 200) * _CHARACTERS)
        portions = context_fit.portions(parts.old, max(1000, room - tokens * 4))
        if len(portions) > _MOST_PORTIONS:
            return _NOTHING, 0
        summary = ""
        for portion in portions:
            asked = context_fit.summary_request(writer.name, portion, summary, tokens // 2)
            summary = (await self._inner.ask(asked, private=True, seconds=_WRITING) or "").strip()
            if not summary:
                return _NOTHING, 0
        return context_fit.Trimmed(context_fit.with_summary(parts, summary), cut), len(parts.old)


def _chat_of(error: HostdError, inference: InferenceRequest) -> RequestDocument | None:
    """Return the chat completion that *inference* asks for, where *error* says that it is too long; else None."""
    if error.code != "context_length_exceeded" or inference.requirements.task is not Task.TEXT:
        return None
    translation = registry.translation(inference.dialect, (Dialect.OPENAI_CHAT,))
    try:
        document = None if translation is None else translation.request(inference)
    except RequestError:
        return None
    messages = None if document is None else document.get("messages")
    is_chat = isinstance(messages, list) and all(isinstance(each, dict) for each in messages)
    return document if is_chat else None
