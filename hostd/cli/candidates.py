"""What was named on the command line, opened and made ready to plan: each model with the ways in which it may be served."""

from dataclasses import dataclass, replace
from difflib import get_close_matches

from hostd.backends.launched import CACHE_RAM, engine_build, profile_serving
from hostd.cli.exits import Code, VerbError
from hostd.cli.learned import Learned
from hostd.domain.host import Host
from hostd.domain.profile import Profile, Settings, Variant
from hostd.domain.units import format_bytes
from hostd.library.header import Format, ModelHeader
from hostd.library.opening import open_header
from hostd.library.places import Places
from hostd.library.reference import (
    OllamaReference,
    ProfileReference,
    Reference,
    parse_reference,
    variant_reference,
)
from hostd.library.unreadable import BadReference, NotThere, Unreadable
from hostd.planning.levers import FLAGS, KEYS, Served, Words
from hostd.planning.mlx_serving import MlxServing
from hostd.planning.ollama import ollama_context, ollama_serving
from hostd.planning.placing import Way
from hostd.planning.serving import Serving
from hostd.planning.vllm_serving import VllmServing
from hostd.planning.ways import llamacpp_way, mlx_way, vllm_way

ENGINES = ("llamacpp", "ollama", "vllm", "mlx")
_GGUF_ENGINES = ("llamacpp", "ollama")
_ELSEWHERE = ("openai", "cloud")
_USUAL_CONTEXT = 4096
# The names that the other engines have for what llama.cpp calls these types.
_VLLM_TYPES = {"f16": "float16", "bf16": "bfloat16"}
_MLX_BITS = {"f16": None, "bf16": None, "q8_0": 8, "q4_0": 4}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says about serving; None where it says nothing. *context* is of all slots together."""

    context: int | None = None
    slots: int | None = None
    kv_type: str | None = None
    flash: str | None = None
    ubatch: int | None = None
    unified: bool | None = None
    backend: str | None = None

    def on(self, serving: Serving) -> Serving:
        """Return *serving* with what was said changed.

        Raises:
            VerbError: It cannot be served so (exit code 2).
        """
        given: dict[str, object] = {"context": self.context, "flash": self.flash, "unified": self.unified}
        if self.kv_type is not None:
            keys, _, values = self.kv_type.partition(",")
            given |= {"key_type": keys.strip(), "value_type": values.strip() or keys.strip()}
        if self.ubatch is not None:
            given |= {"ubatch": self.ubatch, "batch": max(self.ubatch, serving.batch)}
        said = {name: value for name, value in given.items() if value is not None}
        try:
            return replace(serving, **said)  # type: ignore[arg-type]  # each name is a field of that type
        except ValueError as error:
            raise VerbError(str(error), Code.USAGE) from error


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model and the ways to serve it, best first; none where it is served *elsewhere*, or where *trouble* says why not."""

    name: str
    ways: tuple[Way, ...] = ()
    profile: Profile | None = None
    elsewhere: str | None = None
    trouble: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens what is named, for one machine and one way of asking; *learned* is what is known of it beyond arithmetic."""

    settings: Settings
    host: Host
    wanted: Wanted
    places: Places
    learned: Learned | None = None

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
        ways, troubles = [], list[Unreadable]()
        for variant in profile.variants:
            if variant.backend in _ELSEWHERE or self.wanted.backend not in (None, variant.backend):
                continue
            try:
                ways.append(self._variant(profile, variant))
            except Unreadable as error:
                troubles.append(error)
        elsewhere = next((variant.label for variant in profile.variants if variant.backend in _ELSEWHERE), None)
        if not ways and not elsewhere and troubles:
            raise troubles[0]
        if not ways and not elsewhere:
            raise VerbError(f"profile '{profile.name}' has no variant for backend {self.wanted.backend}", Code.USAGE)
        notes = tuple(f"a variant was left out: {error.message}" for error in troubles)
        return Candidate(profile.name, tuple(ways), profile, None if ways else elsewhere, notes=notes)

    def _variant(self, profile: Profile, variant: Variant) -> Way:
        reference = variant_reference(variant)
        if reference is None or isinstance(reference, ProfileReference):
            raise BadReference(f"{variant.label} does not say where its weights are")
        header = open_header(reference, self.places)
        if self.wanted.slots is not None:
            profile = replace(profile, slots=self.wanted.slots)
        if variant.backend == "ollama":
            return self._way(
                variant.label,
                "ollama",
                header,
                self._ollama(header, profile.context, profile.slots, profile.kv_type),
                KEYS,
            )
        if variant.backend == "llamacpp":
            serving, notes = profile_serving(profile, header.path if header.format is Format.GGUF else None)
            return self._way(variant.label, "llamacpp", header, serving, KEYS, notes)
        return self._way(variant.label, variant.backend, header, self._plain(profile.slots, profile.context), KEYS)

    def _bare(self, text: str, reference: Reference) -> Way:
        if isinstance(reference, ProfileReference):
            raise BadReference(f"'{text}' is no file")
        header = open_header(reference, self.places)
        backend = self.wanted.backend or self._usual_backend(header, ollama=isinstance(reference, OllamaReference))
        if (backend in _GGUF_ENGINES) is not (header.format is Format.GGUF):
            raise VerbError(
                f"{backend} does not serve {header.format} files; leave --backend out, or name another file", Code.USAGE
            )
        slots = self.wanted.slots or 1
        notes: list[str] = []
        if backend == "ollama":
            serving = self._ollama(header, self.wanted.context and self.wanted.context // slots, slots, "f16")
            if self.wanted.context is None:
                notes.append(
                    f"Ollama picks a context of {serving.context} tokens for this machine; --ctx plans for another"
                )
        else:
            serving = self._plain(slots, None)
            if self.wanted.context in (None, 0):
                notes.append(_about_context(header))
                serving = replace(serving, context=header.shape.context or _USUAL_CONTEXT)
        return self._way(text, backend, header, serving, FLAGS, tuple(notes))

    def _way(
        self, label: str, backend: str, header: ModelHeader, serving: Serving, words: Words, notes: tuple[str, ...] = ()
    ) -> Way:
        """Return the way for an engine; *serving* has the flags as llama.cpp has them, whichever engine it is."""
        wanted = self.wanted if self.wanted.context else replace(self.wanted, context=None)
        about = (*notes, *header.notes)
        if header.adapter_bytes:
            about = (*about, f"its adapters take {format_bytes(header.adapter_bytes)} more")
        if backend in _GGUF_ENGINES:
            serving = wanted.on(serving)
            better = self.learned.about(header, serving) if self.learned and backend == "llamacpp" else None
            return llamacpp_way(label, backend, Served(header.shape, serving, header.projector, words), about, better)
        context, slots = (wanted.context or serving.context) // serving.slots, serving.slots
        kv_type = wanted.kv_type or serving.key_type
        try:
            if backend == "mlx":
                if kv_type not in _MLX_BITS:
                    raise VerbError(f"MLX keeps its KV cache as {', '.join(_MLX_BITS)}, not {kv_type!r}", Code.USAGE)
                mac = MlxServing(context=context, slots=slots, kv_bits=_MLX_BITS[kv_type])
                return mlx_way(label, header.shape, mac, about)
            flags = VllmServing(context=context, slots=slots, kv_type=_VLLM_TYPES.get(kv_type, kv_type))
            return vllm_way(label, header.shape, flags, self.host, about)
        except ValueError as error:
            raise VerbError(f"{label}: {error}", Code.USAGE) from error

    def _plain(self, slots: int, context: int | None) -> Serving:
        return Serving(
            context=(context or 0) * slots, slots=slots, unified=False, cache_ram=CACHE_RAM, build=engine_build()
        )

    def _ollama(self, header: ModelHeader, context: int | None, slots: int, kv_type: str) -> Serving:
        vram = sum(pool.total for pool in self.host.accelerators)
        per_request = context or min(ollama_context(vram), header.shape.context or _USUAL_CONTEXT)
        flash = self.wanted.flash or "auto"
        return ollama_serving(per_request, slots, kv_type=kv_type, flash=flash)

    def _usual_backend(self, header: ModelHeader, *, ollama: bool) -> str:
        if ollama:
            return "ollama"
        if header.format is Format.GGUF:
            return "llamacpp"
        unified = any(pool.id == "metal" for pool in self.host.pools)
        return "mlx" if header.format is Format.MLX or unified else "vllm"


def _about_context(header: ModelHeader) -> str:
    trained = header.shape.context
    if trained:
        return f"planned for the {trained} tokens of context that it was trained for; --ctx plans for fewer"
    return f"the header tells no context, so {_USUAL_CONTEXT} tokens are planned for; --ctx plans for others"
