"""A model on a card: unloaded before the machine sleeps and loaded again after it, or proved where no sleep was announced."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from hostd import host_sleep
from hostd.demo import settings_file
from hostd.domain.host import Host, Pool, PoolKind
from hostd.domain.lifecycle import State
from hostd.host_sleep import HostSleep
from tests.conftest import OpenDaemon
from tests.stage import Stage, make_profile, make_settings, until

GIB = 1 << 30
MODEL = settings_file().parent / "models" / "tiny-chat.gguf"
CARD = Pool("cuda:0", PoolKind.VRAM, "A card", 24 * GIB, 24 * GIB, 24 * GIB)
RAM = Pool("ram", PoolKind.RAM, "Main memory", 16 * GIB, 16 * GIB, 16 * GIB)
MACHINE = Host("Linux", "any", 16 * GIB, (CARD, RAM))


async def ready(stage: Stage) -> None:
    """Wait until the model serves."""
    await until(lambda: stage.model_state("alpha").state is State.READY)


async def test_a_sleep_that_is_announced(open_daemon: OpenDaemon) -> None:
    """The card is empty when that returns, and the model is back some time after the machine is."""
    async with open_daemon(make_settings(make_profile("alpha", MODEL, context=2048)), machine=MACHINE) as stage:
        assert stage.instance("alpha").on_card
        sleep = HostSleep(stage.app)
        await sleep.before(20.0)
        assert not stage.instance("alpha").on_card
        waiting = asyncio.create_task(stage.ask("alpha"))
        sleep.after()
        assert 200 == (await waiting).status
        await ready(stage)


async def test_a_sleep_that_only_the_clocks_show(open_daemon: OpenDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine runs on, and makes a token before the next request gets to it."""
    slept = [0.0]
    monkeypatch.setattr(host_sleep, "SleepClock", lambda resumed: _clock(resumed, slept))
    async with open_daemon(make_settings(make_profile("alpha", MODEL, context=2048)), machine=MACHINE) as stage:
        pid = stage.instance("alpha").pid
        async with AsyncExitStack() as stack:
            sleep = HostSleep(stage.app)
            sleep.follow(stack)
            slept[0] = 3600.0
            sleep.clock.look()
            assert stage.model_state("alpha").unproven
            assert 200 == (await stage.ask("alpha")).status
        assert (pid, False) == (stage.instance("alpha").pid, stage.model_state("alpha").unproven)


async def test_a_machine_that_does_not_wait_for_ever(open_daemon: OpenDaemon) -> None:
    """Nothing is waited for where no card has anything."""
    async with open_daemon(make_settings(make_profile("alpha", MODEL, context=2048))) as stage:
        async with asyncio.timeout(5):
            await HostSleep(stage.app).before(60.0)
        await ready(stage)


def _clock(resumed: object, slept: list[float]) -> object:
    from hostd.runtime.sleep_clock import SleepClock  # noqa: PLC0415 - the name is patched above

    return SleepClock(resumed, lambda: slept[0])  # type: ignore[arg-type]
