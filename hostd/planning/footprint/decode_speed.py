"""How fast a model answers: each token reads the weights that take part in it once, from where they lie.

The constants are fitted to public measurements on one machine, an RTX 2080 of 448 GB/s beside a Core i9-10900X with four channels
of DDR4 (AlexsJones/llmfit pull requests 755, 773 to 775 and 778): models whole on the card, dense ones with some layers on the
processor, and mixtures with experts there. They are estimates: a processor's memory is guessed, and long contexts read their
cache besides.
"""

from hostd.domain.host import Host, Pool, PoolKind
from hostd.domain.shape import Shape
from hostd.planning.footprint.llamacpp_serving import Placement

# Gigabytes a second, from the makers' data sheets; of several names that match, the first counts.
_BANDWIDTH = {
    "RTX 2080": 448,
    "RTX 3060": 360,
    "RTX 3090": 936,
    "RTX 4060 Ti": 288,
    "RTX 4070 Ti SUPER": 672,
    "RTX 4070": 504,
    "RTX 4080": 717,
    "RTX 4090": 1008,
    "RTX 5070 Ti": 896,
    "RTX 5070": 672,
    "RTX 5080": 960,
    "RTX 5090": 1792,
    "RTX A6000": 768,
    "RTX PRO 6000": 1792,
    "L40S": 864,
    "NVIDIA L4": 300,
    "Tesla T4": 320,
    "A100": 1935,
    "H100": 3350,
    "H200": 4800,
    "GB10": 273,
    "RX 7900 XTX": 960,
    "W7900": 864,
    "8060S": 256,
    "M3 Ultra": 819,
    "M5 Max": 614,
    "M4 Max": 546,
    "M3 Max": 400,
    "M2 Max": 400,
    "M1 Max": 400,
    "M4 Pro": 273,
    "M1": 68,
    "M4": 120,
    "M5": 153,
}
_USUAL = {PoolKind.VRAM: 600, PoolKind.UNIFIED: 200, PoolKind.RAM: 60}
_GIGA = 1e9

DEVICE_SHARE = 0.8
"""The share of its bandwidth that a device reaches: 8 billion parameters of 4.9 GB at 71.9 tokens a second are 79 % of 448 GB/s."""

PROCESSOR = 45 * _GIGA
"""Bytes a second that a processor reads of quantised weights while it multiplies: 44 to 50 where four layouts were measured."""

OF_A_SERVER, SERVER = 3, 256 * 2**30
"""How many times as much a server's memory gives, with eight channels or more; one is known by the size of its memory."""

PER_LAYER = 0.25e-3
"""Seconds that each layer with weights on the processor costs besides: its inputs and outputs cross to the card and back."""

PER_TOKEN = 1e-3
"""Seconds of each token that do not depend on weights: sampling, and the launch of the graph."""


def active_bytes(shape: Shape) -> int:
    """Return the bytes of the weights that take part in one token: all but the experts that are not picked."""
    share = shape.experts_used / shape.experts if shape.experts else 1.0
    dense = sum(layer.dense_bytes for layer in shape.layers)
    experts = sum(layer.expert_bytes for layer in shape.layers)
    if shape.experts and not experts:
        # Where a header does not tell experts from the rest, nearly all of the weights are theirs.
        dense, experts = round(dense * 0.1), round(dense * 0.9)
    head = shape.tables.output or shape.tables.token_embedding
    return max(1, dense + round(experts * share) + head)


def tokens_per_second(shape: Shape, placement: Placement, gpu_layers: int | None, host: Host) -> float:
    """Return the tokens that one request gets in a second, estimated, with *gpu_layers* on the devices (None: all); 0 for none."""
    share = shape.experts_used / shape.experts if shape.experts else 1.0
    pools = placement.layers(len(shape.layers), gpu_layers)
    there = dict.fromkeys({*pools, placement.host}, 0.0)
    crossing = 0
    for number, layer in enumerate(shape.layers):
        experts = placement.host if number < placement.cpu_experts else pools[number]
        there[pools[number]] += layer.dense_bytes
        there[experts] += layer.expert_bytes * share
        crossing += placement.host in (pools[number], experts) and not placement.unified
    there[pools[-1]] += shape.tables.output or shape.tables.token_embedding
    known = {pool.id: pool for pool in host.pools}
    seconds = sum(read / _reads(known.get(pool), host) for pool, read in there.items())
    return 1 / (seconds + PER_LAYER * crossing + PER_TOKEN) if shape.layers else 0.0


def bandwidth(pool: Pool) -> float:
    """Return the bytes a second that the memory of *pool* gives, by its maker's word or as is usual for its kind."""
    named = next((speed for name, speed in _BANDWIDTH.items() if name in pool.name), None)
    return (named or _USUAL[pool.kind]) * _GIGA


def _reads(pool: Pool | None, host: Host) -> float:
    if pool is None or pool.kind is PoolKind.RAM:
        return PROCESSOR * (OF_A_SERVER if host.ram_bytes >= SERVER else 1)
    return DEVICE_SHARE * bandwidth(pool)
