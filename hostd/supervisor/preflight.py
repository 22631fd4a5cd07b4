"""The check of a load before memory is freed for it: a missing file or a bad flag must not evict a model."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from hostd.domain.errors import EngineError
from hostd.domain.profile import Profile
from hostd.domain.reason import ExitClass
from hostd.domain.secret import masked, secrets_in
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.events import Event, MemoryMeasured, PreflightDone
from hostd.sizing.variants import BoundVariant, with_draft_file
from hostd.supervisor.instance import Instance
from hostd.supervisor.process.own_limits import want_in


class Preflight:
    """Asks a variant's backend whether its load could begin, then has *measure* see how much memory is free."""

    def __init__(self, instances: Mapping[str, Instance], measure: Callable[[], Awaitable[MemoryMeasured]]) -> None:
        self._instances = instances
        self._measure = measure

    async def __call__(self, model: str, option: LoadOption) -> tuple[Event, ...]:
        """Return the memory as it is now, and the verdict on loading *model* as *option* says."""
        instance = self._instances[model]
        try:
            verdict = await asyncio.to_thread(_verdict, instance.profile, instance.variants[option.variant], option)
            # Measured after the check, which may take seconds: the scheduler admits by the newest numbers.
            return await self._measure(), verdict
        except Exception as error:
            if (want := want_in(error)) is None:
                raise
            return (PreflightDone(model, ExitClass.UNKNOWN, want, own_want=True),)


def _verdict(profile: Profile, bound: BoundVariant, option: LoadOption) -> PreflightDone:
    try:
        variant, backend = bound.servable()
        backend.check(with_draft_file(profile), variant, option)
    except EngineError as error:
        if want_in(error) is not None:
            raise
        last = f"; its last line: {error.tail[-1]}" if error.tail and error.tail[-1] not in error.message else ""
        # The engine may have quoted its command line.
        why = masked(f"{bound.variant.label}: {error.message}{last}", secrets_in(profile.args.values()))
        return PreflightDone(profile.name, error.exit_class, why)
    return PreflightDone(profile.name)
