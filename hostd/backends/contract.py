"""What hostd asks of an engine's file. A protocol, not a base class: a backend inherits nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp

from hostd.domain.profile import Profile, Variant
from hostd.domain.reason import ExitClass


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a running engine listens and what it wants to hear.

    *model* is the name that it answers to and puts into its answers; when *strict_model* is set, a request's ``model``
    must be replaced by it. *headers* carry the engine's own key, never a client's.
    """

    url: str
    model: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    strict_model: bool = False


@dataclass(frozen=True, slots=True)
class Launch:
    """A process to start: list argv, an environment made from nothing, and how to see that it is ready.

    *health* is the path that answers 200 once the engine is loaded. *slots* is how many requests the engine decodes
    together. *expected_bytes* is about what it will have in memory when loaded (0: unknown), for progress only.
    *grace* is how many seconds it has between SIGTERM and SIGKILL.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    endpoint: Endpoint
    health: str
    slots: int
    expected_bytes: int = 0
    grace: float = 5.0


class Backend(Protocol):
    """The members of an engine's file."""

    name: str

    def accepts(self, variant: Variant) -> str | None:
        """Return why this host cannot serve *variant* (a sentence for the owner), or None when it can."""

    def launch(self, profile: Profile, variant: Variant, port: int, key: str) -> Launch:
        """Return how to start *variant* on loopback *port*, protected by *key* where the engine knows keys.

        Raises:
            EngineError: The engine is not installed, or the variant cannot be served after all.
        """

    def classify(self, status: int, tail: tuple[str, ...]) -> ExitClass:
        """Return what an exit *status* (negative: killed by that signal) and the last log lines mean."""

    async def decoded(self, http: aiohttp.ClientSession, endpoint: Endpoint) -> tuple[int, ...] | None:
        """Return the tokens generated so far by each busy slot, or None where the engine does not tell."""

    def adapt(self, endpoint: Endpoint, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the request that this engine understands instead of *body*, or None when the client's bytes will do."""
