"""An attempt ends when it takes too long, and says which of its limits it was."""

import asyncio
import socket

import pytest

from hostd.domain.profile import Limits
from hostd.domain.reason import FallbackReason
from hostd.gateway.forwarding.timeouts import AttemptTimeout, TimeoutMonitor
from tests.virtual_time import VirtualTimeLoop, in_virtual_time

LIMITS = Limits(first_token_timeout=30.0, stall_timeout=45.0)


def now() -> float:
    """Return the loop's time."""
    return asyncio.get_running_loop().time()


@in_virtual_time
async def test_waits_so_long_for_a_first_token() -> None:
    """Without any progress it is over after first_token_timeout."""
    timeout, began = AttemptTimeout(TimeoutMonitor(), LIMITS, 600.0), now()
    with pytest.raises(TimeoutError), timeout:
        await asyncio.sleep(1000)
    assert (30.0, FallbackReason.FIRST_TOKEN_TIMEOUT) == (now() - began, timeout.reason)


@in_virtual_time
async def test_a_prompt_that_is_read_has_as_long_as_its_owner_says() -> None:
    """Progress is no excuse then, nor what the engine would say of it; and that is told from a silent engine."""
    limits, began = Limits(first_token_timeout=30.0, prefill_timeout=100.0), now()

    async def sign() -> float:
        return now()

    timeout = AttemptTimeout(TimeoutMonitor(), limits, 600.0, sign)

    async def attempt() -> None:
        while True:
            await asyncio.sleep(9)
            timeout.progress(now(), answer=False)

    with pytest.raises(TimeoutError), timeout:
        await attempt()
    assert (100.0, FallbackReason.FIRST_TOKEN_TIMEOUT, True) == (now() - began, timeout.reason, timeout.read_too_long)


@in_virtual_time
async def test_waits_so_long_between_tokens() -> None:
    """After the last progress it is over once stall_timeout has passed, to the second."""
    timeout, began = AttemptTimeout(TimeoutMonitor(), LIMITS, 600.0), now()

    async def attempt() -> None:
        for answer in (False, *[True] * 9):
            await asyncio.sleep(29)
            timeout.progress(now(), answer=answer)
        await asyncio.sleep(1000)

    with pytest.raises(TimeoutError), timeout:
        await attempt()
    assert (335.0, FallbackReason.STALL) == (now() - began, timeout.reason)


@pytest.mark.parametrize("progress", [True, False])
@in_virtual_time
async def test_keeps_to_the_whole_time(progress: bool) -> None:
    """When the ticket's time is up there is no reason: no other target would have any more of it."""
    timeout, began = AttemptTimeout(TimeoutMonitor(), LIMITS, 20.0), now()
    if progress:
        timeout.progress(now())
    with pytest.raises(TimeoutError), timeout:
        await asyncio.sleep(1000)
    assert (20.0, None) == (now() - began, timeout.reason)


@in_virtual_time
async def test_asks_when_the_engine_last_worked() -> None:
    """It is waited for while the engine shows progress elsewhere, and from its last sign as long as a limit lasts."""
    asked: list[float] = []
    began = now()

    async def sign() -> float | None:
        asked.append(now() - began)
        return began + 50.0 if len(asked) > 1 else now()

    timeout = AttemptTimeout(TimeoutMonitor(), LIMITS, 600.0, sign)
    with pytest.raises(TimeoutError), timeout:
        await asyncio.sleep(1000)
    assert [30.0, 60.0, 80.0] == asked
    assert (80.0, FallbackReason.FIRST_TOKEN_TIMEOUT) == (now() - began, timeout.reason)


@in_virtual_time
async def test_what_shows_nothing_has_only_its_limit() -> None:
    """There is no benefit of a doubt that nothing gives rise to."""

    async def sign() -> float | None:
        return None

    timeout, began = AttemptTimeout(TimeoutMonitor(), LIMITS, 600.0, sign), now()
    with pytest.raises(TimeoutError), timeout:
        await asyncio.sleep(1000)
    assert 30.0 == now() - began


@pytest.mark.parametrize("seconds", [10.0, 1e6])
@in_virtual_time
async def test_keeps_to_the_whole_time_while_it_asks(seconds: float) -> None:
    """The question when the engine worked must not make the request late."""

    async def sign() -> float | None:
        await asyncio.sleep(seconds)
        return now()

    timeout, began = AttemptTimeout(TimeoutMonitor(), LIMITS, 35.0, sign), now()
    with pytest.raises(TimeoutError), timeout:
        await asyncio.sleep(1000)
    assert (35.0, None) == (now() - began, timeout.reason)


def stand_still(seconds: float) -> None:
    """Hold up the loop, as a body that takes long to parse does, or a suspended machine."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop.pass_time(seconds)


@pytest.mark.parametrize(("at", "seconds"), [(5.0, 300.0), (29.5, 0.6), (29.9, 0.2), (10.0, 21.0)])
@in_virtual_time
async def test_a_loop_that_stood_still_is_not_the_engine_s_fault(at: float, seconds: float) -> None:
    """What arrived meanwhile is read before a limit counts as passed."""
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    timeout = AttemptTimeout(TimeoutMonitor(), LIMITS, 600.0)

    async def attempt() -> bytes:
        await asyncio.sleep(at)
        theirs.send(b"a token")
        stand_still(seconds)
        return await reader.read(100)

    with timeout:
        assert b"a token" == await attempt()
    writer.close()
    theirs.close()


@in_virtual_time
async def test_the_time_that_the_loop_stood_still_does_not_count() -> None:
    """The engine may have been suspended, too, and gets its whole limit."""
    timeout, began = AttemptTimeout(TimeoutMonitor(), LIMITS, 600.0), now()

    async def attempt() -> None:
        await asyncio.sleep(20)
        stand_still(1000.0)
        await asyncio.sleep(1e6)

    with pytest.raises(TimeoutError), timeout:
        await attempt()
    assert 1030.0 <= now() - began <= 1031.0
    assert FallbackReason.FIRST_TOKEN_TIMEOUT is timeout.reason


@in_virtual_time
async def test_lets_a_timely_answer_be() -> None:
    """What is done in time is not disturbed, and nothing rings afterwards."""
    timeout = AttemptTimeout(TimeoutMonitor(), LIMITS, 600.0)
    with timeout:
        await asyncio.sleep(29)
    await asyncio.sleep(1000)
    assert timeout.reason is None


def test_uvloops_timers_that_are_due_already() -> None:
    """They have no time to be asked for; what is watched next is looked at all the same."""
    uvloop = pytest.importorskip("uvloop")

    async def watch() -> list[float]:
        monitor, seen = TimeoutMonitor(), list[float]()

        class Due:
            due = now() - 1.0

            def look(self, at: float) -> None:
                seen.append(at)
                self.due = float("inf")

            def excuse(self, seconds: float) -> None:
                pass

        monitor.begin(Due())
        monitor.begin(Due())
        await asyncio.sleep(0.01)
        return seen

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert 2 == len(runner.run(watch()))
