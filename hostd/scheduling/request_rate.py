"""How often a model is asked for, from the last minutes."""

from dataclasses import dataclass
from math import exp

MEMORY = 300.0
"""Seconds after which a request counts for a third of one that arrived just now."""


@dataclass(slots=True)
class RequestRate:
    """An exponentially decaying count of requests; *at* is when it was last brought up to date (seconds)."""

    count: float = 0.0
    at: float = 0.0

    def add(self, now: float) -> None:
        """Count one request at *now*."""
        self.count = self.count * exp((self.at - now) / MEMORY) + 1.0
        self.at = now

    def rate(self, now: float) -> float:
        """Return the requests per second that are to be expected, from the last minutes."""
        return self.count * exp((self.at - now) / MEMORY) / MEMORY
