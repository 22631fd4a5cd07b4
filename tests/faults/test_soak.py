"""Clients that come and go for minutes, in front of a provider that fails at random, leave nothing behind."""

from collections.abc import Iterator

import pytest

from tests.faults.provoked import VirtualStage, pair
from tests.faults.soak import LIMITS, MODELS, soak

GROWTH = 8 << 20
"""Bytes by which Python's own memory may grow: histories of bounded length that fill, and the results of the soak itself."""


@pytest.fixture
def stage() -> Iterator[VirtualStage]:
    """Three models, each with one that stands in for it."""
    virtual = VirtualStage(lambda port: [profile for model in MODELS for profile in pair(model, port, limits=LIMITS)])
    yield virtual
    virtual.close()


def test_leaves_nothing_behind(stage: VirtualStage) -> None:
    """No request without an end, no half answer, no slot that stays taken."""
    report = stage.run(soak(stage.provoked, seconds=30, clients=5, seed=1, measured=False))
    assert [] == report.faults, "\n".join(report.lines)
    assert report.endings["whole"] > 10


@pytest.mark.slow
def test_does_not_grow(stage: VirtualStage) -> None:
    """Over three minutes; `scripts/soak --virtual` goes on for as long as is asked."""
    report = stage.run(soak(stage.provoked, seconds=180, clients=20, seed=2))
    assert [] == report.faults, "\n".join(report.lines)
    assert {"whole", "left", "broken off by an error"} <= set(report.endings)
    assert report.grown < GROWTH
