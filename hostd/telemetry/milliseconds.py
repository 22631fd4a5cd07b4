"""Times in milliseconds, rounded: each request has several, and ``round()`` goes by way of decimal digits, five times as long."""

_ROUNDER = 1.5 * 2.0**52
"""A double as large as this has no bits below one, so that a sum with it is rounded to an integer, at a tie to an even one."""


def in_tenths(seconds: float) -> float:
    """Return *seconds* in milliseconds with one decimal."""
    return (seconds * 10_000.0 + _ROUNDER - _ROUNDER) / 10.0


def in_hundredths(seconds: float) -> float:
    """Return *seconds* in milliseconds with two decimals."""
    return (seconds * 100_000.0 + _ROUNDER - _ROUNDER) / 100.0
