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

    def __init__(
        self,
        instances: Mapping[str, Instance],
        measure: Callable[[], Awaitable[MemoryMeasured]],
        lost: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """Take *lost*, which returns why each card that was there is not, by its pool's id."""
        self._instances = instances
        self._measure = measure
        self._lost = lost

    async def __call__(self, model: str, option: LoadOption) -> tuple[Event, ...]:
        """Return the memory as it is now, and the verdict on loading *model* as *option* says."""
        instance = self._instances[model]
        try:
            verdict = await asyncio.to_thread(_verdict, instance.profile, instance.variants[option.variant], option)
            # Measured after the check, which may take seconds: the scheduler admits by the newest numbers.
            measured = await self._measure()
            return measured, self._without_card(model, option) or verdict
        except Exception as error:
            if (want := want_in(error)) is None:
                raise
            return (PreflightDone(model, ExitClass.UNKNOWN, want, own_want=True),)

    def _without_card(self, model: str, option: LoadOption) -> PreflightDone | None:
        """Return the verdict on a load whose card is gone: its engine would come up all the same, on the processor."""
        lost = self._lost()
        whys = [lost[pool] for pool, _ in option.placement.devices if pool in lost]
        return PreflightDone(model, ExitClass.DRIVER, f"{option.label}: {'; '.join(whys)}") if whys else None


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
