"""The models that a plan is made for: each name, file or reference with the variants it may be served in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

from hostd.domain.errors import Bug, EngineError, RequestError
from hostd.domain.host import Host
from hostd.domain.profile import Profile, Settings, Variant
from hostd.models.errors import BadReference, HubUnreachable, ModelNotFound, ModelUnreadable
from hostd.models.header import Format, ModelHeader, WeightFile
from hostd.models.locations import ModelLocations
from hostd.models.open import open_header
from hostd.models.reference import (
    FileReference,
    HubReference,
    OllamaReference,
    ProfileReference,
    Reference,
    parse_reference,
)
from hostd.planning.footprint.levers import FLAGS
from hostd.planning.footprint.serving_modes import ServingMode
from hostd.planning.formats.safetensors import BadModel
from hostd.planning.formats.typical_shape import typical_shape
from hostd.sizing.load_options import SizedVariant
from hostd.sizing.measurements import CalibratedEstimator
from hostd.sizing.serving_modes import (
    ENGINES,
    GGUF_ENGINES,
    USUAL_CONTEXT,
    ServingModeFactory,
    ServingOverrides,
    takes_memory,
)
from hostd.sizing.usable_cards import BackendVariables

_SIZE = "size:"
_BY_SIZE = "estimated from its size alone, with the layers that models of that size usually have"
_SERVERS = ("openai", "cloud", *ENGINES)


@dataclass(frozen=True, slots=True)
class PlanOptions(ServingOverrides):
    """What is asked about serving beyond the profiles; None where nothing is."""

    backend: str | None = None


AS_DECLARED = PlanOptions()


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A variant for which no memory of the host is counted; *why* is a sentence."""

    label: str
    why: str


@dataclass(frozen=True, slots=True)
class PlanCandidate:
    """A model and the variants it may be served in, best first; none where it is *remote*, or where *trouble* says why not.

    *unasked* are the labels of variants of which nothing is stored here, and that no hub was asked about.
    """

    name: str
    variants: tuple[SizedVariant, ...] = ()
    profile: Profile | None = None
    remote: RemoteModel | None = None
    trouble: str | None = None
    notes: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CandidateResolver:
    """Opens what is named, for one host and one set of options; *calibrated* is what is known of the host beyond arithmetic.

    *on_processor* are the engines that compute on its processor where others of their kind need an accelerator. With
    *ask_hubs* hubs are asked about every variant of which nothing is stored here. *variables* are as in `ServingModeFactory`.
    """

    settings: Settings
    host: Host
    asked: PlanOptions
    places: ModelLocations
    calibrated: CalibratedEstimator | None = None
    on_processor: frozenset[str] = frozenset()
    ask_hubs: bool = False
    variables: BackendVariables = lambda _: {}

    def named(self, text: str) -> PlanCandidate:
        """Return the model that *text* names; a profile may be named by an alias.

        Raises:
            RequestError: There is no such model (status 404), or no engine serves it as was asked (400).
            ModelUnreadable: Its header cannot be read.
        """
        aliases = {alias: name for name, profile in self.settings.profiles.items() for alias in profile.aliases}
        if text.startswith(_SIZE):
            return PlanCandidate(text, (SizedVariant(0, self._of_size(text)),))
        try:
            reference = parse_reference(aliases.get(text, text), self.settings.profiles)
            if isinstance(reference, ProfileReference):
                return self.declared(self.settings.profiles[reference.name])
            return PlanCandidate(text, (SizedVariant(0, self._bare(text, reference)),))
        except (BadReference, ModelNotFound) as error:
            near = get_close_matches(text, self.settings.profiles, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise RequestError(f"{error.message}{hint}", code="model_not_found", status=404) from error

    def declared(self, profile: Profile) -> PlanCandidate:
        """Return a profile with all of its variants that can be read; raises as `named` does if none can.

        What is stored here, or ships with hostd, is enough: hubs are asked about variants that are better than the first that is
        known, and about the others only with *ask_hubs*.
        """
        found, remote, troubles = list[SizedVariant](), list[RemoteModel](), list[ModelUnreadable]()
        unasked: list[str] = []
        places = self.places
        for number, variant in enumerate(profile.variants):
            if variant.backend in ENGINES and self.asked.backend not in (None, variant.backend):
                continue
            try:
                sized = self._stored(profile, number, variant)
                if sized is None and (places.offline or (found and not self.ask_hubs)):
                    unasked.append(variant.label)
                    continue
                sized = sized or self._variant(profile, number, variant, places)
            except HubUnreachable as error:
                # One hub that cannot be asked means that the machine is offline: no other is waited for.
                places = replace(places, offline=True)
                unasked.append(variant.label)
                troubles += [] if troubles else [error]
                continue
            except ModelUnreadable as error:
                troubles.append(error)
                continue
            if isinstance(sized, SizedVariant):
                found.append(sized)
            else:
                remote.append(sized)
        if not found and not remote and (troubles or unasked):
            raise troubles[0] if troubles else self._not_here(profile)
        if not found and not remote:
            # All variants were passed over because of --backend: the options are wrong, not the profile.
            raise _bad_request(f"profile '{profile.name}' has no variant for backend {self.asked.backend}")
        said = [error for error in troubles if not isinstance(error, HubUnreachable)]
        notes = tuple(f"a variant was left out: {error.message}" for error in said)
        return PlanCandidate(
            profile.name, tuple(found), profile, None if found else remote[0], notes=notes, unasked=tuple(unasked)
        )

    @property
    def _as_stored(self) -> ModelLocations:
        return self.places if self.places.offline else replace(self.places, offline=True, stored_first=True)

    def _not_here(self, profile: Profile) -> ModelUnreadable:
        """Return why nothing is known of a profile offline, as its first variant says it."""
        for number, variant in enumerate(profile.variants):
            try:
                self._variant(profile, number, variant, self.places)
            except ModelUnreadable as error:
                return error
        raise Bug(f"a variant of '{profile.name}' was not known, and now is")

    def _stored(self, profile: Profile, number: int, variant: Variant) -> SizedVariant | RemoteModel | None:
        """Return what is known of a variant without asking a hub; None where nothing is."""
        try:
            return self._variant(profile, number, variant, self._as_stored)
        except HubUnreachable:
            return None
        except ModelNotFound:
            if variant.path is not None:
                raise
            return None  # Ollama's stores do not have it; its registry may

    def _variant(
        self, profile: Profile, number: int, variant: Variant, places: ModelLocations
    ) -> SizedVariant | RemoteModel:
        if not takes_memory(variant):
            return RemoteModel(variant.label, _nothing_to_load(variant))
        # A server that another program runs holds what its own store has, not what a registry offers now.
        places = places if variant.url is None else replace(places, offline=True)
        try:
            return SizedVariant.of(self._modes(variant.backend, places), profile, number)
        except ValueError as error:
            raise _bad_request(f"{variant.label}: {error}") from error
        except ModelUnreadable as error:
            # A server that runs already can answer without its header being known here.
            if variant.url is None or isinstance(error, BadReference):
                raise
            return RemoteModel(variant.label, _not_known(variant, error))

    def _header(self, reference: FileReference | HubReference | OllamaReference) -> ModelHeader:
        """Return a header as it is stored, else from its hub."""
        try:
            return open_header(reference, self._as_stored)
        except (HubUnreachable, ModelNotFound):
            if self.places.offline:
                raise
        return open_header(reference, self.places)

    def _modes(self, backend: str, places: ModelLocations) -> ServingModeFactory:
        return ServingModeFactory(
            self.host,
            lambda reference: open_header(reference, places),
            self.asked,
            self.calibrated,
            self.variables,
            self._header,
            processor=backend in self.on_processor,
        )

    def _bare(self, text: str, reference: Reference) -> ServingMode:
        if isinstance(reference, ProfileReference):
            raise BadReference(f"'{text}' is no file")
        header = self._header(reference)
        # A file does not say which engine will serve it; its format, or the store it is from, does.
        backend = self.asked.backend or self._usual_backend(header, ollama=isinstance(reference, OllamaReference))
        if (backend in GGUF_ENGINES) is not (header.format is Format.GGUF):
            raise _bad_request(
                f"{backend} does not serve {header.format} files; leave --backend out, or name another file"
            )
        try:
            return self._bare_mode(text, backend, header)
        except ValueError as error:
            raise _bad_request(f"{text}: {error}") from error

    def _of_size(self, text: str) -> ServingMode:
        try:
            shape = typical_shape(text.removeprefix(_SIZE))
        except BadModel as error:
            raise _bad_request(error.message) from error
        files = (WeightFile(text, shape.file_bytes),)
        header = ModelHeader(text, Format.GGUF, shape, "its size", files, notes=(_BY_SIZE,))
        try:
            return self._bare_mode(text, self.asked.backend or "llamacpp", header)
        except ValueError as error:
            raise _bad_request(f"{text}: {error}") from error

    def _bare_mode(self, text: str, backend: str, header: ModelHeader) -> ServingMode:
        slots, modes = self.asked.slots or 1, self._modes(backend, self.places)
        if backend == "ollama":
            serving = modes.ollama(header, self.asked.context and self.asked.context // slots, slots, "f16")
            picks = f"Ollama picks a context of {serving.context} tokens for this machine; --ctx plans for another"
            notes = (picks,) if self.asked.context is None else ()
            return modes.of_gguf(text, backend, header, serving, FLAGS, notes)
        # llama-server gives a model its whole trained context by default, so a plan without --ctx counts that.
        context = self.asked.context or header.shape.context or USUAL_CONTEXT
        notes = () if self.asked.context else (_about_context(header),)
        if backend == "llamacpp":
            return modes.of_gguf(text, backend, header, replace(modes.plain(slots), context=context), FLAGS, notes)
        profile = Profile(text, (), context=context // slots, slots=slots)
        return modes.of_checkpoint(text, backend, header, profile, notes)

    def _usual_backend(self, header: ModelHeader, *, ollama: bool) -> str:
        if ollama:
            return "ollama"
        if header.format is Format.GGUF:
            return "llamacpp"
        unified = any(pool.id == "metal" for pool in self.host.pools)
        return "mlx" if header.format is Format.MLX or unified else "vllm"


def _bad_request(why: str) -> RequestError:
    return RequestError(why, code="bad_request")


def _nothing_to_load(variant: Variant) -> str:
    if variant.backend == "cloud":
        return f"{variant.label} runs on its provider's machines, so it takes nothing of this one"
    if variant.backend in _SERVERS:
        return f"{variant.label} is run by another program, so there is nothing to load"
    return f"what {variant.label} takes is known to its engine alone, so nothing is counted for it; a load would tell"


def _not_known(variant: Variant, error: ModelUnreadable) -> str:
    why = "no store of models here has it" if isinstance(error, HubUnreachable) else error.message
    return (
        f"{variant.label} is run by another program at {variant.url}; what it takes of this machine is not known, for {why}, "
        "so nothing is counted for it"
    )


def _about_context(header: ModelHeader) -> str:
    trained = header.shape.context
    if trained:
        return f"planned for the {trained} tokens of context that it was trained for; --ctx plans for fewer"
    return f"the header tells no context, so {USUAL_CONTEXT} tokens are planned for; --ctx plans for others"


def on_processor(host: Host, commands: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """Return those of vLLM and MLX that are installed here as builds for the processor, where *host* has no accelerator.

    *commands* holds a command for those that the owner configured.
    """
    return frozenset() if host.accelerators else frozenset(_processor_builds(commands))


def _processor_builds(commands: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    from hostd.backends.mlx import command_line as mlx  # noqa: PLC0415 - as the next
    from hostd.backends.vllm import engine as vllm  # noqa: PLC0415 - costs 0.3 s, which plans for machines with cards do without
    from hostd.backends.vllm.build import build_of  # noqa: PLC0415 - the same

    try:
        build = build_of(vllm.locate(commands.get("vllm", ()))[0])
        # A build that tells no version may be one for the processor: refusing it would hide a working engine.
        if build.on_processor or build.version is None:
            yield "vllm"
    except EngineError:
        pass
    try:
        mlx.python_of(commands.get("mlx", ()))
        yield "mlx"
    except EngineError:
        pass
