"""The look at a load before anybody makes room for it: a missing file or a bad flag must not evict anyone."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from hostd.backends.contract import Prechecks
from hostd.domain.errors import EngineError
from hostd.domain.profile import Profile
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.events import Event, MemoryMeasured, PreflightDone
from hostd.sizing.variants import BoundVariant


class Launchable(Protocol):
    """What is looked at: an instance, before it starts anything."""

    @property
    def profile(self) -> Profile:
        """What the owner declared."""

    @property
    def options(self) -> Sequence[BoundVariant]:
        """Its variants, and the backends that serve them here."""


class Preflight:
    """Asks a variant's backend whether its load could begin, then *measure* how much memory there is now."""

    def __init__(self, instances: Mapping[str, Launchable], measure: Callable[[], Awaitable[MemoryMeasured]]) -> None:
        self._instances = instances
        self._measure = measure

    async def __call__(self, model: str, choice: LoadOption) -> tuple[Event, ...]:
        """Return the memory as it is now, and the verdict on loading *model* as *choice* says."""
        instance = self._instances[model]
        option = instance.options[choice.variant]
        verdict = await asyncio.to_thread(_verdict, instance.profile, option, choice)
        return await self._measure(), verdict


def _verdict(profile: Profile, option: BoundVariant, choice: LoadOption) -> PreflightDone:
    try:
        variant, backend = option.servable()
        if isinstance(backend, Prechecks):
            backend.check(profile, variant, choice)
    except EngineError as error:
        last = f"; its last line: {error.tail[-1]}" if error.tail and error.tail[-1] not in error.message else ""
        return PreflightDone(profile.name, error.exit_class, f"{option.variant.label}: {error.message}{last}")
    return PreflightDone(profile.name)
