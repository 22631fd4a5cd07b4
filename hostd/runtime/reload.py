"""New settings in force while the daemon runs: the catalogue first, then everything that acts on it, in one callback."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import structlog

from hostd.domain.catalog import Catalog, ProfileChanges, changed_backends
from hostd.domain.errors import CapacityError, ConfigError, HostdError
from hostd.domain.profile import Settings
from hostd.domain.settings_changes import SettingChange, SettingsRead, keys_from_now_on
from hostd.scheduling.events import Reconfigured

log = structlog.get_logger()

MOST_WAITING = 8
"""Reloads that wait for another one; each starts a process."""

Follower = Callable[[ProfileChanges], None]
"""Acts on changed profiles; the catalogue has the new ones already."""
Prepare = Callable[[Settings], Awaitable[Callable[[], None]]]
"""Gets ready what new settings take that may fail, and returns what then puts it in force."""
ReadSettings = Callable[[Settings], Awaitable[SettingsRead]]
"""Returns what the files of the settings in force say now."""


@dataclass(frozen=True, slots=True)
class ReloadOutcome:
    """What the files say now that was not in force; *applied* says whether it is from now on, as far as it takes no restart."""

    applied: bool
    source: str | None
    profiles: ProfileChanges
    settings: tuple[SettingChange, ...]
    notes: tuple[str, ...]


class Reload:
    """Replaces the settings in *catalog* and posts one event.

    *before* are told ahead of the scheduler (it may ask for a start at once), *after* once it knows the new profiles.
    """

    def __init__(
        self,
        catalog: Catalog,
        post: Callable[[Reconfigured], None],
        read: ReadSettings,
        *,
        before: Sequence[Follower] = (),
        after: Sequence[Follower] = (),
    ) -> None:
        self._catalog = catalog
        self._post = post
        self._read = read
        self._before = tuple(before)
        self._after = tuple(after)
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._closed = False
        self.prepare: Prepare = _nothing_to_prepare
        """Set by whatever has the server, which is made after this."""
        self.trouble: str | None = None
        """Why the last reload was not applied; None where it was."""

    async def run(self, *, dry_run: bool = False) -> ReloadOutcome:
        """Read the files, compare, and put what they say in force, unless *dry_run*; one reload after another.

        Raises:
            ConfigError: The files have mistakes, and all is as it was.
            SettingsUnread: They could not be read in time, and all is as it was.
            HostdError: An address that they name cannot be listened on, and all is as it was.
            CapacityError: Too many reloads wait already, or the daemon ends.
        """
        if self._waiting >= MOST_WAITING:
            raise CapacityError(f"{self._waiting} reloads wait already", code="too_many_reloads", retry_after=5.0)
        self._waiting += 1
        try:
            async with self._turn:
                old = self._catalog.settings
                found = await self._read(old)
                if self._closed:
                    raise CapacityError("hostd is shutting down", code="shutting_down", retry_after=5.0)
                backends = changed_backends(old, found.settings)
                changes = ProfileChanges.between(old.profiles, found.settings.profiles, backends)
                if not dry_run:
                    put_in_force = await self.prepare(found.settings)
                    self.trouble = None
                    self.apply(found.settings)
                    put_in_force()
                return ReloadOutcome(not dry_run, found.settings.source, changes, found.changes, found.settings.notes)
        finally:
            self._waiting -= 1

    async def run_whenever(
        self, asked: asyncio.Event, during: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        """Reload each time that *asked* is set, until cancelled; what goes wrong is logged, and the old settings hold.

        Each one happens inside of what *during* returns.
        """
        while await asked.wait():
            asked.clear()
            with during():
                await self._run_logged()

    async def _run_logged(self) -> None:
        try:
            await self.run()
        except ConfigError as error:
            self.trouble = "the configuration has mistakes, so the settings of before hold"
            log.warning("reload_refused", problems=[str(problem) for problem in error.problems])
        except HostdError as error:
            self.trouble = f"the configuration was not read anew: {error.message}"
            log.warning("reload_failed", why=error.message)
        except Exception:
            # The next one may do better.
            log.exception("bug", what="a reload failed")

    def close(self) -> None:
        """Apply nothing any more: the daemon ends."""
        self._closed = True

    def apply(self, settings: Settings) -> tuple[ProfileChanges, tuple[str, ...]]:
        """Put *settings* in force; return which profiles differ, and the keys whose change takes a restart.

        What takes a restart stays as it is, and the catalogue says so: it answers for what is in force.
        """
        old = self._catalog.settings
        keys = keys_from_now_on(old, settings)
        differs = {
            "state": settings.state != old.state,
            "kv": settings.kv_disk != old.kv_disk,
            "keys": keys != settings.keys,
        }
        restart = tuple(key for key, takes in differs.items() if takes)
        backends = changed_backends(old, settings)
        changes = ProfileChanges.between(old.profiles, settings.profiles, backends)
        relaunch = ProfileChanges.between(settings.profiles, settings.profiles, backends).changed
        self._catalog.settings = replace(settings, state=old.state, kv_disk=old.kv_disk, keys=keys)
        for follower in self._before:
            follower(changes)
        self._post(Reconfigured(self._catalog.profiles, self._catalog.budgets.providers, frozenset(relaunch)))
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


async def _nothing_to_prepare(_: Settings) -> Callable[[], None]:
    return lambda: None
