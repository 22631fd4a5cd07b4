"""A histogram's numbers: plain sums while requests are served, made into Prometheus' form only at a scrape."""

from bisect import bisect_left
from itertools import accumulate

SECONDS = (
    0.01,
    0.02,
    0.04,
    0.08,
    0.16,
    0.32,
    0.64,
    1.28,
    2.56,
    5.12,
    10.24,
    20.48,
    40.96,
    81.92,
    163.84,
    327.68,
    655.36,
)
"""Bounds of durations: those of OpenTelemetry's ``gen_ai.client.operation.duration``, and three more for long answers."""
SECONDS_PER_TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
"""Bounds of OpenTelemetry's ``gen_ai.server.time_per_output_token``."""


class HistogramCounts:
    """Counts observations by *bounds*, which ascend."""

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        self.sum = 0.0
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)

    def add(self, value: float) -> None:
        """Count one observation."""
        self.sum += value
        self._counts[bisect_left(self._bounds, value)] += 1

    def buckets(self) -> list[tuple[str, float]]:
        """Return the cumulative counts by upper bound, as Prometheus wants them."""
        bounds = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        return list(zip(bounds, accumulate(float(count) for count in self._counts), strict=True))
