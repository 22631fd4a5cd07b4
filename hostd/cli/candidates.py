"""What was named on the command line, opened and made ready to plan: each model with the ways in which it may be served."""

from dataclasses import dataclass, replace
from difflib import get_close_matches

from hostd.cli.exits import Code, VerbError
from hostd.domain.host import Host
from hostd.domain.profile import Profile, Settings, Variant
from hostd.models.errors import BadReference, NotThere, Unreachable, Unreadable
from hostd.models.header import Format, ModelHeader
from hostd.models.locations import Places
from hostd.models.open import open_header
from hostd.models.reference import OllamaReference, ProfileReference, Reference, parse_reference
from hostd.planning.footprint.levers import FLAGS
from hostd.planning.footprint.placement import Way
from hostd.sizing.calibrated import Learned
from hostd.sizing.serving_modes import ENGINES, GGUF_ENGINES, USUAL_CONTEXT, Asked, Ways, takes_memory

_SERVERS = ("openai", "cloud", *ENGINES)


@dataclass(frozen=True, slots=True)
class Wanted(Asked):
    """What the command line says about serving; None where it says nothing."""

    backend: str | None = None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A variant for which nothing is reckoned of the machine; *why* is a sentence."""

    label: str
    why: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model and the ways to serve it, best first; none where it is served *elsewhere*, or where *trouble* says why not."""

    name: str
    ways: tuple[Way, ...] = ()
    profile: Profile | None = None
    elsewhere: Elsewhere | None = None
    trouble: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens what is named, for one machine and one way of asking; *learned* is what is known of it beyond arithmetic.

    *on_processor* are the engines that compute on its processor where others of their kind need an accelerator.
    """

    settings: Settings
    host: Host
    wanted: Wanted
    places: Places
    learned: Learned | None = None
    on_processor: frozenset[str] = frozenset()

    def named(self, text: str) -> Candidate:
        """Return the model that *text* names; a profile may be named by an alias.

        Raises:
            VerbError: There is none (exit code 5), it cannot be read (1), or no engine serves it as was asked (2).
        """
        aliases = {alias: name for name, profile in self.settings.profiles.items() for alias in profile.aliases}
        try:
            reference = parse_reference(aliases.get(text, text), self.settings.profiles)
            if isinstance(reference, ProfileReference):
                return self.declared(self.settings.profiles[reference.name])
            return Candidate(text, (self._bare(text, reference),))
        except (BadReference, NotThere) as error:
            near = get_close_matches(text, self.settings.profiles, n=1)
            raise VerbError(
                f"{error.message}{f'; did you mean {near[0]!r}?' if near else ''}", Code.UNKNOWN_MODEL
            ) from error
        except Unreadable as error:
            raise VerbError(error.message) from error

    def declared(self, profile: Profile) -> Candidate:
        """Return a profile with all of its variants that can be read; raises as `named` does if none can."""
        found, troubles = list[Way | Elsewhere](), list[Unreadable]()
        for variant in profile.variants:
            if variant.backend in ENGINES and self.wanted.backend not in (None, variant.backend):
                continue
            try:
                found.append(self._variant(profile, variant))
            except Unreadable as error:
                troubles.append(error)
        ways = [each for each in found if isinstance(each, Way)]
        elsewhere = next((each for each in found if isinstance(each, Elsewhere)), None)
        if not ways and not elsewhere and troubles:
            raise troubles[0]
        if not ways and not elsewhere:
            raise VerbError(f"profile '{profile.name}' has no variant for backend {self.wanted.backend}", Code.USAGE)
        notes = tuple(f"a variant was left out: {error.message}" for error in troubles)
        return Candidate(profile.name, tuple(ways), profile, None if ways else elsewhere, notes=notes)

    def _ways(self, backend: str, places: Places) -> Ways:
        processor = backend in self.on_processor
        return Ways(
            self.host, lambda reference: open_header(reference, places), self.wanted, self.learned, processor=processor
        )

    def _variant(self, profile: Profile, variant: Variant) -> Way | Elsewhere:
        if not takes_memory(variant):
            return Elsewhere(variant.label, _nothing_to_load(variant))
        # What a server that somebody else runs takes is what its own store holds, not what a registry offers now.
        places = self.places if variant.url is None else replace(self.places, offline=True)
        try:
            return self._ways(variant.backend, places).declared(profile, variant)[1]
        except ValueError as error:
            raise VerbError(f"{variant.label}: {error}", Code.USAGE) from error
        except Unreadable as error:
            if variant.url is None or isinstance(error, BadReference):
                raise
            return Elsewhere(variant.label, _not_known(variant, error))

    def _bare(self, text: str, reference: Reference) -> Way:
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

    def _bare_way(self, text: str, backend: str, header: ModelHeader) -> Way:
        slots, ways = self.wanted.slots or 1, self._ways(backend, self.places)
        if backend == "ollama":
            serving = ways.ollama(header, self.wanted.context and self.wanted.context // slots, slots, "f16")
            picks = f"Ollama picks a context of {serving.context} tokens for this machine; --ctx plans for another"
            return ways.of_gguf(text, backend, header, serving, FLAGS, (picks,) if self.wanted.context is None else ())
        context = self.wanted.context or header.shape.context or USUAL_CONTEXT
        notes = () if self.wanted.context else (_about_context(header),)
        if backend == "llamacpp":
            serving = replace(ways.plain(slots), context=context)
            return ways.of_gguf(text, backend, header, serving, FLAGS, notes)
        return ways.of_checkpoint(
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


def _not_known(variant: Variant, error: Unreadable) -> str:
    why = "no store of models here has it" if isinstance(error, Unreachable) else error.message
    return (
        f"{variant.label} is run by somebody else at {variant.url}; what it takes of this machine is not known, for {why}, "
        "so nothing is reckoned for it"
    )


def _about_context(header: ModelHeader) -> str:
    trained = header.shape.context
    if trained:
        return f"planned for the {trained} tokens of context that it was trained for; --ctx plans for fewer"
    return f"the header tells no context, so {USUAL_CONTEXT} tokens are planned for; --ctx plans for others"
