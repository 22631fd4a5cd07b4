"""Large bodies are worked on one after another, and never on the event loop."""

import asyncio
import threading

import pytest

from hostd.backends.in_turn import in_turn
from hostd.dialects.json_text import SMALL


async def test_small_bodies_are_not_worth_a_thread() -> None:
    """They are done at once."""
    assert threading.get_ident() == await in_turn(SMALL, threading.get_ident)


async def test_large_bodies_have_one_thread() -> None:
    """However many come at once, two are never worked on at the same time."""
    at_work, most = 0, 0

    def work(name: str) -> tuple[str, int]:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        threading.Event().wait(0.001)
        at_work -= 1
        return name, threading.get_ident()

    found = await asyncio.gather(*(in_turn(SMALL + 1, work, name) for name in "abcdef"))
    assert list("abcdef") == [name for name, _ in found]
    assert 1 == most == len({thread for _, thread in found})
    assert threading.get_ident() not in {thread for _, thread in found}


async def test_errors_come_out() -> None:
    """As from a call."""
    with pytest.raises(ZeroDivisionError):
        await in_turn(SMALL + 1, divmod, 1, 0)
