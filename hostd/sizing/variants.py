"""Variants bound to this host: the file their weights are in, and the backend that serves them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hostd.domain.errors import EngineError
from hostd.domain.profile import Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.models.errors import ModelUnreadable
from hostd.models.locations import ModelLocations
from hostd.models.reference import HUB, HubReference, parse_reference, variant_reference

if TYPE_CHECKING:
    from hostd.backends.contract import Backend  # imports what talks to engines, which a plan does without

_BY_REPOSITORY = frozenset({"mlx", "vllm"})
"""Engines that take a repository's name, and read the hub's cache themselves."""


def resolve_weights(variant: Variant, places: ModelLocations | None = None) -> Variant:
    """Return *variant* with the path of its weights, where it names a hub and no path; any other as it is.

    Reads the disk: what has been pulled since the last call is found, so each load calls it again.

    Raises:
        EngineError: The weights are not on this host, or not complete; class missing_file.
    """
    if variant.path is not None or variant.hf is None or variant.backend in _BY_REPOSITORY:
        return variant
    from hostd.models.installed import find_installed  # noqa: PLC0415 - with it come all readers, which few plans need

    try:
        reference = variant_reference(variant)
        pulled = find_installed(reference, places) if isinstance(reference, HubReference) else None
    except ModelUnreadable as error:
        raise EngineError(str(error), exit_class=ExitClass.MISSING_FILE) from error
    if pulled is None:
        raise EngineError(
            f"{reference} is not on this machine; run: hostd pull {reference}", exit_class=ExitClass.MISSING_FILE
        )
    return replace(variant, path=str(pulled.path))


def with_draft_file(profile: Profile, places: ModelLocations | None = None) -> Profile:
    """Return *profile* with the path of its draft model, where it names a hub and that model is here; any other as it is.

    Reads the disk, as `resolve_weights` does.
    """
    reference = draft_reference(profile)
    if reference is None:
        return profile
    from hostd.models.installed import find_installed  # noqa: PLC0415 - as in `resolve_weights`

    try:
        pulled = find_installed(reference, places)
    except ModelUnreadable:
        pulled = None  # damaged files are none
    return profile if pulled is None else replace(profile, draft=str(pulled.path))


def draft_reference(profile: Profile) -> HubReference | None:
    """Return where the draft model of *profile* is on a hub; None where it names none.

    Raises:
        BadReference: It names what cannot be.
    """
    reference = parse_reference(profile.draft) if profile.draft.startswith(HUB) else None
    return reference if isinstance(reference, HubReference) else None


@dataclass(frozen=True, slots=True)
class BoundVariant:
    """One declared variant and the backend that serves it, None where this hostd has no such backend.

    Whether it can be served is read from the disk each time: a file that was just pulled or copied counts at once.
    """

    variant: Variant
    backend: "Backend | None"

    @classmethod
    def of(cls, variant: Variant, backends: Mapping[str, "Backend"]) -> "BoundVariant":
        """Return *variant* with the one of *backends* that serves it."""
        return cls(variant, backends.get(variant.backend))

    @property
    def why_not(self) -> str | None:
        """Why it cannot be served now, as a sentence for the owner; None when it can. Reads the disk."""
        try:
            self.servable()
        except EngineError as error:
            return error.message
        return None

    def servable(self) -> tuple[Variant, "Backend"]:
        """Return the variant with the path of its weights, and its backend. Reads the disk.

        Raises:
            EngineError: It cannot be served now; class missing_file.
        """
        if self.backend is None:
            raise EngineError(
                f"backend '{self.variant.backend}' is not implemented here", exit_class=ExitClass.MISSING_FILE
            )
        variant = resolve_weights(self.variant)
        if why_not := self.backend.accepts(variant):
            raise EngineError(why_not, exit_class=ExitClass.MISSING_FILE)
        return variant, self.backend
