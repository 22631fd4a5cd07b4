"""What hostd asks of the module that adds an engine.

Write one class that extends `Engine` (`Backend` for a server that hostd never starts) and give it

1. ``name``, the word after ``backend:`` in profiles, and ``accepts``, which says why a variant cannot be served here;
2. ``launch``: argv, an environment made from nothing, the `Endpoint` where the engine will listen, its health page, its slots.
   It starts nothing, but may read files;
3. only what differs from the defaults: ``check`` (before memory is freed for a load), ``classify`` (what an exit means),
   ``attach`` (a server at the variant's url), ``open`` and ``close`` (a server that runs before its model is loaded), ``sleep``
   and ``wake`` (with `Launch.sleep_levels`), ``progress``, ``turns``, ``metrics_path``, ``card_share``,
   ``describe`` (what the server reports),
   ``report_request`` (what has it report more), ``fields`` (members of requests that reach it), ``spoken`` (the dialects in which
   a request is answered best), ``adapt``, ``ensure_fits`` and ``prefers_stream`` (requests that the engine would not take as they
   are), ``pin``, ``save_slot``, ``restore_slot`` and ``keeps`` (with `Launch.slot_files`), ``think`` (how it is told whether to
   think), ``count_tokens`` (of a prompt), ``refusal`` (its words for a client's mistake).

A package registers its class as an entry point of the group ``hostd.backends``, under the same name; the class is called with
the command from ``backends.NAME.command`` if its constructor takes one. A class that extends nothing but has these methods
works, too. `tests/backends/tenth_engine.py` is a complete example, and `tests/conformance` holds an engine to its promises.
"""

# ruff: noqa: ARG002, B027 - the defaults do nothing with what an engine may need

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hostd.backends.http.client import HttpClient
from hostd.backends.thinking import ThinkingWords, usual
from hostd.dialects.base import Dialect, InferenceRequest
from hostd.dialects.openai import request_fields
from hostd.dialects.openai.dialect import PATHS
from hostd.dialects.tasks import decisions, rerank
from hostd.domain.conversation import KeptConversations
from hostd.domain.errors import EngineError, HostdError, RequestError
from hostd.domain.profile import EngineSettings, Profile, Variant
from hostd.domain.progress import EngineProgress
from hostd.domain.reason import ExitClass
from hostd.domain.secret import masked_word
from hostd.domain.thinking import ThinkingControl, ThinkingWish
from hostd.planning.warm_set.load_option import LoadOption

WITH_TASKS: Mapping[Dialect, str] = {**PATHS, **rerank.SPOKEN, **decisions.PATHS}
"""OpenAI's routes, and those for models that make no text, as llama-server and vLLM have them."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens and what it expects.

    *model* is the name that the server answers to and puts into its answers; with *strict_model* it refuses any other, so a
    request's ``model`` must be replaced. *headers* carry the server's own key, never a client's. *speaks* maps each dialect that
    the server understands to the path of its route. *local* says that requests stay on this machine. *socket* is the path of the
    unix socket that it listens on, if it does; the host in *url* then has no meaning. *keeps_connections* is False for a server
    that closes the connection after a stream without announcing it.
    """

    url: str
    model: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    strict_model: bool = False
    speaks: Mapping[Dialect, str] = field(default_factory=lambda: PATHS)
    local: bool = True
    socket: str | None = None
    keeps_connections: bool = True


@dataclass(frozen=True, slots=True)
class Attachment:
    """A server that runs already: it is used, and never ended.

    *health* is the path that answers 200 while the server is well. *slots* is how many requests may be sent at once. A *metered*
    server is paid for: it is asked for no token, and for its health only when a request has failed. One that is *ready* is not
    asked for anything before its first request.
    """

    endpoint: Endpoint
    health: str
    slots: int
    metered: bool = False
    ready: bool = False


@dataclass(frozen=True, slots=True)
class SlotFiles:
    """Where an engine keeps the content of its slots in files: in *folder*, for engines with the same *identity* alone.

    The identity tells the model's file, the engine's build, and the flags that what it computes may depend on.
    """

    folder: Path
    identity: str


@dataclass(frozen=True, slots=True)
class Launch:
    """A process to start: list argv, an environment made from nothing, and how to see that it is ready.

    *health* is the path that answers 200 once the model is loaded. *slots* is how many requests the engine decodes together.
    *expected_bytes* is about what it will have in memory when loaded (0: unknown), for progress only. *grace* is the time in
    seconds between SIGTERM and SIGKILL. *sleep_levels* are the levels of sleep that this engine offers, the lightest first.
    *exclusive_start* keeps other engines from starting meanwhile, because this one measures its devices as it starts. *secrets* are
    texts of argv and env that are shown to nobody. *devices* are variables that show it the devices of its placement: a part of
    those that the owner's own variables show, so they come after these. *slot_files* is None for an engine that keeps none.
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
    secrets: tuple[str, ...] = field(default=(), repr=False)
    devices: Mapping[str, str] = field(default_factory=dict)
    slot_files: SlotFiles | None = None

    @property
    def shown_argv(self) -> tuple[str, ...]:
        """The command line without its secrets."""
        return tuple(masked_word(word, self.secrets) for word in self.argv)


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a running server reports about itself; None where it does not.

    *context* is how many tokens one request may have, *slots* how many requests it decodes together, *models* the names that it
    answers to, *thinking* how its model is told whether to think, *late_system* whether its model's template takes system messages
    in the middle of a conversation, *messages* whether the server has a route for Anthropic's messages, too.
    """

    version: str | None = None
    context: int | None = None
    slots: int | None = None
    tools: bool | None = None
    vision: bool | None = None
    embeddings: bool | None = None
    models: tuple[str, ...] = ()
    thinking: ThinkingControl | None = None
    late_system: bool | None = None
    messages: bool | None = None


class Backend(ABC):
    """Serves the variants of one ``backend:``; what a subclass does not override does nothing."""

    name: str
    settings: EngineSettings = EngineSettings()
    """What the owner says of all engines of this backend in hostd.yaml; the registry sets it."""
    fields: Collection[str] = request_fields.COMMON
    """Members of requests that reach the server; a profile's ``allow_fields`` adds to them, all others are left out."""

    @abstractmethod
    def accepts(self, variant: Variant) -> str | None:
        """Return why this host cannot serve *variant*, as a sentence for the owner, or None when it can."""

    def check(self, profile: Profile, variant: Variant, option: LoadOption | None) -> None:
        """Return if a load may begin: the weights exist, and the engine understands its flags. Blocks.

        It runs before memory is freed for the load, so that a missing file evicts nothing.

        Raises:
            EngineError: The load would fail, with the exit class that it would fail with.
        """

    def attach(self, profile: Profile, variant: Variant) -> Attachment:
        """Return how to use the server that runs at the *variant*'s url. Blocks.

        Raises:
            EngineError: There is none, or the profile may not use it.
        """
        raise EngineError(
            f"backend '{self.name}' starts its own engine and cannot use one at a url; remove the variant's url",
            exit_class=ExitClass.BAD_FLAG,
        )

    async def open(self, http: HttpClient, endpoint: Endpoint) -> None:
        """Load the model, now that the server answers; return when it is loaded.

        Raises:
            EngineError: The server cannot load it.
        """

    async def close(self, http: HttpClient, endpoint: Endpoint) -> None:
        """Unload the model from an attached server, which runs on. Its errors are ignored."""

    def gone(self, endpoint: Endpoint) -> None:
        """Note that an attached server has gone away."""

    async def progress(self, http: HttpClient, endpoint: Endpoint) -> EngineProgress | None:
        """Return what the server reports about the requests that it works on, within about two seconds.

        None means that it did not answer, or reports nothing of the kind.
        """
        return None

    async def turns(self, http: HttpClient, endpoint: Endpoint) -> bool:
        """Return whether the server's inference loop is seen to turn; False where only a token can show it."""
        return await self.progress(http, endpoint) is not None

    def metrics_path(self, endpoint: Endpoint) -> str | None:
        """Return the path where the server shows its own metrics in Prometheus' text format; None where it shows none."""
        return None

    def report_request(self, endpoint: Endpoint) -> Mapping[str, Any]:
        """Return members that, added to a request for a stream, have the server report how much of the prompt it has read."""
        return {}

    def pin(self, endpoint: Endpoint, slot: int) -> Mapping[str, Any]:
        """Return members that, added to a request, have the engine serve it in *slot*."""
        return {}

    def keeps(self, profile: Profile, option: LoadOption | None) -> KeptConversations:
        """Return what is kept of conversations of *profile*, whose owner wants that, where `Launch.slot_files` are not used."""
        return KeptConversations(why_not=f"servers of backend '{self.name}' keep nothing")

    async def card_share(self, http: HttpClient, endpoint: Endpoint) -> float | None:
        """Return what share of its model the server has on cards, from 0 to 1; None where it does not tell."""
        return None

    async def describe(self, http: HttpClient, endpoint: Endpoint) -> ServerFacts:
        """Return what the server reports about itself, as far as it answers."""
        return ServerFacts()

    def spoken(self, endpoint: Endpoint, request: InferenceRequest, facts: ServerFacts) -> Mapping[Dialect, str]:
        """Return what the *endpoint* speaks, without dialects in which *request* would be answered worse than in another.

        *facts* is what `describe` has found out.
        """
        return endpoint.speaks

    def adapt(self, endpoint: Endpoint, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the request that this server understands instead of *body*, or None when the client's bytes will do.

        Raises:
            RequestError: The server could not answer the request in any form.
        """
        return None

    def think(
        self, endpoint: Endpoint, wish: ThinkingWish, body: Mapping[str, Any], control: ThinkingControl | None
    ) -> ThinkingWords:
        """Return *wish* as this server is told it in the request *body*; *control* is what `describe` has found out."""
        return usual(wish, body)

    async def ensure_fits(self, http: HttpClient, endpoint: Endpoint, body: Mapping[str, Any]) -> None:
        """Return if *body*, as it would be sent, fits the context of a server that would silently cut what does not.

        Raises:
            RequestError: It does not fit; code context_length_exceeded.
            ExchangeError: The server does not answer.
        """

    async def count_tokens(self, http: HttpClient, endpoint: Endpoint, body: Mapping[str, Any]) -> int | None:
        """Return how many tokens the prompt of *body* has, within a few seconds; None where the server does not count them."""
        return None

    def adds_usage(self, body: Mapping[str, Any]) -> bool:
        """Return whether `adapt` has the server end a stream with sums that the client of *body* did not ask for."""
        return False

    def judged(self, endpoint: Endpoint, error: HostdError) -> HostdError:
        """Return what the server's *error* answer means, where its status says another thing than an engine's would."""
        return error

    def refusal(self, message: str) -> RequestError | None:
        """Return the client's mistake that the server's *message* tells of, whatever its status; None where it tells of none."""
        return None

    def prefers_stream(self, endpoint: Endpoint, body: Mapping[str, Any]) -> bool:
        """Return whether *body*, which asks for a whole answer, is better sent as a request for a stream.

        It is where the server notices a disconnected client sooner while it streams, and where the chunks carry all that the
        whole answer would.
        """
        return False


class Engine(Backend):
    """A program that hostd starts as a process of its own, and ends."""

    @abstractmethod
    def launch(self, profile: Profile, variant: Variant, option: LoadOption | None, port: int, key: str) -> Launch:
        """Return how to start *variant* on loopback *port*, protected by *key* where the engine knows keys. Blocks.

        *option* says on which devices and with how many layers there; without one the engine decides.

        Raises:
            EngineError: The engine is not installed, or the variant cannot be served after all.
        """

    def launch_on_socket(
        self, profile: Profile, variant: Variant, option: LoadOption | None, socket: str, key: str
    ) -> Launch | None:
        """Return how to start *variant* on the unix socket at the path *socket*, where nothing is yet; None where it cannot be.

        A socket can be reached by nobody but this user, so an engine that knows them needs no port. Otherwise as `launch`.
        """
        return None

    async def save_slot(self, http: HttpClient, endpoint: Endpoint, slot: int, name: str) -> int:
        """Write the content of an idle *slot* to the file *name* in the folder of `SlotFiles`; return how many tokens it has.

        Raises:
            EngineError: It did not, for whatever reason.
        """
        raise EngineError("the engine keeps no slots")

    async def restore_slot(self, http: HttpClient, endpoint: Endpoint, slot: int, name: str) -> int:
        """Put the file *name* into an idle *slot*; return how many tokens it has.

        Raises:
            EngineError: It did not, and the engine is not to be trusted any more.
        """
        raise EngineError("the engine keeps no slots")

    def classify(self, status: int, tail: tuple[str, ...]) -> ExitClass:
        """Return what an exit *status* (negative: killed by that signal) and the last log lines mean."""
        return ExitClass.UNKNOWN

    def without_quotes(self) -> Callable[[str], str]:
        """Return what one process's log is to pass, line by line: it returns a line without what that quotes of a request.

        Whoever may read the log need not be who made the request. A line that is nothing but a quotation becomes empty.
        """
        return str

    async def sleep(self, http: HttpClient, endpoint: Endpoint, level: int) -> None:
        """Give memory back without ending, to one of `Launch.sleep_levels`; return when the engine says that it sleeps.

        Raises:
            EngineError: It does not.
        """
        raise EngineError(f"an engine of backend '{self.name}' cannot sleep")

    async def wake(self, http: HttpClient, endpoint: Endpoint) -> None:
        """Take the memory again; return when the engine can serve.

        Raises:
            EngineError: It does not wake.
        """
        raise EngineError(f"an engine of backend '{self.name}' cannot wake")
