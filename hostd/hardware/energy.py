"""What NVIDIA's cards have taken from the mains, by the counter that their driver keeps (Volta and later)."""

from collections.abc import Callable
from contextlib import suppress

from hostd.hardware.nvidia_signs import card_on_bus


class EnergyCounter:
    """Tells the energy of all cards from one reading to the next."""

    def __init__(self, on_bus: Callable[[], bool] = card_on_bus) -> None:
        self._on_bus = on_bus
        self._last: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<EnergyCounter of {len(self._last)} cards>"

    def taken(self) -> float | None:
        """Return the joules since the last reading; None at the first one, and where no card tells. Blocks for milliseconds."""
        if not self._on_bus():
            return None
        from hostd.hardware import nvml  # noqa: PLC0415 - costs 25 ms and 2 MB, and not every machine needs it

        found: dict[str, float] = {}
        with suppress(nvml.NvmlFault):
            # The library counts its users, so this leaves the driver open for whoever else has opened it.
            nvml.start()
            try:
                for index in range(nvml.count()):
                    with suppress(nvml.NvmlFault):
                        card = nvml.device(index)
                        found[nvml.uuid(card)] = nvml.energy(card)
            finally:
                nvml.stop()
        known = found.keys() & self._last.keys()
        # A driver that was loaded anew begins at nought.
        joules = sum(
            found[uuid] - self._last[uuid] if found[uuid] >= self._last[uuid] else found[uuid] for uuid in known
        )
        self._last = found
        return joules if known else None
