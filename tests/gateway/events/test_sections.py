"""The parts of the state."""

import asyncio
import itertools

import pytest

from hostd.domain.host import Host, Pool, PoolKind
from hostd.domain.lifecycle import State
from hostd.gateway.events import sections
from hostd.scheduling.memory_use import ModelMemory
from tests.conftest import OpenDaemon
from tests.journeys.host import MODELS
from tests.stage import Stage, make_profile, make_settings, until

pytestmark = pytest.mark.asyncio(loop_scope="session")
GIB = 1 << 30


async def test_the_memory_of_a_pool_adds_up(open_daemon: OpenDaemon) -> None:
    """Other programs, what each model holds by use and may yet grow to, the reserve and the room are all of it."""
    pool = Pool("ram", PoolKind.RAM, "Main memory", total=8 * GIB, free=6 * GIB, budget=7 * GIB)
    host = Host("linux", "a processor", 8 * GIB, (pool,))
    profile = make_profile("tiny", MODELS / "tiny-chat.gguf", context=2048)
    async with open_daemon(make_settings(profile), machine=host) as stage:
        stage.app.dispatcher.post(await stage.app.memory.measure())
        (shown,) = sections.memory(stage.app.for_admin())["pools"]
        (held,) = shown["models"]
        assert ("ram", "ram", "Main memory") == (shown["id"], shown["kind"], shown["name"])
        assert ("tiny", "ready") == (held["model"], held["state"])
        parts = [held[f"{name}_bytes"] for name in ("weights", "kv", "other", "growth")]
        assert all(part >= 0 for part in parts)
        assert sum(parts[:3]) > 1_000_000
        rest = [shown[f"{name}_bytes"] for name in ("others", "reserve", "room")]
        assert shown["total_bytes"] == sum(parts) + sum(rest) == 8 * GIB


async def test_what_has_not_changed_is_not_sent_again(stage: Stage) -> None:
    """Nothing in it counts time: twice the same, however much later."""
    services = stage.app.for_admin()
    await stage.script("strict", first_token_delay=0.5)
    stage.begin("strict")
    await until(lambda: stage.model_state("strict").serving)
    seen = []
    for _ in range(2):
        seen.append([section(services) for section in (sections.status, sections.models, sections.requests)])
        await asyncio.sleep(0.02)
    assert seen[0] == seen[1]
    assert ["strict"] == [row["model"] for row in seen[0][2]["requests"]]


async def test_of_a_long_queue_the_beginning_is_shown(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is a number."""
    monkeypatch.setattr(sections, "MOST_REQUESTS", 1)
    await stage.script("strict", first_token_delay=0.5)
    for count in itertools.count(1):
        stage.begin("strict")
        await until(lambda count=count: len(stage.model_state("strict").queue) == count - 1)  # type: ignore[misc]
        if count == 3:
            break
    shown = sections.requests(stage.app.for_admin())
    assert ([None, 1], 1) == ([row["position"] for row in shown["requests"]], shown["left_out"])


@pytest.mark.parametrize(
    ("measured", "parts"),
    [(0, (0, 0, 0, 100)), (30, (30, 0, 0, 70)), (70, (50, 20, 0, 30)), (95, (50, 30, 15, 5)), (200, (50, 30, 20, 0))],
)
async def test_what_is_measured_is_weights_first(measured: int, parts: tuple[int, ...]) -> None:
    """Then caches, then the rest, and what is promised beyond that is growth; never more than is promised."""
    held = ModelMemory("a", State.LOADING, {"ram": 100}, {"ram": 50}, {"ram": 30})
    shown = sections.share(held, "ram", {"ram": measured})
    assert parts == tuple(shown[f"{name}_bytes"] for name in ("weights", "kv", "other", "growth"))
