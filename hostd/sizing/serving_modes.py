"""From a model's header to the modes it can be served in: where engines, flags and footprints meet.

Plans and the daemon's load options are both computed from these modes, so both count the same bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from hostd.backends.llamacpp.serving_config import engine_build, profile_serving
from hostd.backends.visible_cards import VisibleCards, visible_cards
from hostd.domain.host import Host
from hostd.domain.locality import is_loopback
from hostd.domain.profile import Profile, Variant
from hostd.domain.units import format_bytes
from hostd.models.errors import BadReference
from hostd.models.header import Format, ModelHeader
from hostd.models.reference import FileReference, HubReference, OllamaReference, ProfileReference, variant_reference
from hostd.planning.footprint.levers import KEYS, FlagNames, LlamaCppServing
from hostd.planning.footprint.llamacpp_serving import Serving
from hostd.planning.footprint.ollama_serving import SERVED_ALONE, ollama_batch, ollama_context, ollama_serving
from hostd.planning.footprint.serving_modes import ServingMode, llamacpp_mode
from hostd.planning.formats.not_a_model import PROJECTOR
from hostd.sizing.companion_files import Companions
from hostd.sizing.drafting import with_drafting
from hostd.sizing.measurements import CalibratedEstimator
from hostd.sizing.usable_cards import BackendVariables, on_cards, with_flags
from hostd.sizing.variants import with_draft_file

ENGINES = ("llamacpp", "ollama", "vllm", "mlx")
"""The backends whose memory can be computed."""
GGUF_ENGINES = ("llamacpp", "ollama")
USUAL_CONTEXT = 4096
"""Tokens of context where neither the owner nor the header gives any."""

_HERE = "http://localhost"

_FLASH = {"on": "on", "True": "on", "off": "off", "False": "off"}
"""Flash attention as a profile's ``args`` say it."""
OpenReference = Callable[[FileReference | HubReference | OllamaReference], ModelHeader]


def takes_memory(variant: Variant) -> bool:
    """Return whether the memory *variant* takes of this host can be computed: not on another host, nor of an unknown engine."""
    return variant.backend in ENGINES and is_loopback(variant.url or _HERE)


@dataclass(frozen=True, slots=True)
class ServingOverrides:
    """Serving flags that override the profile's; None where nothing is overridden. *context* is of all slots together."""

    context: int | None = None
    slots: int | None = None
    kv_type: str | None = None
    flash: str | None = None
    ubatch: int | None = None
    unified: bool | None = None

    def on(self, serving: Serving) -> Serving:
        """Return *serving* with these overrides.

        Raises:
            ValueError: It cannot be served so.
        """
        given: dict[str, object] = {"context": self.context, "flash": self.flash, "unified": self.unified}
        if self.kv_type is not None:
            keys, _, values = self.kv_type.partition(",")
            given |= {"key_type": keys.strip(), "value_type": values.strip() or keys.strip()}
        if self.ubatch is not None:
            # llama-server lowers a micro-batch that is larger than the batch, so the batch grows with it.
            given |= {"ubatch": self.ubatch, "batch": max(self.ubatch, serving.batch)}
        said = {name: value for name, value in given.items() if value is not None}
        return replace(serving, **said)  # type: ignore[arg-type]  # each name is a field of that type


@dataclass(frozen=True, slots=True)
class ServingModeFactory:
    """Makes serving modes for one *host*; *open_header* reads headers, and *calibrated* corrects arithmetic by measurements.

    *variables* returns the drivers' variables that the engines of a backend get. *open_beside* reads headers of files beside a
    model (None: *open_header* does). *processor* says that vLLM and MLX, where they are asked about and the host has no
    accelerator, compute on its processor: there are builds of them that do, of use for trying things out.
    """

    host: Host
    open_header: OpenReference
    asked: ServingOverrides = ServingOverrides()
    calibrated: CalibratedEstimator | None = None
    variables: BackendVariables = lambda _: {}
    open_beside: OpenReference | None = None
    processor: bool = False

    def declared(self, profile: Profile, variant: Variant) -> tuple[ModelHeader, ServingMode]:
        """Return the header of a declared variant, and the mode it is served in.

        Raises:
            Unreadable: Its header cannot be had.
            ConfigError: A flag in the profile's ``args`` makes no sense.
            ValueError: It cannot be served as was asked.
        """
        reference = variant_reference(variant)
        if reference is None or isinstance(reference, ProfileReference):
            raise BadReference(f"{variant.label} does not say where its weights are")
        header = self.open_header(reference)
        if self.asked.slots is not None:
            profile = replace(profile, slots=self.asked.slots)
        env = {} if variant.url is not None else {**self.variables(variant.backend), **profile.env}
        own = replace(self, variables=lambda _: env)
        return header, own._declared(header, profile, variant)  # noqa: SLF001 - it is of this class

    def _declared(self, header: ModelHeader, profile: Profile, variant: Variant) -> ServingMode:
        if variant.backend == "ollama":
            ours = variant.url is None
            embeds = profile.capabilities.embeddings
            flash = _FLASH.get(str(profile.args.get("flash-attn"))) if ours else None
            making = replace(self, asked=replace(self.asked, flash=self.asked.flash or flash))
            serving = making.ollama(
                header, profile.context, profile.slots, profile.kv_type, bounded=ours, embeds=embeds
            )
            beside = Companions(serving, header.projector)
        elif variant.backend == "llamacpp":
            path = header.path if header.format is Format.GGUF else None
            profile = with_draft_file(profile)
            beside = with_drafting(
                profile, header, profile_serving(profile, path), self.open_beside or self.open_header
            )
        else:
            return self.of_checkpoint(variant.label, variant.backend, header, profile)
        return self._of_llamacpp(variant.label, variant.backend, header, beside, KEYS)

    def of_gguf(
        self,
        label: str,
        backend: str,
        header: ModelHeader,
        serving: Serving,
        words: FlagNames,
        notes: tuple[str, ...] = (),
    ) -> ServingMode:
        """Return the mode of llama.cpp, or of Ollama, which runs it; *words* name changes, *notes* are added to others.

        Raises:
            ValueError: It cannot be served as was asked.
        """
        return self._of_llamacpp(label, backend, header, Companions(serving, header.projector), words, notes)

    def _of_llamacpp(
        self,
        label: str,
        backend: str,
        header: ModelHeader,
        beside: Companions,
        words: FlagNames,
        notes: tuple[str, ...] = (),
    ) -> ServingMode:
        if not header.shape.layers:
            raise ValueError(f"this is {PROJECTOR}")
        asked = self.asked if self.asked.context else replace(self.asked, context=None)
        seen = self.seen(backend)
        seen, serving, cards = with_flags(seen, asked.on(beside.serving), self.host)
        beside = replace(beside, serving=serving)
        if serving.flash == "off" and serving.values.quantised:
            raise ValueError(
                f"llama.cpp keeps values as {serving.value_type} with flash attention alone, which is off; turn it on, or keep "
                "values as f16"
            )
        ours = self.calibrated and backend == "llamacpp"
        better = self.calibrated.about(header, beside.serving) if self.calibrated and ours else None
        served = LlamaCppServing(header.shape, beside.serving, beside.projector, words, beside.draft)
        mode = llamacpp_mode(label, backend, served, _about(header, (*notes, *beside.notes)), better, self.host)
        return on_cards(replace(mode, cards=cards), seen, self.host)

    def of_checkpoint(
        self, label: str, backend: str, header: ModelHeader, profile: Profile, notes: tuple[str, ...] = ()
    ) -> ServingMode:
        """Return the mode of vLLM or MLX, with the flags that *profile* gives it.

        Raises:
            ValueError: It cannot be served as was asked.
        """
        # Plans for files of llama.cpp, and from shipped numbers, do without these engines' arithmetic.
        from hostd.sizing.checkpoint_modes import checkpoint_mode  # noqa: PLC0415 - as above

        if self.asked.context:
            profile = replace(profile, context=self.asked.context // profile.slots)
        return checkpoint_mode(self, label, backend, header, profile, _about(header, notes))

    def seen(self, backend: str) -> VisibleCards:
        """Return the cards of the host that engines of *backend* see."""
        return visible_cards(self.host, self.variables(backend))

    def plain(self, slots: int) -> Serving:
        """Return how hostd serves a model without a profile with llama.cpp."""
        return Serving(slots=slots, unified=False, cache_ram=None, checkpoints=None, build=engine_build())

    def ollama(
        self,
        header: ModelHeader,
        context: int | None,
        slots: int,
        kv_type: str,
        *,
        bounded: bool = True,
        embeds: bool = False,
    ) -> Serving:
        """Return how Ollama would serve a model with *context* tokens per request (None: as it picks for this host).

        *bounded* says that hostd would start it, and bound what it keeps of past prompts; *embeds* that it does nothing else.
        """
        seen = self.seen("ollama").pools
        cards = [pool for pool in self.host.accelerators if seen is None or pool.id in seen]
        vram = sum(pool.total for pool in cards)
        # Ollama gives no request more than the model was trained for, whatever it is told.
        per_request = min(context or ollama_context(vram), header.shape.context or context or USUAL_CONTEXT)
        flash = self.asked.flash or "auto"
        slots = 1 if embeds or header.shape.architecture in SERVED_ALONE else slots
        cuda = any(pool.id.startswith("cuda") for pool in cards)
        batch = ollama_batch(per_request * slots, flash=flash, cuda=cuda, embeds=embeds)
        return ollama_serving(per_request, slots, batch=batch, kv_type=kv_type, flash=flash, bounded=bounded)


def _about(header: ModelHeader, notes: tuple[str, ...]) -> tuple[str, ...]:
    adapters = f"its adapters take {format_bytes(header.adapter_bytes)} more"
    return (*notes, *header.notes, *((adapters,) if header.adapter_bytes else ()))
