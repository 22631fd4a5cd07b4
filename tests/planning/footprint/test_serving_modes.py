"""Serving modes of each engine."""

from dataclasses import replace

from hostd.planning.footprint.levers import LlamaCppServing
from hostd.planning.footprint.serving_modes import llamacpp_mode
from tests.planning.footprint.test_levers import SERVED, SHAPE


def test_llamacpp_can_leave_layers_on_the_host() -> None:
    """All layers and the output; none to choose where the owner fixed them."""
    fixed = LlamaCppServing(SHAPE, replace(SERVED.serving, gpu_layers=3))
    assert (33, 0) == (llamacpp_mode("a", "llamacpp", SERVED).layers, llamacpp_mode("a", "llamacpp", fixed).layers)
