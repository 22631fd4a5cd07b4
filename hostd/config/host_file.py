"""Sections and keys of `hostd.yaml`; defaults come from the domain's classes."""

from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field

from hostd.config import field_types
from hostd.config.budget import BudgetSection
from hostd.config.detectors import Detector
from hostd.config.machine_cost import MachineCostSection
from hostd.config.role import RoleSection
from hostd.config.section import Section, items, key, keys, long_form
from hostd.config.variants import registered
from hostd.config.yaml_positions import YamlSequence
from hostd.domain.host import Reserve as ReserveNoun
from hostd.domain.profile import CARD_WAIT, KvSettings, Settings, WarmSettings
from hostd.domain.profile import Limits as LimitsNoun
from hostd.domain.units import format_duration, format_size

_LIMITS = LimitsNoun()
_WARMTH = WarmSettings()
_RESERVE = ReserveNoun()
_SETTINGS = Settings()
_SERVER = _SETTINGS.server
_STATE = _SETTINGS.state
_KV = KvSettings()
_GUARDRAILS = _SETTINGS.guardrails


class LimitsSection(Section):
    """Limits of a profile's concurrency, queue and timeouts."""

    max_concurrent: field_types.Count = key("Requests that run at the same time.", _LIMITS.max_concurrent)
    max_queue: field_types.Whole = key("Requests that may wait; one more is refused with 429.", _LIMITS.max_queue)
    queue_timeout: field_types.Duration = key(
        "Longest wait in the queue before the fallback is tried.", format_duration(_LIMITS.queue_timeout)
    )
    first_token_timeout: field_types.Duration = key(
        "Longest wait for the first token, since the last sign of progress, before the fallback is tried.",
        format_duration(_LIMITS.first_token_timeout),
    )
    prefill_timeout: field_types.Duration | None = key(
        "Longest wait for the first token although the prompt is being read; without it, there is none while that gets on."
    )
    stall_timeout: field_types.Duration = key(
        "Longest silence inside an answer, since the last sign of progress.", format_duration(_LIMITS.stall_timeout)
    )
    total_timeout: field_types.Duration = key(
        "Longest life of a request, and of computing without any sign of progress.",
        format_duration(_LIMITS.total_timeout),
    )


class WarmSection(Section):
    """When models are loaded and unloaded; the defaults of all profiles."""

    preload: field_types.Switch = key("Load when the daemon starts.", _WARMTH.preload)
    keep_alive: field_types.Duration = key("Unload after this much idleness.", format_duration(_WARMTH.keep_alive))
    probe: field_types.Switch = key(
        "Ask a model after its first load, while no requests come, what it can really do; see `hostd probe`. Models of providers "
        "cost money, and are never asked by themselves.",
        _WARMTH.probe,
    )


class ServerSection(Section):
    """Where hostd itself listens, who may reach it by which name, and the limits of its server."""

    listen: Annotated[
        list[field_types.Address],
        Field(min_length=1),
        BeforeValidator(
            lambda value: value if isinstance(value, list) else [value], field_types.Address | list[field_types.Address]
        ),
    ] = key(
        "HOST:PORT, or unix:/PATH, or a list of these; with another host than loopback, `keys.file` has to be set. The default's "
        "second address is left out where the machine does not have it.",
        list(_SETTINGS.listen),
    )
    hosts: list[field_types.HostName] = items(
        "Further names under which a proxy or a tunnel reaches hostd; `*.NAME` stands for every name below one."
    )
    origins: list[field_types.Origin] = items(
        "Further web pages and desktop programs that may use hostd from a browser, beside pages of this machine: SCHEME://HOST, "
        "with `*.NAME` for every host below one, `:*` for every port, `SCHEME://*` for every host of a program's own scheme."
    )
    prefix: field_types.PathPrefix | None = key(
        "Path that a proxy leaves in front of every route; the routes answer without it, too."
    )
    max_body: field_types.BodySize = key(
        "Largest body of a request; larger ones are refused with 413.", format_size(_SERVER.max_body)
    )
    keep_alive: field_types.KeepAlive = key(
        "What a stream that waits is sent: a comment, an event without content (for clients that count the time between events), "
        "or nothing.",
        str(_SERVER.keep_alive),
    )
    commit_after: field_types.Period = key(
        "How long the status line of a stream is held back at most while nothing of the answer is there, so that another model may "
        "still answer, or an error have its status. After that the stream is begun with a sign of life.",
        format_duration(_SERVER.commit_after),
    )
    remote_media: field_types.Switch = key(
        "Whether requests may name pictures, sound and video by URL, which the engine then fetches from wherever that is; "
        "`data:` URLs are always taken.",
        _SERVER.remote_media,
    )
    keep_alive_every: field_types.Period = key(
        "How often a stream that waits is sent a sign of life.", format_duration(_SERVER.keep_alive_every)
    )
    watch: field_types.Switch = key(
        "Whether files that have changed are read anew by themselves, some seconds later, as `hostd reload` does it.",
        _SERVER.watch,
    )


class ReserveSection(Section):
    """Memory that hostd leaves to everything else on this machine."""

    vram: field_types.Size = key("On each graphics card.", format_size(_RESERVE.vram))
    unified: field_types.Size = key("Of memory that processor and graphics share.", format_size(_RESERVE.unified))
    ram: field_types.Size = key("Of main memory.", format_size(_RESERVE.ram))


class MemorySection(Section):
    """What hostd may use of the machine's memory."""

    reserve: ReserveSection = keys("Memory that stays free for others.")
    card_wait: field_types.Duration = key(
        "How long a start waits for graphics cards that are there and whose driver is not up yet; `0s` not at all.",
        format_duration(CARD_WAIT),
    )


class EngineSection(Section):
    """How to call an engine, and what holds for all models that it serves."""

    command: Annotated[list[field_types.Text] | None, Field(min_length=1)] = key(
        "The program and its first arguments, as a list."
    )
    env: dict[field_types.VariableName, field_types.VariableValue] = keys(
        "Variables for the engine's environment, which otherwise holds only what every engine needs."
    )
    stop_grace: field_types.Duration | None = key(
        "How long the engine may take to end after SIGTERM, before SIGKILL; without it, what the engine is known to need."
    )


class BackendsSection(Section):
    """Commands of engines that are not found on PATH, and their settings; engines of other packages have keys by their names."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, EngineSection] = Field(init=False)

    llamacpp: EngineSection | None = key("llama.cpp's server.")
    vllm: EngineSection | None = key("vLLM.")
    ollama: EngineSection | None = key("Ollama.")
    mlx: EngineSection | None = key("MLX.")

    @classmethod
    def takes(cls, word: str) -> bool:
        """Return whether *word* is the name of an engine that an installed package registers."""
        return word in registered()


class KeysSection(Section):
    """Keys of the clients that may use this host."""

    file: field_types.Text | None = key(
        "The file with the clients' keys, which `hostd keys` writes; once it is named, every client needs one, and `listen` may "
        "name addresses of the network."
    )
    loopback: field_types.Loopback = key(
        "`keys`: clients on this machine need a key, too, since tunnels, proxies and other users connect from here; `open`: they "
        "need none.",
        str(_SETTINGS.keys.loopback),
    )


class ProviderSection(Section):
    """What holds for all models of one cloud provider."""

    daily_usd: field_types.Cap | None = key(
        "What it may cost from midnight to midnight, local time, in USD; a request that might exceed that is not sent there."
    )
    budget: BudgetSection | None = key("What all requests to it may use up, beside `daily_usd`.")


class BudgetsSection(Section):
    """What may be used up, beside the budgets of keys (`hostd keys`), roles and providers."""

    host: BudgetSection | None = key("By all requests together.")
    session: BudgetSection | None = key(
        "By each session, as `x-hostd-session` or what agents send by themselves names it."
    )


class GuardrailsSection(Section):
    """When requests are taken to go round in a circle; they are then refused, or answered by their role's `safety`."""

    max_hops: field_types.Count = key(
        "How many hostd, or other gateways, one request may have come through: by `x-hostd-hop`, which hostd passes on, or by "
        "`traceparent`.",
        _GUARDRAILS.max_hops,
    )
    max_repeats: field_types.Whole = key(
        "How often a session may be answered the same last message within `repeats_within`; 0: any number of times.",
        _GUARDRAILS.max_repeats,
    )
    repeats_within: field_types.Period = key("See `max_repeats`.", format_duration(_GUARDRAILS.repeats_within))


class PrivacySection(Section):
    """What becomes of private data in requests that may leave this machine; without `scan`, it is not looked for."""

    scan: field_types.ScanAction | None = key(
        "What is done where any is found: `stay-local` leaves only the targets of this machine, `mask` puts placeholders in its "
        "place and the data back into the answer, `block` refuses the request."
    )
    kinds: dict[field_types.DataKind, field_types.ScanAction] = keys(
        "Another action for one kind: `email`, `phone`, `iban`, `card`, `national_id` (social security and tax numbers), `address` "
        "(of machines), `secret` (keys, tokens, passwords), `word`, `media` (pictures, sounds, files, which are not read: `mask` "
        "is `stay-local` for these), `person`, `location` (names) and `other` (of `detectors`); `off` does not look for it."
    )
    words: list[field_types.Text] = items(
        "Names that are private, such as those of projects and customers, in any case."
    )
    detectors: list[Detector] = items(
        "Further detectors, by their names in the entry points `hostd.detectors`: `presidio` (`pip install 'hostd[presidio]'`), "
        "or with options `{presidio: {models: {en: en_core_web_sm}, threshold: 0.5, allow: [Bash]}}`: spaCy's model for each "
        "language, the least score that counts, and what is no private data."
    )
    timeout: field_types.Duration = key(
        "Longest time of a scan; one that takes longer leaves only the targets of this machine.",
        format_duration(_SETTINGS.privacy.timeout),
    )


class StateSection(Section):
    """What hostd keeps on disk: records of requests; conversations, in plain words, only where `keep` is set.

    An address alone stands for `shared`.
    """

    keep: field_types.Duration | None = key(
        "How long a response is kept after it was last used, so that `previous_response_id` finds it; without it, none is."
    )
    max_bytes: field_types.Size = key(
        "Bytes of all responses that are kept; the oldest give way.", format_size(_STATE.max_bytes)
    )
    records_keep: field_types.Duration = key(
        "How long records of requests, loads, decisions and costs are kept: names, times and counts, no word of what was said.",
        format_duration(_STATE.records_keep),
    )
    records_max_bytes: field_types.Size = key(
        "Bytes of all records; the oldest give way, and the file shrinks.", format_size(_STATE.records_max_bytes)
    )
    shared: field_types.SharedState | None = key(
        "A Redis server through which several hostd share budgets and sessions: names of clients, roles and sessions, and sums. "
        "Without it, each counts for itself."
    )


class TracesSection(Section):
    """What traces hold; that there are any, and where they go, OpenTelemetry's own variables say (see hostd/telemetry)."""

    content: field_types.Switch = key(
        "Let traces hold what was asked and answered, if OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true says so, too. "
        "Never of requests that are private, hold private data that was found, or were not scanned where `privacy.scan` is set.",
        _SETTINGS.traces.content,
    )


class KvSection(Section):
    """What becomes of what engines have read of a conversation when its slot or its engine is needed for something else."""

    save: field_types.Switch = key(
        "Keep it, and go on from there: llama.cpp in files (0600) in the state folder, which amount to the conversations; vLLM in "
        "main memory, as far as there is some left and for models whose layers all keep every token.",
        _KV.save,
    )


class HostKvSection(KvSection):
    """The default of the profiles' `kv`, and what all of them share."""

    disk: field_types.Size = key(
        "Bytes of disk for all saved conversations; the least recently used give way.", format_size(_SETTINGS.kv_disk)
    )


class HostFile(Section):
    """The host's own file, `hostd.yaml`; every key is optional."""

    server: ServerSection = keys("Where hostd listens.")
    profiles: field_types.Text = key("Folder with one file per model, relative to this file.", "model_profiles")
    memory: MemorySection = keys("What hostd may use of the machine's memory.")
    warm: WarmSection = keys("Defaults of the profiles' `warm`.")
    limits: LimitsSection = keys("Defaults of the profiles' `limits`.")
    backends: BackendsSection = keys("How to call engines.")
    roles: dict[
        field_types.Name,
        Annotated[
            RoleSection,
            BeforeValidator(lambda value: long_form(value, "use", YamlSequence), list[field_types.Text] | RoleSection),
        ],
    ] = keys("Stable names that agents use: a list of profiles, or {use, require, thinking}.")
    providers: dict[field_types.Name, ProviderSection] = keys("Cloud providers, by the names that profiles give them.")
    budgets: BudgetsSection = keys("What may be used up.")
    guardrails: GuardrailsSection = keys("When requests go round in a circle.")
    state: Annotated[
        StateSection,
        BeforeValidator(lambda value: long_form(value, "shared", str), field_types.SharedState | StateSection),
    ] = keys("What is kept on disk, and what is shared with other hosts.")
    traces: TracesSection = keys("What is exported of requests.")
    machine: MachineCostSection = keys("What this machine costs, for `hostd cost` and `hostd report`.")
    privacy: PrivacySection = keys("What becomes of private data in requests that may leave this machine.")
    kv: HostKvSection = keys("What becomes of what engines have read of conversations.")
    keys: KeysSection = keys("Keys of the clients that may use this host.")
