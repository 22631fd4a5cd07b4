"""Tells the desk what is known of the ways to load each model: at the boot of all, later of those of which more was learnt."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from hostd.domain.errors import HostdError
from hostd.domain.host import Host
from hostd.domain.profile import Profile, Variant
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.events import LoadOptionsChanged
from hostd.sizing.load_options import LoadOptionFinder, LoadOptions

log = structlog.get_logger()

Note = Callable[[Profile, Variant, Sequence[str], int, LoadOption | None], str | None]
"""Writes down what a load took; see `Bookkeeper.note`."""


LOOK_AGAIN = 30.0
"""Seconds between two looks at profiles of which some variant could not be had: its file may have come meanwhile."""


class LoadOptionMonitor:
    """Appraises *profiles* for the machine that *host* gives, and posts what it finds."""

    def __init__(
        self,
        finder: LoadOptionFinder,
        profiles: Mapping[str, Profile],
        host: Callable[[], Host],
        post: Callable[[LoadOptionsChanged], None],
    ) -> None:
        self._finder = finder
        self._profiles = profiles
        self._host = host
        self._post = post
        self._loop = asyncio.get_running_loop()
        self._found: dict[str, LoadOptions] = {}
        self._looking: asyncio.Task[None] | None = None

    async def everything(self) -> None:
        """Appraise every profile, one after another."""
        for profile in self._profiles.values():
            self._tell(profile, await asyncio.to_thread(self._appraise, profile))

    def start(self) -> None:
        """Look again from time to time at what could not be had."""
        self._looking = self._loop.create_task(self._look_again(), name="survey")

    async def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            for name, found in list(self._found.items()):
                if found.why_not or found.notes:
                    profile = self._profiles[name]
                    self._tell(profile, await asyncio.to_thread(self._appraise, profile))

    def after(self, note: Note) -> Note:
        """Return *note*, followed by a new appraisal of the profile: what was measured changes what is expected."""

        def noting(
            profile: Profile, variant: Variant, said: Sequence[str], rss: int, option: LoadOption | None
        ) -> str | None:
            why_not = note(profile, variant, said, rss, option)
            if why_not is None:
                self._loop.call_soon_threadsafe(self._tell, profile, self._appraise(profile))
            return why_not

        return noting

    def _appraise(self, profile: Profile) -> LoadOptions:
        try:
            return self._finder.find(profile, self._host())
        except HostdError as error:
            return LoadOptions((), error.message)

    def _tell(self, profile: Profile, found: LoadOptions) -> None:
        before = self._found.get(profile.name)
        if found == before:
            return
        self._found[profile.name] = found
        if found.why_not or found.notes or before is not None:
            log.info("appraised", model=profile.name, ways=len(found.options), why_not=found.why_not, notes=found.notes)
        left_out = "; ".join(note for note in found.notes if note.startswith("left out: "))
        self._post(LoadOptionsChanged(profile.name, found.options, found.why_not or left_out or None))
