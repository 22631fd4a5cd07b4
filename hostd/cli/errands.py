"""What a pull was asked for, from the words of the command line to references that a hub knows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from hostd.cli.exits import Code, VerbError
from hostd.domain.profile import Profile, Settings, Variant
from hostd.library.reference import (
    FileReference,
    HubReference,
    OllamaReference,
    ProfileReference,
    parse_reference,
    variant_reference,
)
from hostd.library.unreadable import BadReference


@dataclass(frozen=True, slots=True)
class Errand:
    """One model to fetch: *asked* is the word that named it, *projector* whether its vision or audio tower is wanted."""

    asked: str
    reference: HubReference | OllamaReference
    projector: bool | None = None


@dataclass(frozen=True, slots=True)
class Errands:
    """Turns words into errands. *number* and *every* say which variants of a profile are meant, None and False: the best one.

    *best* returns the label of the variant that a plan would have served, None where it does not know.
    """

    settings: Settings
    served: frozenset[str]
    best: Callable[[str], str | None]
    number: int | None = None
    every: bool = False
    projector: bool | None = None

    def of(self, models: Sequence[str]) -> list[Errand]:
        """Return the errands for *models*, for all declared profiles when there are none.

        Raises:
            VerbError: A word names no model (exit code 5), or nothing that could be fetched (2).
        """
        if models:
            found = [errand for text in models for errand in self._named(text)]
        elif self.settings.profiles:
            found = [
                errand
                for profile in self.settings.profiles.values()
                if any(map(_is_fetched, profile.variants))
                for errand in self._declared(profile)
            ]
        else:
            raise VerbError("name what to pull: hf:REPO[/FILE], ollama:TAG, or a profile's name", Code.USAGE)
        return list({(errand.reference, errand.projector): errand for errand in found}.values())

    def _named(self, text: str) -> list[Errand]:
        aliases = {alias: name for name, profile in self.settings.profiles.items() for alias in profile.aliases}
        try:
            reference = parse_reference(aliases.get(text, text), self.settings.profiles)
        except BadReference as error:
            near = get_close_matches(text, self.settings.profiles, n=1)
            raise VerbError(
                f"{error.message}{f'; did you mean {near[0]!r}?' if near else ''}", Code.UNKNOWN_MODEL
            ) from error
        if isinstance(reference, FileReference):
            raise VerbError(f"'{text}' is a file or a folder of this machine: there is nothing to pull", Code.USAGE)
        if isinstance(reference, ProfileReference):
            return self._declared(self.settings.profiles[reference.name])
        if self.number is not None or self.every:
            raise VerbError(f"--variant and --all are for profiles, and '{text}' is none", Code.USAGE)
        return [Errand(text, reference, self.projector)]

    def _declared(self, profile: Profile) -> list[Errand]:
        return [self._errand(profile, variant) for variant in self._variants(profile)]

    def _variants(self, profile: Profile) -> list[Variant]:
        if self.number is not None:
            if self.number > len(profile.variants):
                raise VerbError(f"profile '{profile.name}' has {len(profile.variants)} variants", Code.USAGE)
            return [profile.variants[self.number - 1]]
        fetched = [variant for variant in profile.variants if _is_fetched(variant)]
        if not fetched:
            raise VerbError(
                f"profile '{profile.name}' names no model on a hub (hf or tag), so there is nothing to pull", Code.USAGE
            )
        if self.every:
            return fetched
        label = self.best(profile.name) if len(profile.variants) > 1 else None
        best = next((variant for variant in profile.variants if variant.label == label), None)
        if best and best.path and Path(best.path).expanduser().exists():
            return []
        if best in fetched and best.backend in self.served:
            return [best]
        return [next((variant for variant in fetched if variant.backend in self.served), fetched[0])]

    def _errand(self, profile: Profile, variant: Variant) -> Errand:
        try:
            reference = variant_reference(variant)
        except BadReference as error:
            raise VerbError(f"profile '{profile.name}': {error.message}") from error
        if not isinstance(reference, HubReference | OllamaReference):
            raise VerbError(
                f"{variant.label} of profile '{profile.name}' is on no hub, so there is nothing to pull", Code.USAGE
            )
        projector = self.projector if self.projector is not None else profile.capabilities.vision
        return Errand(profile.name, reference, projector)


def _is_fetched(variant: Variant) -> bool:
    return bool(variant.hf or variant.tag)
