"""Seeded random numbers: the same seed gives the same trace on every machine and in every version of Python."""

from math import log

_MASK = 2**64 - 1


class SplitMix:
    """SplitMix64 (Steele, Lea and Flood, 2014), seeded by numbers and words."""

    def __init__(self, *seed: int | str) -> None:
        self._state = 0
        for part in seed:
            for byte in str(part).encode() + b"/":
                self._state = (self._state * 0x100000001B3 ^ byte) & _MASK

    def uniform(self) -> float:
        """Return a number from 0 up to, but not including, 1."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & _MASK
        return ((mixed ^ mixed >> 31) >> 11) / 2**53

    def between(self, low: float, high: float) -> float:
        """Return a number between *low* and *high*, all equally likely."""
        return low + (high - low) * self.uniform()

    def wait(self, mean: float) -> float:
        """Return an exponentially distributed time of that mean."""
        return -mean * log(1.0 - self.uniform())

    def size(self, mean: float) -> float:
        """Return a size around *mean* that is often small and sometimes large: Gamma of shape 2, of that mean."""
        return (self.wait(mean) + self.wait(mean)) / 2
