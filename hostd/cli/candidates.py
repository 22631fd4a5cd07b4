"""What was named on the command line, opened and made ready to plan: each model with the ways in which it may be served."""

from dataclasses import dataclass, replace
from difflib import get_close_matches

from hostd.cli.exits import Code, VerbError
from hostd.domain.host import Host
from hostd.domain.profile import Profile, Settings, Variant
from hostd.models.errors import BadReference, HubUnreachable, ModelNotFound, ModelUnreadable
from hostd.models.header import Format, ModelHeader
from hostd.models.locations import ModelLocations
from hostd.models.open import open_header
from hostd.models.reference import OllamaReference, ProfileReference, Reference, parse_reference
from hostd.planning.footprint.levers import FLAGS
from hostd.planning.footprint.placement import ServingMode
from hostd.sizing.calibrated import CalibratedEstimator
from hostd.sizing.serving_modes import (
    ENGINES,
    GGUF_ENGINES,
    USUAL_CONTEXT,
    ServingModeFactory,
    ServingOverrides,
    takes_memory,
)

_SERVERS = ("openai", "cloud", *ENGINES)


@dataclass(frozen=True, slots=True)
class PlanOptions(ServingOverrides):
    """What the command line says about serving; None where it says nothing."""

    backend: str | None = None


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A variant for which nothing is reckoned of the machine; *why* is a sentence."""

    label: str
    why: str


@dataclass(frozen=True, slots=True)
class PlanCandidate:
    """A model and the ways to serve it, best first; none where it is served *elsewhere*, or where *trouble* says why not."""

    name: str
    ways: tuple[ServingMode, ...] = ()
    profile: Profile | None = None
    elsewhere: RemoteModel | None = None
    trouble: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CandidateResolver:
    """Opens what is named, for one machine and one way of asking; *learned* is what is known of it beyond arithmetic.

    *on_processor* are the engines that compute on its processor where others of their kind need an accelerator.
    """

    settings: Settings
    host: Host
    wanted: PlanOptions
    places: ModelLocations
    learned: CalibratedEstimator | None = None
    on_processor: frozenset[str] = frozenset()

    def named(self, text: str) -> PlanCandidate:
        """Return the model that *text* names; a profile may be named by an alias.

        Raises:
            VerbError: There is none (exit code 5), it cannot be read (1), or no engine serves it as was asked (2).
        """
        aliases = {alias: name for name, profile in self.settings.profiles.items() for alias in profile.aliases}
        try:
            reference = parse_reference(aliases.get(text, text), self.settings.profiles)
            if isinstance(reference, ProfileReference):
                return self.declared(self.settings.profiles[reference.name])
            return PlanCandidate(text, (self._bare(text, reference),))
        except (BadReference, ModelNotFound) as error:
            near = get_close_matches(text, self.settings.profiles, n=1)
            raise VerbError(
                f"{error.message}{f'; did you mean {near[0]!r}?' if near else ''}", Code.UNKNOWN_MODEL
            ) from error
        except ModelUnreadable as error:
            raise VerbError(error.message) from error

    def declared(self, profile: Profile) -> PlanCandidate:
        """Return a profile with all of its variants that can be read; raises as `named` does if none can."""
        found, troubles = list[ServingMode | RemoteModel](), list[ModelUnreadable]()
        for variant in profile.variants:
            if variant.backend in ENGINES and self.wanted.backend not in (None, variant.backend):
                continue
            try:
                found.append(self._variant(profile, variant))
            except ModelUnreadable as error:
                troubles.append(error)
        modes = [each for each in found if isinstance(each, ServingMode)]
        elsewhere = next((each for each in found if isinstance(each, RemoteModel)), None)
        if not modes and not elsewhere and troubles:
            raise troubles[0]
        if not modes and not elsewhere:
            raise VerbError(f"profile '{profile.name}' has no variant for backend {self.wanted.backend}", Code.USAGE)
        notes = tuple(f"a variant was left out: {error.message}" for error in troubles)
        return PlanCandidate(profile.name, tuple(modes), profile, None if modes else elsewhere, notes=notes)

    def _ways(self, backend: str, places: ModelLocations) -> ServingModeFactory:
        processor = backend in self.on_processor
        return ServingModeFactory(
            self.host, lambda reference: open_header(reference, places), self.wanted, self.learned, processor=processor
        )

    def _variant(self, profile: Profile, variant: Variant) -> ServingMode | RemoteModel:
        if not takes_memory(variant):
            return RemoteModel(variant.label, _nothing_to_load(variant))
        # What a server that somebody else runs takes is what its own store holds, not what a registry offers now.
        places = self.places if variant.url is None else replace(self.places, offline=True)
        try:
            return self._ways(variant.backend, places).declared(profile, variant)[1]
        except ValueError as error:
            raise VerbError(f"{variant.label}: {error}", Code.USAGE) from error
        except ModelUnreadable as error:
            if variant.url is None or isinstance(error, BadReference):
                raise
            return RemoteModel(variant.label, _not_known(variant, error))

    def _bare(self, text: str, reference: Reference) -> ServingMode:
        if isinstance(reference, ProfileReference):
            raise BadReference(f"'{text}' is no file")
        header = open_header(reference, self.places)
        backend = self.wanted.backend or self._usual_backend(header, ollama=isinstance(reference, OllamaReference))
        if (backend in GGUF_ENGINES) is not (header.format is Format.GGUF):
            raise VerbError(
                f"{backend} does not serve {header.format} files; leave --backend out, or name another file", Code.USAGE
            )
        try:
            return self._bare_way(text, backend, header)
        except ValueError as error:
            raise VerbError(f"{text}: {error}", Code.USAGE) from error

    def _bare_way(self, text: str, backend: str, header: ModelHeader) -> ServingMode:
        slots, modes = self.wanted.slots or 1, self._ways(backend, self.places)
        if backend == "ollama":
            serving = modes.ollama(header, self.wanted.context and self.wanted.context // slots, slots, "f16")
            picks = f"Ollama picks a context of {serving.context} tokens for this machine; --ctx plans for another"
            return modes.of_gguf(text, backend, header, serving, FLAGS, (picks,) if self.wanted.context is None else ())
        context = self.wanted.context or header.shape.context or USUAL_CONTEXT
        notes = () if self.wanted.context else (_about_context(header),)
        if backend == "llamacpp":
            serving = replace(modes.plain(slots), context=context)
            return modes.of_gguf(text, backend, header, serving, FLAGS, notes)
        return modes.of_checkpoint(
            text, backend, header, Profile(text, (), context=context // slots, slots=slots), notes
        )

    def _usual_backend(self, header: ModelHeader, *, ollama: bool) -> str:
        if ollama:
            return "ollama"
        if header.format is Format.GGUF:
            return "llamacpp"
        unified = any(pool.id == "metal" for pool in self.host.pools)
        return "mlx" if header.format is Format.MLX or unified else "vllm"


def _nothing_to_load(variant: Variant) -> str:
    if variant.backend in _SERVERS:
        return f"{variant.label} is run by somebody else, so there is nothing to load"
    return f"what {variant.label} takes is known to its engine alone, so nothing is reckoned for it; a load would tell"


def _not_known(variant: Variant, error: ModelUnreadable) -> str:
    why = "no store of models here has it" if isinstance(error, HubUnreachable) else error.message
    return (
        f"{variant.label} is run by somebody else at {variant.url}; what it takes of this machine is not known, for {why}, "
        "so nothing is reckoned for it"
    )


def _about_context(header: ModelHeader) -> str:
    trained = header.shape.context
    if trained:
        return f"planned for the {trained} tokens of context that it was trained for; --ctx plans for fewer"
    return f"the header tells no context, so {USUAL_CONTEXT} tokens are planned for; --ctx plans for others"
