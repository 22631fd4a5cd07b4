"""Two daemons in one process, one after the other: the second finds what the first has left."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.domain.profile import Profile
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.events import Event
from hostd.sizing.variants import BoundVariant
from hostd.supervisor.health.watchdog import ProbeTimings
from hostd.supervisor.instance import Instance
from hostd.supervisor.kept_engines import KeptEngines
from hostd.supervisor.process.orphan_reaper import OrphanReaper
from hostd.supervisor.run_services import RunServices
from tests.stage import ENGINE

OPTION = LoadOption(0, "as planned")


@dataclass
class Daemon:
    """One model of a daemon, and what is reported of it."""

    instance: Instance
    kept: KeptEngines
    events: "asyncio.Queue[Event]"

    async def next(self) -> Event:
        """Return what is reported next."""
        async with asyncio.timeout(20):
            return await self.events.get()

    async def leave(self) -> None:
        """End as a daemon does that leaves its engines."""
        self.kept.leave()
        self.instance.stop()
        await self.instance.ended()


@asynccontextmanager
async def daemon(folder: Path, profile: Profile) -> AsyncIterator[Daemon]:
    """Run a daemon that keeps its engines; at the end its reaper does what it does at any end."""
    reaper, events = OrphanReaper(folder), asyncio.Queue[Event]()
    await reaper.start()
    kept = KeptEngines(reaper)
    services = RunServices(events.put_nowait, reaper, ProbeTimings(), lambda *_: None, kept=kept)
    instance = Instance(profile, [BoundVariant(each, LlamaCpp(ENGINE)) for each in profile.variants], services)
    try:
        yield Daemon(instance, kept, events)
    finally:
        instance.stop()
        await instance.ended()
        await reaper.close()


def forget_daemon(folder: Path) -> None:
    """Make the records in *folder* those of a daemon that is gone."""
    for path in folder.glob("*.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"daemon_start": "1"}))


def collect(pid: int) -> None:
    """Take the status of a process that both daemons have left; it is a child of these tests all the same."""
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def threads(profile: Profile, number: int) -> Profile:
    """Return *profile* with another flag for its engine."""
    return replace(profile, args={**profile.args, "threads": number})
