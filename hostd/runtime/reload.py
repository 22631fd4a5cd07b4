"""New settings in force while the daemon runs: the catalogue first, then everything that acts on it, in one callback."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from hostd.domain.catalog import Catalog, ProfileChanges
from hostd.domain.profile import Settings
from hostd.scheduling.events import Reconfigured

log = structlog.get_logger()

Follower = Callable[[ProfileChanges], None]
"""Acts on changed profiles; the catalogue has the new ones already."""


class Reload:
    """Replaces the settings in *catalog* and posts one event.

    *before* are told ahead of the scheduler (it may ask for a start at once), *after* once it knows the new profiles.
    """

    def __init__(
        self,
        catalog: Catalog,
        post: Callable[[Reconfigured], None],
        *,
        before: Sequence[Follower] = (),
        after: Sequence[Follower] = (),
    ) -> None:
        self._catalog = catalog
        self._post = post
        self._before = tuple(before)
        self._after = tuple(after)

    def apply(self, settings: Settings) -> tuple[ProfileChanges, tuple[str, ...]]:
        """Put *settings* in force; return which profiles differ, and the keys whose change takes a restart.

        What takes a restart stays as it is, and the catalogue says so: it answers for what is in force.
        """
        old = self._catalog.settings
        restart = tuple(
            key
            for key, differs in (
                ("server.listen", settings.listen != old.listen),
                ("keys", settings.keys != old.keys),
                ("backends", (settings.commands, settings.engines) != (old.commands, old.engines)),
            )
            if differs
        )
        changes = ProfileChanges.between(old.profiles, settings.profiles)
        self._catalog.settings = replace(
            settings, listen=old.listen, keys=old.keys, commands=old.commands, engines=old.engines
        )
        for follower in self._before:
            follower(changes)
        self._post(Reconfigured(self._catalog.profiles, self._catalog.caps))
        for follower in self._after:
            follower(changes)
        log.info(
            "reconfigured",
            added=list(changes.added),
            changed=list(changes.changed),
            removed=list(changes.removed),
            takes_restart=list(restart),
        )
        return changes, restart
