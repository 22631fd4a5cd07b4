"""What the gateway sends requests to, and one request's hold on it.

An upstream is a supervised engine or an attached server (`hostd.supervisor.instance`); a cloud provider fits in here, too, since
nothing in this module knows of processes or memory.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping
from types import TracebackType
from typing import Self

import structlog

from hostd.backends.contract import Backend, Endpoint, ServerFacts
from hostd.backends.http.client import HttpClient
from hostd.backends.in_turn import in_turn
from hostd.backends.refusal_patterns import MALFORMED
from hostd.dialects.anthropic import thinking as anthropic_thinking
from hostd.dialects.base import Dialect, InferenceRequest
from hostd.dialects.engine_sums import read_sums
from hostd.dialects.json_text import SMALL
from hostd.dialects.openai import system_messages
from hostd.dialects.openai import thinking as openai_thinking
from hostd.dialects.openai.dialect import PATHS
from hostd.dialects.openai.request_fields import permitted, shown
from hostd.dialects.request_document import RequestDocument
from hostd.domain.answer_sums import AnswerSums
from hostd.domain.conversation import UNKNOWN
from hostd.domain.errors import HostdError, RequestError
from hostd.domain.locality import is_loopback
from hostd.domain.prices import price_of
from hostd.domain.profile import Price, Profile, Variant
from hostd.domain.progress import PromptProgress
from hostd.domain.token_estimate import most_tokens
from hostd.privacy.masking import Mask

log = structlog.get_logger()

_MOST_TOLD = 64
# To look for a member of an enumeration takes as long as a call.
_CHAT = Dialect.OPENAI_CHAT
_FREE = Price()


class Upstream(ABC):
    """Answers the requests of one profile, and counts those in flight."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.in_flight = 0
        self.leases: set[Lease] = set()
        self._told: set[str] = set()

    @property
    def name(self) -> str:
        """The profile's name."""
        return self.profile.name

    @property
    @abstractmethod
    def variant(self) -> Variant:
        """The variant that is served, was last, or would be."""

    @property
    def facts(self) -> ServerFacts:
        """What the server reported about itself; empty where it reports nothing."""
        return ServerFacts()

    @abstractmethod
    def lease(self) -> "Lease":
        """Return a hold on the upstream for one request.

        Raises:
            EngineError: It cannot serve now: its process ended between the scheduler's decision and this call.
        """

    def progress(self) -> None:  # noqa: B027 - only an upstream with a watchdog needs to know
        """Note that a request received something from the upstream just now."""

    def prompt_sent(self, lease: "Lease", tokens: int) -> None:  # noqa: B027 - as above
        """Note about how many tokens the prompt of the request that holds *lease* has."""

    def prompt_progress(self, lease: "Lease", progress: PromptProgress) -> None:  # noqa: B027 - as above
        """Note how much of the prompt of the request that holds *lease* has been read."""

    def suspect(self) -> None:  # noqa: B027 - as above
        """Note that a request ran into a time limit here."""

    def fields_left_out(self, names: Collection[str]) -> None:
        """Log which members of a request the server is not given, each once."""
        new = [name for name in names if name not in self._told][: _MOST_TOLD - len(self._told)]
        if new:
            self._told.update(new)
            log.info(
                "fields_left_out",
                model=self.name,
                fields=shown(new),
                hint="the profile's allow_fields lets fields pass",
            )

    def begun(self) -> None:  # noqa: B027 - as above
        """Note that a request is in flight where none was."""

    def done(self, lease: "Lease", *, given_up: bool) -> None:  # noqa: B027 - as above
        """Note that the request that held *lease* is over, and whether it was *given_up* before its answer was complete."""

    def rested(self) -> None:  # noqa: B027 - as above
        """Note that the last request in flight is done."""

    async def take_slot(self, lease: "Lease") -> bool:  # noqa: ARG002 - as above
        """Have the slot of *lease* hold what is known of its conversation; return whether the server must be told the slot.

        Raises:
            EngineError: The server ends, having failed to.
        """
        return False

    def answered(self, lease: "Lease", sums: AnswerSums) -> None:  # noqa: B027 - as above
        """Note that the request that holds *lease* was answered, and what that took."""

    async def sign(self, *, streamed: bool) -> float | None:  # noqa: ARG002 - only some upstreams show what they do
        """Return when the upstream last showed that it works on its requests, on the loop's clock; None where nothing shows it.

        *streamed* says that the request which asks would have shown progress itself, had there been any.
        """
        return None


class Lease:
    """Counts as in flight while it is entered. It stays with the server that it began with: a restarted one is another."""

    def __init__(
        self,
        upstream: Upstream,
        backend: Backend,
        http: HttpClient,
        endpoint: Endpoint,
        died_within: Callable[[float], Awaitable[bool]],
    ) -> None:
        """Hold *upstream*, whose *died_within* tells whether its process ends within so many seconds.

        `request_id` is the ticket of its request, once one has taken it, and `begun` says that its answer has begun to come. After
        the last lease is over that `measures`, the upstream may measure what it holds.
        `slot` is the one that was chosen for its request, which continues `conversation`; None where the server chooses.
        `thinking` holds where the request says nothing of it; `thinks_instead` is what is asked of the model where that is not what
        was wished. `mask` replaces private data in what is sent to it.
        """
        profile = upstream.profile
        self.http = http
        self.endpoint = endpoint
        self.limits = profile.limits
        self.repair = profile.repair
        self.price = price_of(profile, upstream.variant) or _FREE
        self.died_within = died_within
        self.prompt: PromptProgress | None = None
        self.request_id = ""
        self.begun = False
        self.measures = True
        self.sums: AnswerSums | None = None
        self.slot: int | None = None
        self.conversation = UNKNOWN
        self._pinned = False
        self.left_out: tuple[str, ...] = ()
        self.thinking = profile.thinking
        self.thinks_instead = ""
        self.mask: Mask | None = None
        self.passed_headers: Mapping[str, str] = {}
        self.loop_headers: Mapping[str, str] = {}
        self.progress = upstream.progress
        self.suspect = upstream.suspect
        self.sign = upstream.sign
        self._upstream = upstream
        self._backend = backend

    def __enter__(self) -> Self:
        upstream = self._upstream
        upstream.in_flight += 1
        upstream.leases.add(self)
        if upstream.in_flight == 1:
            upstream.begun()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        upstream = self._upstream
        upstream.in_flight -= 1
        upstream.leases.discard(self)
        upstream.done(self, given_up=kind is not None)
        if not upstream.in_flight and self.measures:
            upstream.rested()

    @property
    def stays_here(self) -> bool:
        """Whether the server is certainly on this machine: by what it is, and by where it listens."""
        return self.endpoint.local and is_loopback(self.endpoint.url)

    async def take_slot(self) -> None:
        """Have the request's slot hold what is known of its conversation.

        Raises:
            EngineError: The server ends, having failed to.
        """
        self._pinned = await self._upstream.take_slot(self)

    def answered(self, ends: bytes, prompt: int, answer: int, ttft: float, seconds: float) -> None:
        """Note what the answer took, of which *ends* are the first and the last bytes; the others as for `read_sums`."""
        self.sums = read_sums(ends, prompt, answer, ttft, seconds)
        self._upstream.answered(self, self.sums)

    def in_slot(self, document: RequestDocument) -> RequestDocument:
        """Return *document* as a request that the server answers in the chosen slot, where there is one."""
        if not self._pinned or self.slot is None:
            return document
        return document.replace(self._backend.pin(self.endpoint, self.slot))

    def sent(self, body: bytes) -> None:
        """Note that *body* is sent to the server now."""
        self._upstream.prompt_sent(self, most_tokens(len(body)))

    def read(self, progress: PromptProgress) -> None:
        """Note how much of the prompt has been read."""
        self.prompt = progress
        self._upstream.prompt_progress(self, progress)

    def with_reports(self, document: RequestDocument) -> RequestDocument:
        """Return the request for a stream, *document*, as one that has the server report its progress, where it can."""
        asked = self._backend.report_request(self.endpoint)
        missing = {name: value for name, value in asked.items() if not document.is_true(name)}
        return document.replace(missing) if missing else document

    def spoken(self, request: InferenceRequest) -> Mapping[Dialect, str]:
        """Return the dialects that may be spoken to the server for *request*, with their paths.

        How its model is to think by default is said in none of which the server has only a part.
        """
        spoken = self._backend.spoken(self.endpoint, request, self._upstream.facts)
        if self.thinking.wish is None or Dialect.ANTHROPIC_TEXT not in spoken:
            return spoken
        return {dialect: path for dialect, path in spoken.items() if dialect is not Dialect.ANTHROPIC_TEXT}

    async def count_tokens(self, document: RequestDocument, spoken: Dialect = Dialect.OPENAI_CHAT) -> int | None:
        """Return the tokens of the prompt of *document*, which is *spoken* to the server; None where it does not count them."""
        return await self._backend.count_tokens(self.http, self.endpoint, self._with_thinking(document, spoken))

    def prefers_stream(self, document: RequestDocument) -> bool:
        """Return whether the whole answer that *document* asks for is better assembled from a stream."""
        return not document.get("stream") and self._backend.prefers_stream(self.endpoint, document)

    def adds_usage(self, document: RequestDocument) -> bool:
        """Return whether a stream will end with sums that the client of *document* did not ask for."""
        return self._backend.adds_usage(document)

    def understood(self, error: HostdError) -> HostdError:
        """Return what the server's *error* means: some answer a client's mistake as if it were their own."""
        error = self._backend.judged(self.endpoint, error)
        found = self._backend.refusal(error.message)
        if found is None or (isinstance(error, RequestError) and found.code == MALFORMED):
            return error
        return found if isinstance(error, RequestError) or error.status >= 500 else error

    async def translate(self, document: RequestDocument, spoken: Dialect = Dialect.OPENAI_CHAT) -> RequestDocument:
        """Return the request that this server needs instead of *document*, which is *spoken* to it; often that itself.

        Of OpenAI's dialects, only the listed fields pass; `left_out` has the others.

        Raises:
            RequestError: The server cannot answer it, or it is too long for the context.
            ExchangeError: The server was asked whether it is too long, and does not answer.
        """
        document = self._with_thinking(document, spoken)
        strict = self._upstream.facts.late_system is False and spoken is _CHAT
        if strict and system_messages.may_be_late(document):
            document = await in_turn(document.size, system_messages.at_the_front, document)
        if spoken in PATHS or spoken is Dialect.RERANK:
            document, self.left_out = permitted(document, self._backend.fields, self._upstream.profile.allow_fields)
        if self.left_out:
            self._upstream.fields_left_out(self.left_out)
        # Some backends read and write all of a request.
        adapt, size = self._backend.adapt, document.size
        adapted = (
            adapt(self.endpoint, document) if size <= SMALL else await in_turn(size, adapt, self.endpoint, document)
        )
        if adapted is not None:
            document = adapted if isinstance(adapted, RequestDocument) else RequestDocument.of(adapted)
        # After `adapt`, which may have changed the token limit.
        await self._backend.ensure_fits(self.http, self.endpoint, document)
        return document

    def _with_thinking(self, document: RequestDocument, spoken: Dialect) -> RequestDocument:
        """Return *document* with what it says of thinking, or else the owner does, in this server's own words."""
        default = self.thinking.wish
        if spoken is _CHAT:
            wish = openai_thinking.wish_of(document)
        elif spoken is Dialect.ANTHROPIC_MESSAGES and default is not None:
            # A provider understands its clients' own words.
            if "thinking" in document or anthropic_thinking.wish_of(document) is not None:
                return document
            wish = None
        else:
            return document
        wish = default if wish is None else wish.over(default)
        if wish is None:
            return document
        words = self._backend.think(self.endpoint, wish, document, self._upstream.facts.thinking)
        self.thinks_instead = words.note
        return words.in_place(document)
