"""Measurement of this machine: each source reads one kind of hardware and returns pools, or sentences on failures.

No answer of a driver raises here. A card that fails is left out with a sentence; the others stay.
"""
