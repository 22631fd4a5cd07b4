"""Keeps how fast models are over a restart: read from the records at the start, written down now and then, and at the end."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from hostd.background_tasks import cancel_all
from hostd.domain.catalog import Catalog
from hostd.scheduling.events import SpeedsRecalled
from hostd.scheduling.speed import Speed
from hostd.scheduling.view import ModelView
from hostd.sizing.memory_state import digest
from hostd.telemetry.sinks import SpeedRecord

KEEP_EVERY = 60.0
"""Seconds; a daemon that is killed forgets no more."""


class SpeedRecords(Protocol):
    """What earlier daemons have learnt; the question blocks."""

    def learnt_speeds(self) -> list[SpeedRecord]:
        """Return the last speed of each model."""


class SpeedKeeper:
    """Posts one `SpeedsRecalled` at its start, and has *keep* write down each speed of *models* that has changed since.

    What was learnt of a profile that reads otherwise by now is left out.
    """

    def __init__(
        self,
        catalog: Catalog,
        records: SpeedRecords,
        keep: Callable[[SpeedRecord], None],
        models: Callable[[], Mapping[str, ModelView]],
        post: Callable[[SpeedsRecalled], None],
    ) -> None:
        self._catalog = catalog
        self._records = records
        self._keep = keep
        self._models = models
        self._post = post
        self._kept: dict[str, Speed] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Post what was learnt before, and keep what is learnt from now on; needs the running loop."""
        recorded = await asyncio.to_thread(self._records.learnt_speeds)
        profiles = self._catalog.profiles
        self._kept = {
            each.model: each.speed
            for each in recorded
            if each.model in profiles and each.profile == digest(profiles[each.model])
        }
        self._post(SpeedsRecalled(dict(self._kept)))
        self._task = asyncio.get_running_loop().create_task(self._run(), name="speeds")

    async def close(self) -> None:
        """Keep what is known now, and nothing any more."""
        await cancel_all(self._task)
        if self._task is not None:
            self.keep()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(KEEP_EVERY)
            self.keep()

    def keep(self) -> None:
        """Have the speeds that have changed written down."""
        for name, model in self._models().items():
            if model.speed not in (Speed(), self._kept.get(name)):
                self._kept[name] = model.speed
                self._keep(SpeedRecord(time.time(), name, digest(model.profile), model.speed))
