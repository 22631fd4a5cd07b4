"""The machine as a planner sees it: pools of memory, and how much of each which process holds."""

from dataclasses import dataclass
from enum import StrEnum


class PoolKind(StrEnum):
    """What sort of memory a pool is; each is budgeted by rules of its own."""

    VRAM = "vram"
    UNIFIED = "unified"
    RAM = "ram"


@dataclass(frozen=True, slots=True)
class Reserve:
    """Memory that hostd leaves to everything else on the machine, in bytes: of each card, of shared memory, of main memory."""

    vram: int = 1 * 2**30
    unified: int = 6 * 2**30
    ram: int = 4 * 2**30


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds memory of a pool, ours or not; *bytes* None where the driver does not tell."""

    pid: int
    name: str
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Pool:
    """Memory that is budgeted together: one GPU's VRAM, a Mac's unified memory, or host RAM (all in bytes).

    *free* is what no process holds now; *budget* is what models may hold in all: the ceiling of the hardware or the system
    less the owner's reserve. A device of kind UNIFIED uses the system's memory, which is no pool of its own then. Ids are
    ``cuda:0``, ``rocm:0``, ``metal``, ``ram``. *facts* are what else is known of the device (compute capability, driver,
    links), for people and for engines' rules.
    """

    id: str
    kind: PoolKind
    name: str
    total: int
    free: int
    budget: int
    holders: tuple[Holder, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        gib = 2**30
        return f"<Pool {self.id} {self.name}: {self.free / gib:.1f} of {self.total / gib:.1f} GiB free>"


@dataclass(frozen=True, slots=True)
class Host:
    """A machine.

    *troubles* are sentences on what could not be measured and why, for the owner; *absences* are those on what is not there to
    measure as far as one can see, which only the inventory tells. *unmeasured* names graphics devices that are there, and of whose
    memory nothing is known: an engine may use them, and decides itself. *awaited* are sentences on those whose driver may still
    come up, as after a boot.
    """

    os: str
    cpu: str
    ram_bytes: int
    pools: tuple[Pool, ...]
    troubles: tuple[str, ...] = ()
    absences: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()

    def pool(self, pool_id: str) -> Pool | None:
        """Return the pool of that id, or None."""
        return next((pool for pool in self.pools if pool.id == pool_id), None)

    @property
    def main(self) -> str:
        """The id of the pool that is the processor's memory: main memory, or what a graphics device shares with it."""
        return next((pool.id for pool in self.pools if pool.kind is PoolKind.UNIFIED), "ram")

    @property
    def accelerators(self) -> tuple[Pool, ...]:
        """The pools that are not host RAM."""
        return tuple(pool for pool in self.pools if pool.kind is not PoolKind.RAM)
