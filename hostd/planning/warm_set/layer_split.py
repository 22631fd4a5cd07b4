"""Layers dealt to several devices by their bytes: models have layers of unequal size, and some keep their experts on the host."""

from collections.abc import Sequence
from dataclasses import replace

from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.footprint.serving_modes import FreeBytes, ServingMode


def dealt(mode: ServingMode, placement: Placement, free: FreeBytes, gpu_layers: int | None = None) -> Placement:
    """Return *placement* with whole numbers of layers as its shares, so that the fullest of its devices is as empty as can be.

    *gpu_layers* are how many layers go to the devices (None: all). A mode whose layers hostd does not deal is placed as it was.
    """
    devices = [pool for pool, _ in placement.devices]
    count = mode.dealt if gpu_layers is None else min(gpu_layers, mode.dealt)
    if len(devices) < 2 or count < len(devices):
        return placement
    search = _Search(mode, placement, free, gpu_layers)
    shares = _in_proportion([free.get(pool, 0) for pool in devices], count)
    # Each pair of neighbours is balanced by bisection; more than two devices need a second round.
    for _ in range(1 if len(devices) == 2 else 3):
        for left in range(len(devices) - 1):
            shares = search.balanced(shares, left)
    return search.placed(shares)


class _Search:
    def __init__(self, mode: ServingMode, placement: Placement, free: FreeBytes, gpu_layers: int | None) -> None:
        self._mode, self._placement, self._free, self._gpu_layers = mode, placement, free, gpu_layers

    def placed(self, shares: Sequence[int]) -> Placement:
        names = (pool for pool, _ in self._placement.devices)
        return replace(
            self._placement, devices=tuple((pool, float(share)) for pool, share in zip(names, shares, strict=True))
        )

    def fullness(self, shares: Sequence[int]) -> list[float]:
        """Return what part of its free memory each device would need."""
        there = self._mode.estimate(self.placed(shares), self._gpu_layers)
        return [there.needed(pool) / max(1, self._free.get(pool, 0)) for pool, _ in self._placement.devices]

    def balanced(self, shares: Sequence[int], left: int) -> list[int]:
        """Return *shares* with those of the devices *left* and its right neighbour dealt anew."""
        both = shares[left] + shares[left + 1]

        def trial(count: int) -> list[int]:
            return [*shares[:left], count, both - count, *shares[left + 2 :]]

        # The more layers the left one has, the fuller it is and the emptier the right one.
        least, most = 1, both - 1
        while least < most:
            middle = (least + most + 1) // 2
            found = self.fullness(trial(middle))
            least, most = (middle, most) if found[left] <= found[left + 1] else (least, middle - 1)
        near = [trial(count) for count in (least, least + 1) if count < both]
        return min(near, key=lambda each: max(self.fullness(each)))


def _in_proportion(room: Sequence[int], count: int) -> list[int]:
    total = max(1, sum(room))
    shares = [max(1, count * each // total) for each in room]
    shares[-1] = max(1, count - sum(shares[:-1]))
    # Where a device has hardly any room, its one layer is another's.
    while sum(shares) > count:
        shares[shares.index(max(shares))] -= 1
    return shares
