"""Speeds outlive the daemon that learnt them."""

import asyncio
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from hostd.domain.answer_sums import AnswerSums
from hostd.domain.catalog import Catalog
from hostd.domain.profile import Profile, Settings, Variant
from hostd.runtime.speed_keeper import KEEP_EVERY, SpeedKeeper
from hostd.scheduling.events import SpeedsRecalled
from hostd.scheduling.scheduler import Scheduler
from hostd.scheduling.speed import Speed
from hostd.scheduling.view import ModelView
from hostd.sizing.memory_state import digest
from hostd.telemetry.database import Database
from hostd.telemetry.history import RequestHistory
from hostd.telemetry.sinks import SpeedRecord
from tests.virtual_time import VirtualTimeLoop

PROFILES = {name: Profile(name, (Variant("llamacpp", path=f"/{name}.gguf"),)) for name in ("a", "b")}
SUMS = AnswerSums(prompt=1000, cached=200, answer=100, ttft=0.5, reading=2.0, writing=5.0)


class Daemon:
    """A scheduler, and the keeper of its speeds in the file at *path*."""

    def __init__(self, path: Path, profiles: Mapping[str, Profile] = PROFILES) -> None:
        self.path = path
        self.scheduler = Scheduler(profiles)
        self.kept: list[SpeedRecord] = []
        self.keeper = SpeedKeeper(
            Catalog(Settings(profiles=profiles)),
            RequestHistory(path),
            self.kept.append,
            lambda: self.scheduler.view().models,
            self._post,
        )

    def _post(self, event: SpeedsRecalled) -> None:
        self.scheduler.handle(event, 0.0)

    def view(self, name: str) -> ModelView:
        """Return what is known of a model."""
        return self.scheduler.view().models[name]

    async def close(self) -> None:
        """End the daemon, whose records are written."""
        await self.keeper.close()
        with closing(Database(self.path)) as database:
            database.write(self.kept)


async def test_a_restart_knows_how_fast_models_were(tmp_path: Path) -> None:
    """Each number, to go on from; of a profile that reads otherwise by now nothing, nor of one that is gone."""
    first = Daemon(tmp_path / "ledger.sqlite")
    await first.keeper.start()
    for name in PROFILES:
        first.scheduler.models[name].speed.learn(SUMS)
    await first.close()
    changed = Profile("b", (Variant("llamacpp", path="/other.gguf"),))
    second = Daemon(tmp_path / "ledger.sqlite", {"a": PROFILES["a"], "b": changed, "c": PROFILES["b"]})
    await second.keeper.start()
    assert Speed(reads=400.0, writes=20.0, cached=0.2, reused=200.0, ttft=0.5) == second.view("a").speed
    assert Speed() == second.view("b").speed == second.view("c").speed
    second.scheduler.models["a"].speed.learn(SUMS)
    assert 400.0 == second.view("a").speed.reads
    await second.close()
    assert [] == second.kept


async def test_what_was_learnt_meanwhile_counts_more(tmp_path: Path) -> None:
    """An answer that came before the records were read is not forgotten for them."""
    path = tmp_path / "ledger.sqlite"
    with closing(Database(path)) as database:
        database.write([SpeedRecord(1.0, "a", digest(PROFILES["a"]), Speed(reads=1.0, ttft=9.0))])
    daemon = Daemon(path)
    daemon.scheduler.models["a"].speed.learn(AnswerSums(prompt=800, reading=2.0))
    await daemon.keeper.start()
    assert Speed(reads=400.0, ttft=9.0) == daemon.view("a").speed
    await daemon.close()


def test_writes_now_and_then(tmp_path: Path) -> None:
    """Only what has changed, so that a daemon that is killed forgets a minute at most."""

    async def serve() -> list[int]:
        daemon = Daemon(tmp_path / "ledger.sqlite")
        await daemon.keeper.start()
        counts = []
        for learns in (False, True, False, False):
            if learns:
                daemon.scheduler.models["a"].speed.learn(SUMS)
            await asyncio.sleep(KEEP_EVERY + 1)
            counts.append(len(daemon.kept))
        await daemon.close()
        return counts

    with closing(VirtualTimeLoop()) as loop:
        assert [0, 1, 1, 1] == loop.run_until_complete(serve())
