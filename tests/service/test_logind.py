"""The sleep of the machine waits for hostd as long as it may, each time, and hostd survives whatever the bus does."""

import asyncio
import os
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import structlog

from hostd.service import logind as logind_module
from hostd.service.logind import SleepDelay
from tests.service.login1 import Login1, bus
from tests.stage import until


def is_held(lock: int) -> bool:
    """Return whether the other end of *lock* is open."""
    os.set_blocking(lock, False)
    try:
        return os.read(lock, 1) != b""
    except BlockingIOError:
        return True


async def test_holds_the_sleep_until_it_is_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is given back then, and taken anew when the machine is awake, for the next time."""
    with bus(tmp_path, monkeypatch), closing(Login1()) as logind:
        given, done, awake = list[float](), asyncio.Event(), asyncio.Event()

        async def prepare(seconds: float) -> None:
            given.append(seconds)
            await done.wait()

        delay = SleepDelay(prepare, awake.set)
        delay.start()
        for turn in range(2):
            await until(partial(lambda turns: len(logind.locks) == turns, turn + 1))
            done.clear()
            await asyncio.sleep(0.1)  # the lock is known before the word is heard
            logind.say(True)
            await until(partial(lambda turns: len(given) == turns, turn + 1))
            assert is_held(logind.locks[-1])
            done.set()
            await until(lambda: not is_held(logind.locks[-1]))
            logind.say(False)
            await asyncio.wait_for(awake.wait(), 20)
            awake.clear()
        assert [2.5, 2.5] == given
        await until(lambda: len(logind.locks) == 3)
        delay.close()
        await until(lambda: not is_held(logind.locks[-1]))


async def test_does_not_hold_it_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not prepared in time, or fails, delays nobody."""
    with bus(tmp_path, monkeypatch), closing(Login1()) as logind:

        async def prepare(seconds: float) -> None:
            raise RuntimeError(seconds)

        delay = SleepDelay(prepare, lambda: None)
        delay.start()
        await until(lambda: len(logind.locks) == 1)
        await asyncio.sleep(0.1)
        logind.say(True)
        await until(lambda: not is_held(logind.locks[0]))
        delay.close()


async def test_without_a_bus_it_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Later it tries again."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    monkeypatch.setattr(logind_module, "_AGAIN_AFTER", 0.01)

    async def prepare(seconds: float) -> None:
        raise AssertionError(seconds)

    with structlog.testing.capture_logs() as logs:
        delay = SleepDelay(prepare, lambda: None)
        delay.start()
        await asyncio.sleep(0.3)
        delay.close()
    assert ["suspend_not_announced"] == [each["event"] for each in logs]
    assert "none" in logs[0]["why"] or "No such file" in logs[0]["why"]
