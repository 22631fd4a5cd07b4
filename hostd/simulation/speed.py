"""Estimated speed of a model on a machine where it was not measured.

Each token of an answer reads the weights that take part in it once, so that the memory's bandwidth is the limit; prompts are
read many tokens at a time, so that arithmetic is, which grows with bandwidth from one generation of a kind of machine to the next.
"""

from collections.abc import Iterable

from hostd.domain.host import Pool, PoolKind
from hostd.planning.footprint.decode_speed import bandwidth
from hostd.planning.warm_set.load_option import LoadOption
from hostd.simulation.host_model import SimulatedSpeed

EFFICIENCY = 0.6
"""The share of the bandwidth that llama.cpp reaches when it decodes (60 to 75 % in its published benchmarks of 4-bit models)."""

PROMPT_FACTOR = {PoolKind.VRAM: 40.0, PoolKind.UNIFIED: 12.0, PoolKind.RAM: 6.0}
"""Tokens of a prompt read in the time of one of the answer: about 4,500 to 110 a second for 8 billion parameters on an RTX 3090."""


def estimate(read: int, option: LoadOption, pools: Iterable[Pool]) -> SimulatedSpeed:
    """Return the speed of a model that reads *read* bytes for each token, loaded as *option* says."""
    known = {pool.id: pool for pool in pools}
    held = {pool: count for pool, count in option.needs.items() if pool in known}
    total = sum(held.values())
    if option.placement.devices and option.gpu_layers is None:
        held = {pool: held.get(pool, 0) for pool, _ in option.placement.devices if pool in known}
        total = sum(held.values())
    if not total:
        return SimulatedSpeed(prompt=100.0, output=10.0)
    seconds = sum(count / total / bandwidth(known[pool]) for pool, count in held.items())
    output = EFFICIENCY / (read * seconds)
    slowest = min(PROMPT_FACTOR[known[pool].kind] for pool in held)
    return SimulatedSpeed(prompt=slowest * output, output=output)
