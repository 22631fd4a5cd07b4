"""Whether an engine came up without the card that it was placed on: pure, by what it logs.

llama.cpp, and what is built on it, says that a card cannot be used and goes on with the processor, as it has to on machines without
one. The lines are those of ggml's backends for CUDA and ROCm.
"""

import re
from collections.abc import Iterable

_LINES = {
    "cuda": re.compile(r"failed to initialize CUDA|no CUDA-capable device|CUDA driver version is insufficient"),
    "rocm": re.compile(r"failed to initialize ROCm|no ROCm-capable device"),
}


def without_card(lines: Iterable[str], pools: Iterable[str]) -> str | None:
    """Return the line that says that the cards of *pools* cannot be used; None where none of *lines* does."""
    kinds = {pool.partition(":")[0] for pool in pools}
    # A build for both kinds complains of the one that is not there.
    patterns = [_LINES[kind] for kind in kinds if kind in _LINES]
    return next((line for line in lines if any(pattern.search(line) for pattern in patterns)), None)
