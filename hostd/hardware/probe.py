"""Reading of the whole machine from all sources; the failure of one source does not affect the others."""

import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from hostd.domain.host import Host, Pool, PoolKind, Reserve
from hostd.hardware import amd, intel, jetson, nvidia_signs, system
from hostd.hardware.apple import Mac
from hostd.hardware.reading import Reading

if TYPE_CHECKING:
    from hostd.hardware.nvidia import Cards


WINDOWS_CARDS = Path("/dev/dxg")
_NOT_TOLD = (
    "Windows shares a card with this Linux (WSL2), and tells its memory through NVIDIA's driver only: of another card a plan "
    "counts nothing, and the engine decides what it puts there"
)


def probe(reserve: Reserve) -> Host:
    """Return this machine with its pools as they are now; *reserve* is kept out of their budgets.

    Blocks for some milliseconds, longer if a driver has to wake its cards: call it in a thread.
    """
    with closing(Sensors()) as sensors:
        return sensors.read(reserve)


@dataclass
class Sensors:
    """Repeated readings of the machine: drivers stay open in between, and cards that vanish are reported.

    Threads may share it; readings are serialised by a lock.
    """

    platform: str = sys.platform
    mac: Mac = field(default_factory=Mac)

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._machine: system.SystemFacts | None = None
        self._nvidia: Cards | None = None

    def read(self, reserve: Reserve) -> Host:
        """Return the machine with its pools as they are now, and sentences on failed measurements."""
        with self._lock:
            machine = self._machine = self._machine or system.describe()
            found = self._accelerators(reserve)
            # What is not there needs no word where something else is.
            if any(reading.pools for reading in found):
                found = [reading if reading.pools else replace(reading, absences=()) for reading in found]
            # Memory that a graphics device shares is main memory, too.
            if not any(pool.kind is PoolKind.UNIFIED for reading in found for pool in reading.pools):
                found.append(_isolated("main memory", lambda: Reading((system.read(reserve.ram),))))
        pools = tuple(pool for reading in found for pool in reading.pools)
        troubles = tuple(trouble for reading in found for trouble in reading.troubles)
        absences = tuple(absence for reading in found for absence in reading.absences)
        unmeasured = tuple(device for reading in found for device in reading.unmeasured)
        awaited = tuple(device for reading in found for device in reading.awaited)
        return Host(machine.os, machine.cpu, machine.ram_bytes, pools, troubles, absences, unmeasured, awaited)

    def close(self) -> None:
        """Close the drivers; the next reading opens them again."""
        with self._lock:
            if self._nvidia:
                self._nvidia.close()

    def _accelerators(self, reserve: Reserve) -> list[Reading]:
        if self.platform == "darwin":
            return [_isolated("Metal", lambda: self.mac.read(reserve.unified))]

        def main() -> Pool:
            return system.read(reserve.unified)

        nvidia = _isolated("NVIDIA cards", lambda: self._nvidia_cards(reserve.vram, main))
        if not nvidia.pools:
            board = _isolated("Jetson's graphics", lambda: jetson.read(main))
            nvidia = board if board.pools or board.absences else nvidia
        # A processor's graphics are of use for models where there is nothing better.
        shared = None if nvidia.pools else main
        cards = [nvidia, _isolated("AMD cards", lambda: amd.read(reserve.vram, shared=shared))]
        cards.append(_isolated("Intel graphics", intel.read))
        if not any(reading.pools for reading in cards) and nvidia_signs.on_windows() and WINDOWS_CARDS.exists():
            cards.append(Reading(absences=(_NOT_TOLD,), unmeasured=("the cards of Windows",)))
        return cards

    def _nvidia_cards(self, reserve: int, shared: Callable[[], Pool]) -> Reading:
        if self._nvidia is None:
            if not nvidia_signs.card_on_bus() and not nvidia_signs.driver_installed():
                return Reading(absences=(f"NVIDIA cards cannot be measured: {nvidia_signs.NO_LIBRARY}",))
            from hostd.hardware.nvidia import Cards  # noqa: PLC0415 - costs 25 ms and 2 MB, and not every machine needs it

            self._nvidia = Cards()
        return self._nvidia.read(reserve, shared)


def _isolated(what: str, ask: Callable[[], Reading]) -> Reading:
    try:
        return ask()
    except Exception as error:  # noqa: BLE001 - one broken driver must not hide the rest of the machine
        return Reading(troubles=(f"{what} cannot be measured ({type(error).__name__}: {error}); please report this",))
