"""What hostd asks of an engine's file. A protocol, not a base class: a backend inherits nothing.

`Backend` is what every engine's file has. The small protocols after it are for what only some engines can: a backend that has
their methods is asked, one that has not is not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import aiohttp

from hostd.dialects.base import Dialect
from hostd.dialects.openai.dialect import PATHS
from hostd.domain.profile import Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.planning.warm_set.load_option import LoadOption


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a running engine listens and what it wants to hear.

    *model* is the name that it answers to and puts into its answers; when *strict_model* is set, a request's ``model``
    must be replaced by it. *headers* carry the engine's own key, never a client's. *speaks* is the path of each dialect that it
    understands. *keeps_connections* is False for a server that closes the connection after a stream without announcing it.
    """

    url: str
    model: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    strict_model: bool = False
    speaks: Mapping[Dialect, str] = field(default_factory=lambda: PATHS)
    keeps_connections: bool = True


@dataclass(frozen=True, slots=True)
class Launch:
    """A process to start: list argv, an environment made from nothing, and how to see that it is ready.

    An empty *argv* means that there is nothing to start: the server at *endpoint* runs already, is adopted, and never killed.
    *health* is the path that answers 200 once the engine is loaded. *slots* is how many requests the engine decodes
    together. *expected_bytes* is about what it will have in memory when loaded (0: unknown), for progress only.
    *grace* is how many seconds it has between SIGTERM and SIGKILL. *naps* are the levels of sleep that this engine offers, the
    lightest first. *alone* says that it measures its devices while it starts, so no other may start on them meanwhile.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    endpoint: Endpoint
    health: str
    slots: int
    expected_bytes: int = 0
    grace: float = 5.0
    sleep_levels: tuple[int, ...] = ()
    exclusive_start: bool = False


class Backend(Protocol):
    """The members of an engine's file."""

    name: str

    def accepts(self, variant: Variant) -> str | None:
        """Return why this host cannot serve *variant* (a sentence for the owner), or None when it can."""

    def launch(self, profile: Profile, variant: Variant, option: LoadOption | None, port: int, key: str) -> Launch:
        """Return how to start *variant* on loopback *port*, protected by *key* where the engine knows keys.

        *option* says on which devices and with how many layers there; without one the engine decides. Blocks: it looks at files.

        Raises:
            EngineError: The engine is not installed, or the variant cannot be served after all.
        """

    def classify(self, status: int, tail: tuple[str, ...]) -> ExitClass:
        """Return what an exit *status* (negative: killed by that signal) and the last log lines mean."""

    async def decoded(self, http: aiohttp.ClientSession, endpoint: Endpoint) -> tuple[int, ...] | None:
        """Return the tokens generated so far by each busy slot, or None where the engine does not tell."""

    def adapt(self, endpoint: Endpoint, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the request that this engine understands instead of *body*, or None when the client's bytes will do.

        Raises:
            RequestError: The engine could not answer it, whatever is sent.
        """


@runtime_checkable
class Prechecks(Protocol):
    """A backend that can tell before a load that it must fail."""

    def check(self, profile: Profile, variant: Variant, option: LoadOption | None) -> None:
        """Return if a load may begin: the weights are there, and the engine understands its flags. Blocks.

        Raises:
            EngineError: It would fail, with the exit class that it would fail with.
        """


@runtime_checkable
class LoadsAfterStart(Protocol):
    """A backend whose server runs before its model is loaded."""

    async def open(self, http: aiohttp.ClientSession, endpoint: Endpoint) -> None:
        """Have the model loaded, now that the server answers; return when it is.

        Raises:
            EngineError: The server cannot load it.
        """

    async def close(self, http: aiohttp.ClientSession, endpoint: Endpoint) -> None:
        """Have the model unloaded; its server may run on. Errors do not matter any more."""


@runtime_checkable
class Sleeps(Protocol):
    """A backend whose engine can give its memory back without ending; see `Launch.naps`."""

    async def sleep(self, http: aiohttp.ClientSession, endpoint: Endpoint, level: int) -> None:
        """Have the engine sleep; return when it says that it does.

        Raises:
            EngineError: It does not.
        """

    async def wake(self, http: aiohttp.ClientSession, endpoint: Endpoint) -> None:
        """Have the engine wake; return when it can serve.

        Raises:
            EngineError: It does not.
        """


@runtime_checkable
class GuardsContext(Protocol):
    """A backend whose server would cut a request that is too long for it, and say nothing."""

    async def ensure_fits(self, http: aiohttp.ClientSession, endpoint: Endpoint, body: Mapping[str, Any]) -> None:
        """Return if *body*, as it would be sent, fits the context.

        Raises:
            RequestError: It does not; code context_length_exceeded.
            aiohttp.ClientError: The server does not answer.
        """


@runtime_checkable
class PrefersStreams(Protocol):
    """A backend whose engine sees only while it streams that a client has gone."""

    def prefers_stream(self, endpoint: Endpoint, body: Mapping[str, Any]) -> bool:
        """Return whether *body*, which wants an answer in one piece, had better be sent for a stream.

        It had where the client's going would be seen sooner, and the chunks, sums included, tell what that answer would tell.
        """


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a running server says of itself; None where it does not say.

    *context* is how many tokens one request may have, *slots* how many requests it decodes together, *models* the names that it
    answers to.
    """

    version: str | None = None
    context: int | None = None
    slots: int | None = None
    tools: bool | None = None
    vision: bool | None = None
    embeddings: bool | None = None
    models: tuple[str, ...] = ()


@runtime_checkable
class DescribesItself(Protocol):
    """A backend whose server tells what it can do."""

    async def describe(self, http: aiohttp.ClientSession, endpoint: Endpoint) -> ServerFacts:
        """Return what the server at *endpoint* says of itself, as far as it answers."""
