"""What to pull: from names on the command line to references on a hub."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from hostd.cli.exits import Code, VerbError
from hostd.domain.profile import Profile, Settings, Variant
from hostd.models.errors import BadReference
from hostd.models.reference import (
    FileReference,
    HubReference,
    OllamaReference,
    ProfileReference,
    Reference,
    parse_reference,
    variant_reference,
)
from hostd.sizing.variants import draft_reference


class NothingToPull(VerbError):
    """A profile has no weights on a hub."""


@dataclass(frozen=True, slots=True)
class PullTarget:
    """One model to pull: *asked* is the name it was asked by, *projector* whether its vision or audio tower is wanted."""

    asked: str
    reference: HubReference | OllamaReference
    projector: bool | None = None


@dataclass(frozen=True, slots=True)
class PullTargets:
    """Resolves names to what to pull. *number* and *every* select variants of a profile, None and False: the best one.

    *served* are the backends of this host. *best* returns the label of the variant that a plan would load, None if unknown.
    """

    settings: Settings
    served: frozenset[str]
    best: Callable[[str], str | None]
    number: int | None = None
    every: bool = False
    projector: bool | None = None

    def names(self, models: Sequence[str]) -> list[str]:
        """Return *models* without repetitions, all declared profiles when there are none.

        Raises:
            VerbError: Nothing is declared either (exit code 2).
        """
        if not models and not self.settings.profiles:
            raise VerbError("name what to pull: hf:REPO[/FILE], ollama:TAG, or a profile's name", Code.USAGE)
        return list(dict.fromkeys(models or self.settings.profiles))

    def of(self, text: str) -> list[PullTarget]:
        """Return what to pull for *text*; nothing for a profile whose best variant is a file on this host.

        Raises:
            NothingToPull: It is a profile whose variants are all files here, or other programs' servers (exit code 2).
            VerbError: It names no model (exit code 5), or nothing that could be pulled (2).
        """
        reference = self._parsed(text)
        if isinstance(reference, FileReference):
            raise VerbError(f"'{text}' is a file or a folder of this machine: there is nothing to pull", Code.USAGE)
        if isinstance(reference, ProfileReference):
            return self._declared(self.settings.profiles[reference.name])
        self._no_variants(text)
        return [PullTarget(text, reference, self.projector)]

    @staticmethod
    def _drafts(profile: Profile, variants: Sequence[Variant]) -> list[PullTarget]:
        """Return the small model that drafts for *profile*, where llama.cpp serves one of the *variants* and a hub has it."""
        small = draft_reference(profile)
        drafted = small is not None and any(variant.backend == "llamacpp" for variant in variants)
        return [PullTarget(profile.name, small, projector=False)] if small and drafted else []

    def references(self, text: str) -> list[FileReference | HubReference | OllamaReference]:
        """Return where the weights of *text* may be on this machine: of a profile, those of all its variants, or of one by number.

        Raises:
            VerbError: It names no model (exit code 5), or the profile has no such variant (2).
        """
        reference = self._parsed(text)
        if not isinstance(reference, ProfileReference):
            self._no_variants(text)
            return [reference]
        profile = self.settings.profiles[reference.name]
        variants = profile.variants if self.number is None else self._numbered(profile, self.number)
        found = (_reference(profile, variant) for variant in variants if not variant.url)
        known = [each for each in found if isinstance(each, FileReference | HubReference | OllamaReference)]
        return [*known, *(draft.reference for draft in self._drafts(profile, variants))]

    def _parsed(self, text: str) -> Reference:
        aliases = {alias: name for name, profile in self.settings.profiles.items() for alias in profile.aliases}
        try:
            return parse_reference(aliases.get(text, text), self.settings.profiles)
        except BadReference as error:
            near = get_close_matches(text, self.settings.profiles, n=1)
            raise VerbError(
                f"{error.message}{f'; did you mean {near[0]!r}?' if near else ''}", Code.UNKNOWN_MODEL
            ) from error

    def _no_variants(self, text: str) -> None:
        if self.number is not None or self.every:
            raise VerbError(f"--variant and --all are for profiles, and '{text}' is none", Code.USAGE)

    def others(self, target: PullTarget) -> Iterator[tuple[int, PullTarget]]:
        """Yield the profile's other variants that could be pulled instead of *target*, with their numbers.

        Raises:
            VerbError: One of them cannot be.
        """
        profile = self.settings.profiles.get(target.asked)
        for number, variant in enumerate(profile.variants, 1) if profile else ():
            if profile and _is_on_hub(variant):
                other = self._target(profile, variant)
                if other.reference != target.reference:
                    yield number, other

    def _declared(self, profile: Profile) -> list[PullTarget]:
        drafts = self._drafts(profile, profile.variants)
        try:
            variants = self._variants(profile)
        except NothingToPull:
            if not drafts:
                raise
            variants = []
        return [*(self._target(profile, variant) for variant in variants), *drafts]

    def _variants(self, profile: Profile) -> list[Variant]:
        if self.number is not None:
            return self._numbered(profile, self.number)
        on_hub = [variant for variant in profile.variants if _is_on_hub(variant)]
        if not on_hub:
            raise NothingToPull(
                f"profile '{profile.name}' names no weights on a hub, only files of this machine or servers that other programs "
                "run, so there is nothing to pull",
                Code.USAGE,
            )
        if self.every:
            return on_hub
        label = self.best(profile.name) if len(profile.variants) > 1 else None
        best = next((variant for variant in profile.variants if variant.label == label), None)
        if best and best.path and Path(best.path).expanduser().exists():
            return []
        if best in on_hub and best.backend in self.served:
            return [best]
        # Where no plan names a variant, one that an installed engine serves is of more use than the best one.
        return [next((variant for variant in on_hub if variant.backend in self.served), on_hub[0])]

    def _numbered(self, profile: Profile, number: int) -> list[Variant]:
        if number > len(profile.variants):
            raise VerbError(f"profile '{profile.name}' has {len(profile.variants)} variants", Code.USAGE)
        return [profile.variants[number - 1]]

    def _target(self, profile: Profile, variant: Variant) -> PullTarget:
        reference = _reference(profile, variant)
        if not isinstance(reference, HubReference | OllamaReference) or not _is_on_hub(variant):
            raise VerbError(
                f"{variant.label} of profile '{profile.name}' is a file of this machine or on a server that another program "
                "runs, so there is nothing to pull",
                Code.USAGE,
            )
        projector = self.projector if self.projector is not None else profile.capabilities.vision
        return PullTarget(profile.name, reference, projector)


def _reference(profile: Profile, variant: Variant) -> Reference | None:
    try:
        return variant_reference(variant)
    except BadReference as error:
        raise VerbError(f"profile '{profile.name}': {error.message}") from error


def _is_on_hub(variant: Variant) -> bool:
    """Return whether the weights of *variant* are pulled from a hub: a server that runs already has its own."""
    return bool(variant.hf or variant.tag) and not (variant.path or variant.url)
