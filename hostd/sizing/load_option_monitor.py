"""Keeps the scheduler informed of the options for loading each model: of all at boot, later of those that changed."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from hostd.background_tasks import cancel_all
from hostd.domain.catalog import Catalog, ProfileChanges
from hostd.domain.errors import HostdError
from hostd.domain.host import Host
from hostd.domain.profile import Profile, Variant
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.events import LoadOptionsChanged
from hostd.sizing.load_options import LoadOptionFinder, LoadOptions

log = structlog.get_logger()

Note = Callable[[Profile, Variant, Sequence[str], int, LoadOption | None], None]
"""Records the memory that a load took; see `MeasurementRecorder.record`."""

LOOK_AGAIN = 30.0
"""Seconds between two checks of profiles with a variant that cannot be loaded: its file may have been downloaded meanwhile."""


class LoadOptionMonitor:
    """Finds the load options of every profile of *catalog* for the machine that *host* gives, and posts them."""

    def __init__(
        self,
        finder: LoadOptionFinder,
        catalog: Catalog,
        host: Callable[[], Host],
        post: Callable[[LoadOptionsChanged], None],
    ) -> None:
        self._finder = finder
        self._catalog = catalog
        self._host = host
        self._post = post
        self._loop = asyncio.get_running_loop()
        self._found: dict[str, LoadOptions] = {}
        self._looking: asyncio.Task[None] | None = None
        self._finding: set[asyncio.Task[None]] = set()

    async def find_all(self) -> None:
        """Find the options of every profile, one after another."""
        for profile in list(self._catalog.profiles.values()):
            if profile.name not in self._found:
                await self._find(profile)

    def progress(self) -> tuple[int, int]:
        """Return of how many profiles the options are known, and how many profiles there are."""
        return len(self._found), len(self._catalog.profiles)

    def apply(self, changes: ProfileChanges) -> None:
        """Find anew the options of added and changed profiles, in a task of its own."""
        for name in (*changes.added, *changes.changed, *changes.removed):
            self._found.pop(name, None)
        finding = self._loop.create_task(self.find_all(), name="load options of changed profiles")
        self._finding.add(finding)
        finding.add_done_callback(self._found_all)

    def machine_changed(self) -> None:
        """Find the options of every profile anew, in a task of its own: the machine has cards that it had not."""
        finding = self._loop.create_task(self._find_again(), name="load options on new cards")
        self._finding.add(finding)
        finding.add_done_callback(self._found_all)

    async def _find_again(self) -> None:
        for name in list(self._found):
            if (profile := self._catalog.profiles.get(name)) is not None:
                await self._find(profile)

    def start(self) -> None:
        """Start to check again, every `LOOK_AGAIN` seconds, the profiles with a variant that cannot be loaded."""
        self._looking = self._loop.create_task(self._look_again(), name="load options again")

    async def close(self) -> None:
        """Stop checking."""
        await cancel_all(*self._finding, self._looking)

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            for name, found in list(self._found.items()):
                profile = self._catalog.profiles.get(name)
                if profile is not None and (found.why_not or found.notes):
                    await self._find(profile)

    def _found_all(self, finding: asyncio.Task[None]) -> None:
        self._finding.discard(finding)
        if not finding.cancelled() and (error := finding.exception()) is not None:
            log.error("bug", what="the options of changed profiles could not be found", error=repr(error))

    def options(self, profile: Profile) -> tuple[LoadOption, ...]:
        """Return the options of *profile* as they are now. Blocks."""
        return self._options(profile).options

    async def _find(self, profile: Profile) -> None:
        self._tell(profile, await asyncio.to_thread(self._options, profile))

    def after(self, note: Note) -> Note:
        """Return *note* followed by finding the profile's options anew: a measurement changes what a load is expected to take."""

        def recording(
            profile: Profile, variant: Variant, said: Sequence[str], rss: int, option: LoadOption | None
        ) -> None:
            note(profile, variant, said, rss, option)
            self._loop.call_soon_threadsafe(self._tell, profile, self._options(profile))

        return recording

    def _options(self, profile: Profile) -> LoadOptions:
        try:
            return self._finder.find(profile, self._host())
        except HostdError as error:
            return LoadOptions((), error.message)

    def _tell(self, profile: Profile, found: LoadOptions) -> None:
        if self._catalog.profiles.get(profile.name) != profile:
            return  # it was replaced while a thread computed, or is the one that an old engine was launched by
        before = self._found.get(profile.name)
        if found == before:
            return
        self._found[profile.name] = found
        if found.why_not or found.notes or before is not None:
            log.info(
                "load_options", model=profile.name, options=len(found.options), why_not=found.why_not, notes=found.notes
            )
        left_out = "; ".join(note for note in found.notes if note.startswith("left out: "))
        self._post(LoadOptionsChanged(profile.name, found.options, found.why_not or left_out or None))
