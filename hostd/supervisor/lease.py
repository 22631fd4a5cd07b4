"""One request's hold on one engine, from the moment that it is sent to the last byte of its answer."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Protocol, Self

import aiohttp

from hostd.backends.contract import Backend, Endpoint
from hostd.dialects.request_document import RequestDocument
from hostd.domain.profile import Limits


class Leased(Protocol):
    """What a lease needs of its instance."""

    in_flight: int
    answers: set[aiohttp.ClientResponse]

    def progress(self) -> None:
        """Note that a request got something out of the engine just now."""

    def suspect(self) -> None:
        """Note that a request ran into a time limit here."""

    def rested(self) -> None:
        """Note that the last request in flight is done."""

    def generating(self) -> Awaitable[bool]:
        """Say whether all that is in flight has its first token."""


class Lease:
    """Counts as in flight while it is entered. It stays with the process that it began with: a restarted one is another."""

    def __init__(
        self,
        instance: Leased,
        http: aiohttp.ClientSession,
        endpoint: Endpoint,
        limits: Limits,
        died_within: Callable[[float], Awaitable[bool]],
        backend: Backend,
    ) -> None:
        self.http = http
        self.endpoint = endpoint
        self.limits = limits
        self.died_within = died_within
        self.progress = instance.progress
        self.suspect = instance.suspect
        self.generating = instance.generating
        self._instance = instance
        self._backend = backend
        self._answer: aiohttp.ClientResponse | None = None

    def __enter__(self) -> Self:
        self._instance.in_flight += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._instance.in_flight -= 1
        if self._answer is not None:
            self._instance.answers.discard(self._answer)
        if not self._instance.in_flight:
            self._instance.rested()

    def hears(self, answer: aiohttp.ClientResponse) -> None:
        """Have *answer* broken off when the engine is stopped before its end."""
        self._answer = answer
        self._instance.answers.add(answer)

    def prefers_stream(self, document: RequestDocument) -> bool:
        """Return whether the answer in one piece that *document* wants had better be made of a stream."""
        prefers = getattr(self._backend, "prefers_stream", None)
        return not document.get("stream") and prefers is not None and prefers(self.endpoint, document)

    async def translate(self, document: RequestDocument) -> RequestDocument:
        """Return the request that this engine needs instead of *document*; often that itself.

        Raises:
            RequestError: It is nothing that this engine can answer, or it is too long for it.
            aiohttp.ClientError: The engine was asked whether it is too long, and does not answer.
        """
        adapted = self._backend.adapt(self.endpoint, document)
        if adapted is not None:
            document = adapted if isinstance(adapted, RequestDocument) else RequestDocument.of(adapted)
        if (ensure_fits := getattr(self._backend, "ensure_fits", None)) is not None:
            await ensure_fits(self.http, self.endpoint, document)
        return document
