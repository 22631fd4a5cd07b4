"""The check of disks."""

from pathlib import Path

import pytest

from hostd.doctor.checks.disk import (
    CACHE,
    LEAST_STATE,
    LITTLE_CACHE,
    LITTLE_STATE,
    STATE,
    DiskFacts,
    check,
    gather,
    judge,
)
from tests.doctor.machine import machine, only


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        pytest.param(DiskFacts(STATE, "/s", LITTLE_STATE), "ok", id="room for records"),
        pytest.param(DiskFacts(STATE, "/s", LITTLE_STATE - 1), "warn", id="little room for records"),
        pytest.param(DiskFacts(STATE, "/s", LEAST_STATE - 1), "fail", id="no room for records"),
        pytest.param(DiskFacts(STATE, "/s", 1 << 40, read_only=True), "fail", id="records cannot be written"),
        pytest.param(DiskFacts(STATE, "/s", 1 << 40, files=False), "fail", id="no inode left"),
        pytest.param(DiskFacts(CACHE, "/c", LITTLE_CACHE), "ok", id="room for a model"),
        pytest.param(DiskFacts(CACHE, "/c", LITTLE_CACHE - 1), "warn", id="no room for a model"),
        pytest.param(DiskFacts(CACHE, "/c", 1 << 40, read_only=True), "warn", id="models of somebody else"),
    ],
)
def test_how_full_is_too_full(facts: DiskFacts, status: str) -> None:
    """Without room for records something is lost; without room for models nothing can be pulled, which may be meant."""
    assert status == only(judge((facts,))).status


def test_folders_need_not_exist_yet(tmp_path: Path) -> None:
    """The disk on which they will be made is looked at."""
    state, cache = gather(tmp_path / "a/b/c", tmp_path / "d")
    assert (STATE, CACHE) == (state.purpose, cache.purpose)
    assert state.free > 0
    assert [str(tmp_path)] * 2 == [state.nearest, cache.nearest]
    assert not state.read_only
    assert {"a", "d"}.isdisjoint(path.name for path in tmp_path.iterdir())


def test_the_cache_is_where_the_hub_keeps_it(tmp_path: Path) -> None:
    """The variables that move it count."""
    (found,) = check(machine(tmp_path, environ={"HF_HOME": str(tmp_path / "big")}))
    assert found.status in ("ok", "warn", "fail")
