"""The backends' own settings after a reload: what is launched from then on follows the new ones."""

from hostd.backends.contract import Backend
from hostd.backends.registry import renew
from hostd.domain.catalog import Catalog, ProfileChanges, changed_backends
from hostd.runtime.reload import Follower


def renewal(catalog: Catalog, engines: dict[str, Backend]) -> Follower:
    """Return what replaces those of *engines* in place that are set otherwise; to be told before new launches are prepared."""
    before = catalog.settings

    def renew_changed(_: ProfileChanges) -> None:
        nonlocal before
        if changed := changed_backends(before, catalog.settings):
            renew(engines, changed, catalog.settings)
        before = catalog.settings

    return renew_changed
