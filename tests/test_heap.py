"""Memory that large bodies have taken goes back to the system."""

import asyncio

import pytest

from hostd import heap
from hostd.heap import LARGE, HeapTrimmer


async def test_trims_once_for_many_large_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ones are not worth it; the next large one is, after a trim."""
    trims: list[None] = []
    monkeypatch.setattr(heap, "trim", lambda: trims.append(None))
    trimmer = HeapTrimmer(after=0.0)
    trimmer.freed(LARGE - 1)
    await _turns()
    assert [] == trims
    for expected in (1, 2):
        for _ in range(3):
            trimmer.freed(LARGE)
        await _turns()
        assert expected == len(trims)


def test_can_be_asked_anywhere() -> None:
    """Where the C library knows nothing of it, nothing happens."""
    heap.map_large_blocks_alone()
    heap.trim()


async def _turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)
    # The thread's own work: a barrier in the same pool, of which every earlier job has been taken.
    await asyncio.to_thread(lambda: None)
    await asyncio.sleep(0.01)
