"""A histogram's numbers: plain sums while requests are served, made into Prometheus' form only at a scrape."""

from bisect import bisect_right
from collections.abc import Iterable

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
        self._count = 0
        self._within = [0] * len(bounds)

    def add(self, values: Iterable[float]) -> None:
        """Count observations: many at once take a bucket about as long as one."""
        ordered = sorted(values)
        self.sum += sum(ordered)
        self._count += len(ordered)
        self._within = [
            count + bisect_right(ordered, bound) for bound, count in zip(self._bounds, self._within, strict=True)
        ]

    def __bool__(self) -> bool:
        """Return whether anything was counted."""
        return self._count > 0

    def buckets(self) -> list[tuple[str, float]]:
        """Return the cumulative counts by upper bound, as Prometheus wants them."""
        bounds = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        return list(zip(bounds, map(float, (*self._within, self._count)), strict=True))
