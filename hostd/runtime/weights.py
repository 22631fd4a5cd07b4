"""Weights that a profile names by their hub: found where `hostd pull`, or any other program of that hub's, has put them."""

from dataclasses import replace

from hostd.domain.errors import EngineError
from hostd.domain.profile import Variant
from hostd.domain.reason import ExitClass
from hostd.library.places import Places
from hostd.library.pulled import find_pulled
from hostd.library.reference import HubReference, variant_reference
from hostd.library.unreadable import Unreadable

_BY_REPOSITORY = frozenset({"mlx", "vllm"})
"""Engines that are told a repository, and look into the hub's cache themselves."""


def located(variant: Variant, places: Places | None = None) -> Variant:
    """Return *variant* with the path of its weights, where it names a hub and no path; any other as it is. Looks at files.

    What has been pulled since the last call is found, so this is asked at each load.

    Raises:
        EngineError: They are not here, or not whole; class missing_file.
    """
    if variant.path is not None or variant.hf is None or variant.backend in _BY_REPOSITORY:
        return variant
    try:
        reference = variant_reference(variant)
        pulled = find_pulled(reference, places) if isinstance(reference, HubReference) else None
    except Unreadable as error:
        raise EngineError(str(error), exit_class=ExitClass.MISSING_FILE) from error
    if pulled is None:
        raise EngineError(
            f"{reference} is not on this machine; run: hostd pull {reference}", exit_class=ExitClass.MISSING_FILE
        )
    return replace(variant, path=str(pulled.path))
