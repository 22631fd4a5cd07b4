"""What a running daemon has loaded, and the room that is left."""

import json
from pathlib import Path

import pytest

from hostd.cli.daemon_state import Loaded, evictable, free_now, loaded, reckoned_with
from hostd.cli.exits import Code, VerbError
from hostd.domain.host import Host, Pool, PoolKind, Reserve
from tests.cli.recorded import FAILED, READY, Daemon

GIB = 2**30
BUSY, IDLE = Loaded("busy", {"ram": 3 * GIB}, idle=False), Loaded("idle", {"ram": 2 * GIB}, idle=True)


def host(kind: PoolKind, pool: str, free: int, budget: int) -> Host:
    """Return a machine with one pool."""
    return Host("any", "any", 32 * GIB, (Pool(pool, kind, "any", 32 * GIB, free * GIB, budget * GIB),))


MAIN = host(PoolKind.RAM, "ram", 10, 28)


def test_loaded_models_are_read_from_the_status(daemon: Daemon) -> None:
    """Those that hold memory, and whether anybody uses them."""
    idle = READY | {"model": "idle", "in_flight": 0, "queued": 0}
    daemon.on("GET /hostd/v1/status", {"instances": [READY, idle, FAILED]})
    found = loaded(daemon.url)
    assert [("qwen3.5-9b", False), ("idle", True)] == [(model.name, model.idle) for model in found]
    assert {"ram": 6 * GIB} == found[0].held


@pytest.mark.parametrize(
    "answer", [{"instances": [{"model": "a"}]}, {"instances": None}, {}, "not json", {"instances": [3]}]
)
def test_an_answer_that_makes_no_sense_is_no_daemon(daemon: Daemon, answer: object) -> None:
    """A plan goes on without it."""
    daemon.on("GET /hostd/v1/status", answer if isinstance(answer, str) else json.loads(json.dumps(answer)))
    assert [] == loaded(daemon.url)


def test_no_daemon_is_fine(tmp_path: Path) -> None:
    """Nothing is loaded then."""
    assert [] == loaded(f"unix:{tmp_path / 'nothing.sock'}")


def test_a_wrong_address_is_a_wrong_use() -> None:
    """It is not taken for a daemon that does not run."""
    with pytest.raises(VerbError) as raised:
        loaded("http://:x")
    assert Code.USAGE == raised.value.code


def test_rooms_are_what_is_free_and_what_the_budget_leaves() -> None:
    """Whichever is less; what asked models hold is theirs already."""
    assert {"ram": 10 * GIB} == free_now(MAIN, [BUSY, IDLE], ())
    assert {"ram": 12 * GIB} == free_now(MAIN, [BUSY, IDLE], ("idle",))
    small = host(PoolKind.RAM, "ram", 10, 8)
    assert {"ram": 3 * GIB} == free_now(small, [BUSY, IDLE], ())
    assert {"ram": 0} == free_now(host(PoolKind.RAM, "ram", 10, 4), [BUSY, IDLE], ())


def test_main_memory_of_a_mac_is_its_unified_memory() -> None:
    """What a process holds of it counts there."""
    mac = host(PoolKind.UNIFIED, "metal", 20, 20)
    assert {"metal": 17 * GIB} == free_now(mac, [BUSY], ())
    assert {"metal": 2 * GIB} == evictable(mac, [BUSY, IDLE], (), ())[0].held


def test_only_idle_models_go() -> None:
    """Neither busy nor asked for nor pinned ones."""
    assert ["idle"] == [resident.name for resident in evictable(MAIN, [BUSY, IDLE], (), ())]
    assert () == evictable(MAIN, [BUSY, IDLE], ("idle",), ()) == evictable(MAIN, [IDLE], (), ("idle",))


def told(pools: dict[str, int], others: int = 0, **held: dict[str, int]) -> dict[str, object]:
    """Return a daemon's account of its memory, in GiB."""
    rows = [
        {"id": pool, "for_models_bytes": size * GIB, "others_bytes": others * GIB, "room_bytes": 0}
        for pool, size in pools.items()
    ]
    return {
        "pools": rows,
        "held": {model: {pool: size * GIB for pool, size in each.items()} for model, each in held.items()},
    }


def test_the_machine_is_the_one_that_the_daemon_goes_by(daemon: Daemon) -> None:
    """Started with another one's memory, it loads what fits there."""
    daemon.on("GET /hostd/v1/plan", told({"cuda:0": 23, "ram": 60}, 2, a={"cuda:0": 10}))
    found = reckoned_with(MAIN, daemon.url, Reserve())
    assert [
        Pool("cuda:0", PoolKind.VRAM, "", 24 * GIB, 12 * GIB, 23 * GIB),
        Pool("ram", PoolKind.RAM, "any", 64 * GIB, 62 * GIB, 60 * GIB),
    ] == list(found.pools)
    assert 64 * GIB == found.ram_bytes
    assert {"cuda:0": 12 * GIB, "ram": 60 * GIB} == free_now(found, [Loaded("a", {"cuda:0": 10 * GIB}, idle=True)], ())
    daemon.on("GET /hostd/v1/plan", told({"metal": 26}))
    assert [PoolKind.UNIFIED] == [pool.kind for pool in reckoned_with(MAIN, daemon.url, Reserve()).pools]


@pytest.mark.parametrize(
    "answer", [told({"ram": 28}, 4), told({}), {"pools": [{"id": "ram"}]}, {"pools": 3}, "not json"]
)
def test_a_daemon_of_this_machine_changes_nothing(daemon: Daemon, answer: object, tmp_path: Path) -> None:
    """Nor does one that says nothing of use, or none at all."""
    daemon.on("GET /hostd/v1/plan", answer if isinstance(answer, str) else json.loads(json.dumps(answer)))
    assert MAIN is reckoned_with(MAIN, daemon.url, Reserve())
    assert MAIN is reckoned_with(MAIN, f"unix:{tmp_path / 'nothing.sock'}", Reserve())
