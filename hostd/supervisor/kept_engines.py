"""Engines that outlive their daemon, where the owner asks for it: recorded as soon as they serve."""

import asyncio
from dataclasses import dataclass

import structlog

from hostd.supervisor.kept_launch import address_of, launch_digest
from hostd.supervisor.launch import PreparedLaunch
from hostd.supervisor.process.engine_process import EngineProcess
from hostd.supervisor.process.engine_records import EngineRecord, KeptLaunch
from hostd.supervisor.process.orphan_reaper import OrphanReaper

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class KeptEngine:
    """An engine of an earlier daemon that this one would launch just so, at the same address and with the same key."""

    record: EngineRecord
    prepared: PreparedLaunch


class KeptEngines:
    """Has *reaper* spare the engines of a daemon that serve, and record what the next daemon needs to adopt them."""

    def __init__(self, reaper: OrphanReaper) -> None:
        self._reaper = reaper
        self._kept: set[int] = set()
        self._leaving = False

    def __repr__(self) -> str:
        return f"<KeptEngines {sorted(self._kept)}{' to be left' if self._leaving else ''}>"

    def leave(self) -> None:
        """From now on, an engine that serves is left running where it would be stopped: the daemon ends."""
        self._leaving = True

    def leaves(self, process: EngineProcess) -> bool:
        """Return whether *process* is to be left running instead of being stopped."""
        return self._leaving and process.pid in self._kept

    async def serving(self, process: EngineProcess, prepared: PreparedLaunch) -> None:
        """Note that *process* serves as *prepared* says; where that cannot be recorded, it ends with this daemon."""
        if process.output is None or prepared.option is None:
            return
        launch = prepared.launch
        kept = KeptLaunch(
            address=address_of(launch.endpoint),
            key=prepared.key,
            digest=await asyncio.to_thread(launch_digest, launch),
            variant=prepared.variant.label,
            output=str(process.output),
            shares=prepared.option.shares,
        )
        if self._reaper.keep(process.pid, kept):
            self._kept.add(process.pid)
        else:
            log.warning("engine_not_kept", pid=process.pid, why="what the next daemon needs of it could not be written")
