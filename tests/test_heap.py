"""Memory that large bodies have taken goes back to the system."""

import asyncio

import pytest

from hostd import heap
from hostd.heap import LARGE, HeapTrimmer


async def test_trims_once_for_many_large_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ones are not worth it; the next large one is, after a trim."""
    loop, trimmed, trims = asyncio.get_running_loop(), asyncio.Event(), list[int]()

    def trim() -> None:
        trims.append(len(trims))
        loop.call_soon_threadsafe(trimmed.set)

    monkeypatch.setattr(heap, "trim", trim)
    trimmer = HeapTrimmer(after=0.0)
    trimmer.freed(LARGE - 1)
    for expected in ([0], [0, 1]):
        trimmed.clear()
        for _ in range(3):
            trimmer.freed(LARGE)
        await asyncio.wait_for(trimmed.wait(), 30)
        assert expected == trims


def test_can_be_asked_anywhere() -> None:
    """Where the C library knows nothing of it, nothing happens."""
    heap.map_large_blocks_alone()
    heap.trim()
