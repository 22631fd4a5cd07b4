"""An engine is recorded once it serves, and left running only by a daemon that was told to leave it."""

from pathlib import Path

import psutil

from hostd.scheduling.events import EngineReady, EngineStopped
from hostd.supervisor.process.engine_records import read_all
from tests.stage import make_profile
from tests.supervisor.kept import OPTION, collect, daemon


async def test_an_engine_that_serves_is_left_and_recorded(tmp_path: Path, weights: Path) -> None:
    """It runs on after its daemon, whose record of it names address, key and what it was launched with."""
    async with daemon(tmp_path, make_profile("alpha", weights)) as first:
        first.instance.start(OPTION)
        assert isinstance(await first.next(), EngineReady)
        pid = first.instance.pid
        assert pid is not None
        await first.leave()
        assert EngineStopped("alpha") == await first.next()
    process = psutil.Process(pid)
    assert psutil.STATUS_ZOMBIE != process.status()
    ((_, record),) = read_all(tmp_path)
    assert record.kept is not None
    assert (pid, "alpha", "llamacpp:scripted.gguf") == (record.pid, record.model, record.kept.variant)
    assert record.kept.address in process.cmdline()
    process.kill()
    collect(pid)


async def test_one_that_is_unloaded_ends_as_always(tmp_path: Path, weights: Path) -> None:
    """So does one that nobody decided how to load, and with them all that was recorded."""
    for option in (OPTION, None):
        async with daemon(tmp_path, make_profile("alpha", weights)) as first:
            first.instance.start(option)
            assert isinstance(await first.next(), EngineReady)
            pid = first.instance.pid
            assert pid is not None
            if option is None:
                first.kept.leave()
            first.instance.stop()
            assert EngineStopped("alpha") == await first.next()
        assert not psutil.pid_exists(pid)
        assert [] == [record for _, record in read_all(tmp_path)]
