"""The start of a daemon whose predecessor left engines running: each is adopted, or ended.

Adopted is what the present settings would launch again, word by word, at the same address and with the same key, and only where its
process certainly is the one that was recorded (`leftovers.find_kept`).
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from hostd.domain.errors import HostdError
from hostd.domain.profile import Profile
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.events import EngineKept
from hostd.supervisor.instance import Instance
from hostd.supervisor.kept_engines import KeptEngine
from hostd.supervisor.kept_launch import launch_digest
from hostd.supervisor.launch import prepare_again
from hostd.supervisor.process.engine_records import EngineRecord
from hostd.supervisor.process.leftovers import end_recorded, find_kept

log = structlog.get_logger()

FindOptions = Callable[[Profile], tuple[LoadOption, ...]]
"""Returns the ways to load a model on this machine; blocks."""
_SECOND = "the model has another engine already"


class EngineAdoption:
    """Finds which of the engines recorded in *folder* fit the *instances*, and posts those."""

    def __init__(self, folder: Path, instances: Mapping[str, Instance], post: Callable[[EngineKept], None]) -> None:
        self._folder = folder
        self._instances = instances
        self._post = post
        self._records: list[EngineRecord] = []

    async def find(self) -> list[EngineRecord]:
        """Return what an earlier daemon left; to be called before memory is measured: what these hold is no other program's."""
        self._records = await asyncio.to_thread(find_kept, self._folder)
        for record in self._records:
            if record.model in self._instances:
                self._instances[record.model].expect(record.pid)
        return self._records

    async def adopt(self, options: FindOptions) -> bool:
        """Have each engine adopted or ended, *options* being the ways to load a model; return whether any was ended."""
        ended, taken = False, set[str]()
        for record in self._records:
            instance = self._instances.get(record.model)
            fit: KeptEngine | str = f"there is no model '{record.model}' any more"
            if instance is not None:
                fit = await asyncio.to_thread(_fit, instance, record, options) if record.model not in taken else _SECOND
            if isinstance(fit, KeptEngine) and instance is not None and fit.prepared.option is not None:
                taken.add(record.model)
                instance.adopt(fit)
                self._post(EngineKept(record.model, fit.prepared.option))
                continue
            ended = True
            log.warning("kept_engine_ended", model=record.model, pid=record.pid, why=fit)
            await asyncio.to_thread(end_recorded, self._folder, record)
            if instance is not None and record.model not in taken:
                instance.expect(None)
        return ended


def _fit(instance: Instance, record: EngineRecord, options: FindOptions) -> KeptEngine | str:
    """Return how *instance* would launch the engine in *record*, or why it would not. Blocks."""
    kept = record.kept
    if kept is not None and not kept.address.isdecimal() and not Path(kept.address).is_socket():
        return f"its socket {kept.address} is gone"
    if kept is not None:
        try:
            for option in options(instance.profile):
                given = option if kept.shares is None else option.granted(kept.shares)
                bound = instance.variants[option.variant]
                again = prepare_again(instance.profile, bound, given, kept.address, kept.key)
                if again is not None and launch_digest(again.launch) == kept.digest:
                    return KeptEngine(record, again)
        except HostdError as error:
            return error.message
    return "it was launched by other settings, files or programs than there are now"
