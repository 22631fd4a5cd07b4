"""What the owner declares: models, the ways to serve each, its limits, and where its requests may go instead."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from hostd.domain.budget import Budget
from hostd.domain.cascade import CascadeSettings
from hostd.domain.context_fit import FitSettings
from hostd.domain.host import Reserve
from hostd.domain.machine_costs import MachineSettings
from hostd.domain.model_choice import Stages, Suffices
from hostd.domain.principal import Privacy
from hostd.domain.private_data import PrivacySettings
from hostd.domain.reason import USUAL_REASONS, FallbackReason
from hostd.domain.routing_rules import RouteRule
from hostd.domain.schedule import ActiveWindow
from hostd.domain.server_settings import (
    GuardrailSettings,
    KeySettings,
    ServerSettings,
    StateSettings,
    TraceContentSettings,
)
from hostd.domain.thinking import ThinkingDefault
from hostd.domain.ticket import Priority, Task

Flag = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to serve a profile: an engine and where its weights come from."""

    backend: str
    path: str | None = None
    hf: str | None = None
    file: str | None = None
    tag: str | None = None
    url: str | None = None
    provider: str | None = None
    model: str | None = None
    api_key: str | None = field(default=None, repr=False)
    key_file: str | None = None
    tensor_parallel: int | str | None = None

    @property
    def label(self) -> str:
        """A short name for tables: the engine and the last part of where the weights are, or else the server's address."""
        source = self.path or self.file or self.hf or self.tag or self.model
        if source is None:
            return f"{self.backend}:{(self.url or '').partition('://')[2].partition('/')[0]}"
        return f"{self.backend}:{source.rstrip('/').rsplit('/', 1)[-1]}"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a profile takes on at once and how long anything may last (seconds).

    *prefill_timeout* ends an attempt without a token although its prompt is being read; None where that may take its time.
    """

    max_concurrent: int = 2
    max_queue: int = 64
    queue_timeout: float = 30.0
    first_token_timeout: float = 30.0
    stall_timeout: float = 45.0
    total_timeout: float = 600.0
    prefill_timeout: float | None = None


@dataclass(frozen=True, slots=True)
class WarmSettings:
    """How much the owner wants a profile to stay loaded; *keep_alive* in seconds of idleness.

    With *probe* it is asked after its first load what it can really do.
    """

    preload: bool = True
    pinned: bool = False
    priority: int = 50
    keep_alive: float = 1800.0
    probe: bool = True
    windows: tuple[ActiveWindow, ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a profile can do as the owner declares it; ``None`` means not said.

    What is not said is what a probe finds (`hostd.domain.capability`), and until then gets the benefit of the doubt.

    *rerank* says that it scores texts by a query, *decisions* that it answers typed questions with probabilities.
    *embedding_space* names the space of its vectors: those of two profiles can be compared only where both name the same.
    """

    tools: bool | None = None
    vision: bool | None = None
    thinking: str | None = None
    embeddings: bool = False
    json_schema: bool | None = None
    embedding_space: str | None = None
    rerank: bool = False
    decisions: bool = False

    @classmethod
    def of(cls, task: Task) -> "Capabilities":
        """Return the capabilities of a model that is declared to be for *task*, and for nothing else that is known."""
        return cls(embeddings=task is Task.EMBEDDINGS, rerank=task is Task.RERANK, decisions=task is Task.DECISIONS)

    @property
    def task(self) -> Task:
        """What the model is for."""
        if self.embeddings:
            return Task.EMBEDDINGS
        if self.rerank:
            return Task.RERANK
        return Task.DECISIONS if self.decisions else Task.TEXT


@dataclass(frozen=True, slots=True)
class FallbackRule:
    """A profile that may answer instead, and for which reasons."""

    to: str
    on: frozenset[FallbackReason] = USUAL_REASONS


class Repair(StrEnum):
    """What of a streamed answer is held back until it is known to be sound, so that it can be asked for once more."""

    OFF = "off"
    TOOL_CALLS = "tool_calls"


@dataclass(frozen=True, slots=True)
class KvSettings:
    """What becomes of what an engine has read of conversations: with *save*, files keep it when their slot or engine is needed."""

    save: bool = False


@dataclass(frozen=True, slots=True)
class Price:
    """What tokens cost, in USD per million."""

    input: float = 0.0
    output: float = 0.0

    def of(self, prompt_tokens: int, output_tokens: int) -> float | None:
        """Return what an answer costs, in USD; None where there is no price, or the tokens that have one were not counted."""
        if not (self.input or self.output) or (self.input and not prompt_tokens):
            return None
        return self.usd(prompt_tokens, output_tokens)

    def usd(self, prompt_tokens: int, output_tokens: int) -> float:
        """Return what so many tokens cost, in USD."""
        return (self.input * prompt_tokens + self.output * output_tokens) / 1_000_000


HOSTS_OWN = ("aliases", "allow_fields", "warm", "limits", "fallback", "thinking", "repair", "price")
"""Fields of a profile that its engine does not see; the others take another engine to change."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One model as its owner declares it; *variants* are best first.

    *draft* says what drafts tokens for llama.cpp to verify: ``auto`` (the model's own drafting layers), ``off``, or a small model,
    by its path or as ``hf:REPO[/FILE]``. *env* are variables for its engine; *stop_grace* is the time in seconds that it may take
    to end after SIGTERM. *thinking* holds where a request says nothing of it. *price* is the owner's own, None where none is
    written. *allow_fields* are members of requests that reach its engine beside those that its backend lets pass.
    """

    name: str
    variants: tuple[Variant, ...]
    aliases: tuple[str, ...] = ()
    context: int | None = None
    slots: int = 1
    kv_type: str = "f16"
    draft: str = "auto"
    args: Mapping[str, Flag] = field(default_factory=lambda: MappingProxyType({}))
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    stop_grace: float | None = None
    allow_fields: tuple[str, ...] = ()
    warm: WarmSettings = WarmSettings()
    limits: Limits = Limits()
    fallback: tuple[FallbackRule, ...] = ()
    capabilities: Capabilities = Capabilities()
    thinking: ThinkingDefault = ThinkingDefault.AUTO
    privacy: Privacy = Privacy.ANY
    repair: Repair = Repair.OFF
    price: Price | None = None
    kv: KvSettings = KvSettings()

    def with_engine_of(self, other: "Profile") -> "Profile":
        """Return this profile as far as an engine does not see it, with what the engine of *other* was launched with.

        Limits, warmth, names, fallbacks, thinking, repair, prices and fields of requests are hostd's own; the rest takes another
        engine to change.
        """
        return replace(other, **{name: getattr(self, name) for name in HOSTS_OWN})


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What the owner says of all engines of one backend; a profile's own *env* and *stop_grace* come before it."""

    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    stop_grace: float | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """A stable name that agents use; resolves to *use*, in order, among those that have what *require* names.

    *thinking* comes before that of the profiles, where it is set. Its requests are of the class *priority*, or of a lower one. The
    first rule of *route* whose condition holds says who of *use* comes first. *budget* is what its requests may use up. The profile
    *safety* answers those that go round in a circle. Where no rule holds, and *suffices* says for what some of *use* are
    enough, the least of those that are enough for a request comes first; with *stages* not off, its steps may move up. Of several
    that are enough the one with the best price comes first, at *minute_usd* for each minute of waiting. With a *cascade*, the
    cheapest answers first, and others where a check fails. *context* says what becomes of a request that is too long for all.
    """

    name: str
    use: tuple[str, ...]
    require: tuple[str, ...] = ()
    thinking: ThinkingDefault | None = None
    priority: Priority | None = None
    route: tuple[RouteRule, ...] = ()
    budget: Budget | None = None
    safety: str | None = None
    suffices: Suffices = field(default_factory=lambda: MappingProxyType({}))
    stages: Stages | None = None
    cascade: CascadeSettings | None = None
    minute_usd: float | None = None
    context: FitSettings | None = None


LISTEN = ("127.0.0.1:11435", "[::1]:11435")
"""Both addresses of this machine's loopback: many clients take ``localhost`` for the second one, which not every machine has."""


CARD_WAIT = 30.0


@dataclass(frozen=True, slots=True)
class HostBudgets:
    """What the *host* as a whole, each *session* and each of the *providers* may use up; None where there is no limit."""

    host: Budget | None = None
    session: Budget | None = None
    providers: Mapping[str, Budget] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the owner's files say, checked and complete; *source* and *folder* are where from.

    With *listen_by_option* the addresses are the command line's, whatever files say later, as *keep_engines* is, with which engines
    outlive the daemon. *commands* holds a command for the
    backends that have one configured, *engines* what is said of them beside it. *budgets* are what may be used up, beside those of
    roles and keys. *kv_disk* is how many bytes of disk saved conversations may take. *card_wait* is for how many seconds a boot
    waits for cards whose driver is not up yet. *notes* are what the owner should know of; they are shown.
    """

    source: str | None = None
    folder: str | None = None
    listen: tuple[str, ...] = LISTEN
    listen_by_option: bool = False
    keep_engines: bool = False
    server: ServerSettings = field(default_factory=ServerSettings)
    state: StateSettings = field(default_factory=StateSettings)
    keys: KeySettings = field(default_factory=KeySettings)
    privacy: PrivacySettings = field(default_factory=PrivacySettings)
    profiles: Mapping[str, Profile] = field(default_factory=lambda: MappingProxyType({}))
    roles: Mapping[str, Role] = field(default_factory=lambda: MappingProxyType({}))
    commands: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    engines: Mapping[str, EngineSettings] = field(default_factory=lambda: MappingProxyType({}))
    budgets: HostBudgets = field(default_factory=HostBudgets)
    guardrails: GuardrailSettings = field(default_factory=GuardrailSettings)
    machine: MachineSettings = field(default_factory=MachineSettings)
    traces: TraceContentSettings = field(default_factory=TraceContentSettings)
    reserve: Reserve = field(default_factory=Reserve)
    kv_disk: int = 10 * 1024**3
    card_wait: float = CARD_WAIT
    notes: tuple[str, ...] = ()
