"""What an earlier daemon left is gone on with where the settings would launch just that, and ended otherwise."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.domain.errors import EngineError
from hostd.domain.profile import Profile
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.events import EngineFailed, EngineKept, EngineReady
from hostd.supervisor.engine_adoption import EngineAdoption
from hostd.supervisor.process.engine_records import read_all, write
from hostd.supervisor.process.process_identity import is_same
from tests.stage import make_profile
from tests.supervisor.kept import OPTION, collect, daemon, forget_daemon, threads


async def left(folder: Path, profile: Profile) -> int:
    """Return the pid of an engine of *profile* that a daemon has left running."""
    async with daemon(folder, profile) as first:
        first.instance.start(OPTION)
        assert isinstance(await first.next(), EngineReady)
        pid = first.instance.pid
        assert pid is not None
        await first.leave()
    forget_daemon(folder)
    return pid


def alive(folder: Path, pid: int) -> bool:
    """Return whether the engine that is recorded, or was, runs."""
    return any(record.pid == pid and is_same(pid, record.start) for _, record in read_all(folder))


async def test_the_same_engine_serves_the_next_daemon(tmp_path: Path, weights: Path) -> None:
    """Its memory counts as its model's at once; it answers, is recorded anew, and ends when it is told to."""
    profile = make_profile("alpha", weights)
    pid = await left(tmp_path, profile)
    async with daemon(tmp_path, profile) as second:
        posted: list[EngineKept] = []
        adoption = EngineAdoption(tmp_path, {"alpha": second.instance}, posted.append)
        assert [pid] == [record.pid for record in await adoption.find()]
        assert (pid, None) == (second.instance.measured_pid, second.instance.pid)
        assert not await adoption.adopt(lambda _: (OPTION,))
        assert [EngineKept("alpha", OPTION)] == posted
        second.instance.start(OPTION)
        ready = await second.next()
        assert isinstance(ready, EngineReady), ready
        assert pid == second.instance.pid
        assert alive(tmp_path, pid)
        second.instance.stop()
        await second.instance.ended()
        assert None is second.instance.measured_pid
    collect(pid)
    assert not alive(tmp_path, pid)


async def test_its_death_is_seen(tmp_path: Path, weights: Path) -> None:
    """How it ended is not known, and no request is charged with it."""
    profile = make_profile("alpha", weights, {"crash_status": 3})
    pid = await left(tmp_path, profile)
    async with daemon(tmp_path, profile) as second:
        adoption = EngineAdoption(tmp_path, {"alpha": second.instance}, lambda _: None)
        await adoption.find()
        await adoption.adopt(lambda _: (OPTION,))
        second.instance.start(OPTION)
        assert isinstance(await second.next(), EngineReady)
        server = second.instance.server
        assert server is not None
        await server.kill()
        failed = await second.next()
        assert isinstance(failed, EngineFailed)
        assert "only the daemon which started it" in failed.detail
        assert not failed.self_inflicted
    collect(pid)


def nothing(_: Profile) -> tuple[LoadOption, ...]:
    """Find no way to load a model."""
    return ()


def fails(_: Profile) -> tuple[LoadOption, ...]:
    """Find that the files are gone."""
    raise EngineError("there is no such file")


@pytest.mark.parametrize("options", [nothing, fails, lambda _: (OPTION,)], ids=["none", "fails", "changed"])
async def test_what_does_not_fit_is_ended(
    options: Callable[[Profile], tuple[LoadOption, ...]], tmp_path: Path, weights: Path
) -> None:
    """Whatever the reason, nothing of it is left, and its memory is nobody's."""
    profile = make_profile("alpha", weights)
    pid = await left(tmp_path, profile)
    async with daemon(tmp_path, threads(profile, 3)) as second:
        posted: list[EngineKept] = []
        adoption = EngineAdoption(tmp_path, {"alpha": second.instance}, posted.append)
        await adoption.find()
        assert await adoption.adopt(options)
        assert ([], None) == (posted, second.instance.measured_pid)
    assert not alive(tmp_path, pid)
    collect(pid)


async def test_one_whose_socket_is_gone_is_not_waited_for(tmp_path: Path, weights: Path) -> None:
    """It cannot be reached any more, so another one is started at once."""
    profile = make_profile("alpha", weights)
    pid = await left(tmp_path, profile)
    for path, record in read_all(tmp_path):
        assert record.kept is not None
        write(tmp_path, replace(record, kept=replace(record.kept, address=str(path.with_name("gone.sock")))))
    async with daemon(tmp_path, profile) as second:
        adoption = EngineAdoption(tmp_path, {"alpha": second.instance}, lambda _: None)
        await adoption.find()
        assert await adoption.adopt(lambda _: (OPTION,))
    assert not alive(tmp_path, pid)
    collect(pid)


async def test_the_engine_of_a_model_that_is_gone_is_ended(tmp_path: Path, weights: Path) -> None:
    """So nothing is held for what cannot be asked for."""
    pid = await left(tmp_path, make_profile("alpha", weights))
    adoption = EngineAdoption(tmp_path, {}, lambda _: None)
    await adoption.find()
    assert await adoption.adopt(lambda _: (OPTION,))
    assert not alive(tmp_path, pid)
    collect(pid)
