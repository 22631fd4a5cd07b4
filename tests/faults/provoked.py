"""A gateway in virtual time in front of a provider with faults, and what a client and the provider saw of one request."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hostd.domain.profile import FallbackRule, Limits, Profile, Settings, Variant
from tests.engines.scripted_cloud import WORDS, Provider
from tests.stage import Answer, Stage, opened
from tests.virtual_time import VirtualTimeLoop

T = TypeVar("T")
Json = dict[str, Any]

TOKENS = 60
TEXT = "".join(WORDS[number % len(WORDS)] for number in range(TOKENS))
QUICK: Mapping[str, Any] = {"first_token_timeout": 10.0, "stall_timeout": 10.0, "queue_timeout": 20.0}
OTHER = "-other"
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]


def pair(
    name: str, port: int, *, alone: bool = False, contexts: tuple[int, int] = (4096, 8192), **more: Any
) -> list[Profile]:
    """Return the profile *name*, and unless *alone* another one that answers instead; both are models of the provider."""

    def profile(name: str, context: int, to: tuple[str, ...]) -> Profile:
        variant = Variant("cloud", provider=name, url=f"http://127.0.0.1:{port}/v1", model=name, api_key="sk-1")
        fallback = tuple(FallbackRule(other) for other in to)
        limits = Limits(max_concurrent=4, **(QUICK | more.get("limits", {})))
        own = {key: value for key, value in more.items() if key != "limits"}
        return Profile(name, (variant,), context=context, slots=4, limits=limits, fallback=fallback, **own)

    if alone:
        return [profile(name, contexts[0], ())]
    return [profile(name, contexts[0], (name + OTHER,)), profile(name + OTHER, contexts[1], ())]


@dataclass(frozen=True)
class Observed:
    """What came of one request: the *answer*, after so many *seconds*, and when the provider was asked for each model."""

    answer: Answer
    seconds: float
    asked: Sequence[Json]
    began: float
    text: str = TEXT

    def times(self, model: str) -> list[float]:
        """Return the seconds from the request's arrival to each request for *model* at the provider."""
        return [each["at"] - self.began for each in self.asked if each["body"]["model"] == model]

    @property
    def ending(self) -> str:
        """How it ended: ``whole``, ``error`` (with a status, or as the last event), or, which must never be, ``truncated``."""
        answer = self.answer
        if answer.status != 200:
            return "error" if answer.error["message"] else "truncated"
        if not answer.headers["Content-Type"].startswith("text/event-stream"):
            choice = answer.json["choices"][0]
            # It ends where its JSON does; a server that says no reason has left out nothing else.
            return "whole" if choice["message"]["content"] == self.text else "truncated"
        events = answer.events
        if events and events[-1] == "[DONE]":
            finished = any(
                option.get("finish_reason") for event in events[:-1] for option in json.loads(event).get("choices", ())
            )
            return "whole" if finished and answer.text == self.text else "truncated"
        # Closed in good order and without an error, half an answer looks like a whole one to most clients.
        failed = bool(events) and "error" in json.loads(events[-1])
        return "error" if failed and self.text.startswith(answer.text) else "truncated"


@dataclass
class Provoked:
    """A stage whose models are all the provider's."""

    stage: Stage
    provider: Provider
    scripts: dict[str, list[Json]] = field(default_factory=dict)

    async def ask(
        self,
        model: str,
        plans: Sequence[Json],
        other: Sequence[Json] = ({},),
        *,
        text: str = TEXT,
        **body: Any,
    ) -> Observed:
        """Ask *model* once; its requests meet *plans* at the provider, one after another, those of the model behind it *other*."""
        for name, each in ((model, plans), (model + OTHER, other)):
            self.scripts[name] = [{"tokens": TOKENS} | plan for plan in each]
            self.provider.taken.pop(name, None)
        self.provider.script = {"models": self.scripts}
        clock = asyncio.get_running_loop().time
        began, before = clock(), len(self.provider.asked)
        answer = await self.stage.ask(model, **body)
        mine = {model, model + OTHER}
        asked = [each for each in self.provider.asked[before:] if each["body"].get("model") in mine]
        return Observed(answer, clock() - began, asked, began, text)

    def at_rest(self, *models: str) -> bool:
        """Return whether nothing is held for any request: no slot, no place in a queue, no lease."""
        return not any(
            self.stage.model_state(model).serving
            or len(self.stage.model_state(model).queue)
            or self.stage.instance(model).in_flight
            for model in models
        )


@asynccontextmanager
async def provoked(profiles_at: Any) -> AsyncIterator[Provoked]:
    """Serve the profiles that *profiles_at* returns for the provider's port."""
    provider = Provider()
    port = await provider.listen()
    profiles = {profile.name: profile for profile in profiles_at(port)}
    try:
        async with opened(Settings(listen=("127.0.0.1:0",), profiles=profiles)) as stage:
            yield Provoked(stage, provider)
    finally:
        provider.server.close()


class VirtualStage:
    """Runs what tests want of one stage, which lives longer than a test, on a loop in virtual time."""

    def __init__(self, profiles_at: Any) -> None:
        self._runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self._scope = provoked(profiles_at)
        self.provoked = self._runner.run(self._scope.__aenter__())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what *work* returns."""
        return self._runner.run(work)

    def close(self) -> None:
        """End the stage."""
        self._runner.run(self._scope.__aexit__(None, None, None))
        self._runner.close()
