"""Who holds what of each pool."""

from dataclasses import replace

from hostd.domain.footprint import Component, Footprint, Span
from hostd.domain.lifecycle import State
from hostd.scheduling.view import PoolView
from tests.scheduling.memory import CARD, GIB, Machine, fits
from tests.scheduling.scenario import profile


def test_shows_pools_and_who_holds_them() -> None:
    """What is promised to each model that holds something; of weights and caches what is known."""
    play = Machine({CARD: 10}, a=(fits(6),), b=(fits(6),))
    play.open(profile("a", preload=True), profile("b"))
    play.ready("a")
    use = play.scheduler.memory_use()
    assert (PoolView(CARD, 10 * GIB, 0, 4 * GIB),) == use.pools
    (held,) = use.models
    assert ("a", State.READY, {CARD: 6 * GIB}) == (held.model, held.state, held.promised)
    assert {} == held.weights == held.caches


def test_tells_weights_from_caches() -> None:
    """As the footprint of the way in which the model was loaded expects them; recurrent state is a cache as well."""
    parts = {Component.WEIGHTS: 4, Component.KV: 1, Component.RECURRENT: 1, Component.COMPUTE: 9}
    footprint = Footprint({CARD: {part: Span(0, size * GIB, 10 * GIB) for part, size in parts.items()}})
    play = Machine({CARD: 10}, a=(replace(fits(6), footprint=footprint),))
    play.open(profile("a", preload=True))
    (held,) = play.scheduler.memory_use().models
    assert (State.LOADING, {CARD: 4 * GIB}, {CARD: 2 * GIB}) == (held.state, held.weights, held.caches)
