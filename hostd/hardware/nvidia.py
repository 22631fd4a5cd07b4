"""NVIDIA cards as pools, measured through the driver: memory, the processes that hold it, and NVLink connections.

Cards are numbered as the PCI bus orders them, which CUDA does only with ``CUDA_DEVICE_ORDER=PCI_BUS_ID``; the fact ``uuid``
identifies a card to an engine whatever the order. A card keeps its number for the life of this process, even if a card before
it vanishes, because models are placed by number.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import psutil

from hostd.domain.host import Holder, Pool, PoolKind
from hostd.hardware import nvml
from hostd.hardware.nvidia_signs import card_on_bus, on_windows
from hostd.hardware.nvml import Device, NvmlFault
from hostd.hardware.reading import Reading

_KINDS = ("Compute", "Graphics", "MPSCompute")
_MPS_SERVER = "nvidia-cuda-mps-server"
_NO_CUDA = re.compile(r"-\d+[AB]$")
"""Profiles of virtual cards for applications and desktops alone: those for CUDA end in Q or C."""
_WINDOWS = (
    "this is a Linux in Windows (WSL2): Windows and its programs use the cards, too, and no process of theirs is seen; what is too "
    "large for a card Windows moves to main memory instead of refusing it, which is many times slower"
)
_UNUSABLE = frozenset({nvml.GPU_IS_LOST, nvml.RESET_REQUIRED})

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Card:
    """One card that answers; *id* is its pool's id."""

    id: str
    name: str
    uuid: str
    device: Device


@dataclass(slots=True)
class _Remarks:
    """Sentences of one reading, and names of cards that it could not measure; see `Host`."""

    troubles: list[str] = field(default_factory=list)
    absences: list[str] = field(default_factory=list)
    unmeasured: list[str] = field(default_factory=list)


class Cards:
    """The NVIDIA cards of this machine. The driver stays open between readings until it fails or `close` is called."""

    def __init__(self, on_bus: Callable[[], bool] = card_on_bus, on_windows: Callable[[], bool] = on_windows) -> None:
        """Take *on_bus*, which tells a machine without cards from one whose driver does not answer, and *on_windows* (WSL2)."""
        self._on_bus = on_bus
        self._on_windows = on_windows
        self._open = False
        self._known: dict[str, tuple[int, str]] = {}
        self._measured: dict[str, list[Pool]] = {}

    def __repr__(self) -> str:
        return f"<Cards {'open' if self._open else 'closed'}, {len(self._known)} seen>"

    def read(self, reserve: int, shared: Callable[[], Pool] | None = None) -> Reading:
        """Return one pool for each card, or for each MIG slice of a card; *reserve* is in bytes per pool.

        *shared* returns the system's memory, with what models may take of it: an integrated device (GB10, Jetson) has no other,
        and its driver tells no size.
        """
        remarks = _Remarks()
        working = 0
        try:
            self._start()
            count = nvml.count()
            cards = self._cards(count, remarks)
            driver = _facts(("driver", nvml.driver_version), ("cuda", nvml.cuda_version))
        except NvmlFault as fault:
            self.close()
            said = f"NVIDIA cards cannot be measured: {fault.why}"
            if fault.no_library and not self._known and not self._on_bus():
                return Reading(absences=(said,))
            awaited = (said,) if fault.passes and self._on_bus() else ()
            return Reading(troubles=(said, *self._vanished(())), unmeasured=("NVIDIA cards",), awaited=awaited)
        pools: list[Pool] = []
        for card in cards:
            try:
                found = _pools(card, (*driver, *_links(card, cards)), reserve, remarks)
                self._measured[card.uuid] = found
                pools += found
                working += 1
            except NvmlFault as fault:
                if fault.code == nvml.NOT_SUPPORTED and shared is not None:
                    pools.append(_shared_pool(card, driver, shared(), remarks))
                    working, shared = working + 1, None  # one device at most has the system's memory
                    continue
                pools += self._unanswered(card, fault, remarks)
        remarks.troubles += self._vanished(card.uuid for card in cards)
        if pools and self._on_windows():
            remarks.absences.append(_WINDOWS)
        if working < len(self._known) or working < count:
            self.close()  # only a driver that is opened anew sees a card that comes back
        return Reading(tuple(pools), tuple(remarks.troubles), tuple(remarks.absences), tuple(remarks.unmeasured))

    def _unanswered(self, card: _Card, fault: NvmlFault, remarks: _Remarks) -> list[Pool]:
        """Return the pools of a card whose memory cannot be read now: full ones where they were measured before, else none."""
        known = self._measured.get(card.uuid, [])
        if known and fault.code == nvml.TIMEOUT:
            remarks.troubles.append(f"{card.id} ({card.name}) counts as full until it answers: {fault.why}")
            return [replace(pool, free=0, holders=()) for pool in known]
        if fault.code not in _UNUSABLE:
            remarks.unmeasured.append(f"{card.id} ({card.name})")
        remarks.troubles.append(f"{card.id} ({card.name}) is left out: {fault.why}")
        return []

    def close(self) -> None:
        """Close the driver; the next reading opens it again."""
        if self._open:
            self._open = False
            with contextlib.suppress(NvmlFault):
                nvml.stop()

    def _start(self) -> None:
        if not self._open:
            nvml.start()
            self._open = True

    def _cards(self, count: int, remarks: _Remarks) -> list[_Card]:
        cards = []
        for index in range(count):
            try:
                device = nvml.device(index)
                # Integrated devices may tell neither: they are there all the same.
                uuid = _supported(partial(nvml.uuid, device), f"index {index}")
                name = _supported(partial(nvml.name, device), "NVIDIA device")
            except NvmlFault as fault:
                remarks.troubles.append(f"the NVIDIA card at index {index} does not answer: {fault.why}")
                if fault.code not in _UNUSABLE:
                    remarks.unmeasured.append(f"the NVIDIA card at index {index}")
                continue
            cards.append(_Card(f"cuda:{self._number(uuid, name, index)}", name, uuid, device))
        return cards

    def _number(self, uuid: str, name: str, index: int) -> int:
        """Return the number of the card: its index at its first reading, unless another card has that number."""
        taken = {number for number, _ in self._known.values()}
        unused = index if index not in taken else max(taken, default=-1) + 1
        return self._known.setdefault(uuid, (unused, name))[0]

    def _vanished(self, present: Iterable[str]) -> list[str]:
        answering = set(present)
        return [
            f"cuda:{number} ({name}) has vanished: it answered earlier and does not now; look for 'Xid' in the kernel's log"
            for uuid, (number, name) in self._known.items()
            if uuid not in answering
        ]


def _pools(card: _Card, facts: Facts, reserve: int, remarks: _Remarks) -> list[Pool]:
    """Return the pools of one card; raises `NvmlFault` if its memory cannot be read."""
    facts = (
        *_facts(("compute_capability", lambda: nvml.compute_capability(card.device))),
        *facts,
        *_facts(("pci_bus_id", lambda: nvml.pci_bus_id(card.device))),
    )
    if (closed := _closed(card)) is not None:
        remarks.troubles.append(f"{card.id} ({card.name}) is left out: {closed}")
        return []
    slices = nvml.slices(card.device)
    if slices is None:
        pool = _pool(card.id, card.name, [card.device], (*facts, ("uuid", card.uuid)), reserve, remarks)
        _remark_on_sharing(card, pool, remarks)
        return [pool]
    if not slices:
        remarks.troubles.append(
            f"{card.id} ({card.name}) is left out: MIG is on but it has no slices, so nothing can run there; "
            "make some with 'nvidia-smi mig -cgi', or turn MIG off with 'nvidia-smi -mig 0'"
        )
    pools = []
    for number, parts in enumerate(slices.values()):
        pool_id = f"{card.id}:mig{number}"
        try:
            name = _slice_name(parts[0], card.name)
            marks = (("uuid", nvml.uuid(parts[0])), ("mig_compute_instances", str(len(parts))))
            pools.append(_pool(pool_id, name, parts, (*facts, *marks), reserve, remarks))
        except NvmlFault as fault:
            remarks.troubles.append(f"{pool_id} ({card.name}) is left out: {fault.why}")
    if len(pools) > 1:
        remarks.absences.append(
            f"{card.id} is cut into {len(pools)} slices (MIG): a program sees one of them, so that no model is split over them"
        )
    return pools


def _closed(card: _Card) -> str | None:
    """Return why no program may compute on a card; None where one may."""
    with contextlib.suppress(NvmlFault):
        if nvml.is_prohibited(card.device):
            return "its compute mode is Prohibited; allow programs with 'nvidia-smi -c DEFAULT'"
    with contextlib.suppress(NvmlFault):
        if _NO_CUDA.search(card.name) and nvml.is_virtual(card.device):
            return "this profile of a virtual card (vGPU) has no CUDA; ask for one that ends in Q or C"
    return None


def _remark_on_sharing(card: _Card, pool: Pool, remarks: _Remarks) -> None:
    """Say how a card is shared where that changes what can run on it."""
    mps = any(holder.name.rpartition("/")[2].startswith(_MPS_SERVER) for holder in pool.holders)
    with contextlib.suppress(NvmlFault):
        if nvml.is_exclusive(card.device) and not mps:
            remarks.troubles.append(
                f"{card.id} ({card.name}) lets one program at a time compute, so that a second model on it will not start; "
                "'nvidia-smi -c DEFAULT' allows several"
            )
    if mps:
        remarks.absences.append(
            f"{card.id} ({card.name}) is shared through MPS: when one engine crashes on it, the others may, too"
        )
    with contextlib.suppress(NvmlFault):
        if nvml.is_virtual(card.device):
            remarks.absences.append(
                f"{card.id} ({card.name}) is a part of a card (vGPU); without a licence its driver slows it down after a while"
            )


def _pool(pool_id: str, name: str, devices: Sequence[Device], facts: Facts, reserve: int, remarks: _Remarks) -> Pool:
    memory = _memory(devices[0])
    ceiling = memory.total - memory.reserved
    return Pool(
        id=pool_id,
        kind=PoolKind.VRAM,
        name=name,
        total=memory.total,
        free=min(memory.free, ceiling),
        budget=max(0, ceiling - reserve),
        holders=_holders(pool_id, devices, remarks),
        facts=facts,
    )


def _memory(device: Device) -> nvml.DeviceMemory:
    try:
        return nvml.memory(device)
    except NvmlFault as fault:
        if fault.code != nvml.TIMEOUT:
            raise
        return nvml.memory(device)  # a card that wakes up answers the second time


def _shared_pool(card: _Card, driver: Facts, memory: Pool, remarks: _Remarks) -> Pool:
    """Return the pool of an integrated device: the system's *memory*, which the driver knows no size of."""
    facts = (
        *_facts(("compute_capability", lambda: nvml.compute_capability(card.device))),
        *driver,
        ("uuid", card.uuid),
        ("shares_main_memory", "yes"),
    )
    holders = _holders(card.id, [card.device], remarks)
    return replace(
        memory, id=card.id, kind=PoolKind.UNIFIED, name=card.name, holders=holders, facts=(*facts, *memory.facts)
    )


def _slice_name(device: Device, card: str) -> str:
    """Return a slice's name; older drivers return the card's name alone."""
    name = nvml.name(device)
    return name if "MIG" in name else f"{card} MIG slice"


def _holders(pool_id: str, devices: Sequence[Device], remarks: _Remarks) -> tuple[Holder, ...]:
    """Return the processes that hold the pool's memory, largest first.

    A process that the driver lists for several kinds of work (compute, graphics, MPS) is counted once, with its largest figure.
    """
    found: dict[int, int | None] = {}
    for device in devices:
        for kind in _KINDS:
            try:
                processes = nvml.processes(device, kind)
            except NvmlFault as fault:
                if kind == _KINDS[0] or fault.code == nvml.NO_PERMISSION:
                    to = (
                        remarks.absences
                        if fault.code == nvml.NOT_SUPPORTED and _never_tells(device)
                        else remarks.troubles
                    )
                    to.append(f"{pool_id}: who holds its memory cannot be told: {fault.why}")
                    break
                continue
            for pid, count in processes.items():
                found[pid] = max(found.get(pid) or 0, count) if count is not None else found.get(pid)
    holders = (Holder(pid, _name(pid), count) for pid, count in found.items())
    return tuple(sorted(holders, key=lambda holder: (-(holder.bytes or 0), holder.pid)))


def _never_tells(device: Device) -> bool:
    """Return whether a driver is not meant to tell of processes: Windows', a hypervisor's, that of an integrated device."""
    with contextlib.suppress(NvmlFault):
        if on_windows() or nvml.is_virtual(device):
            return True
        nvml.memory(device)
        return False
    return True


def _name(pid: int) -> str:
    try:
        return nvml.process_name(pid) or "?"
    except NvmlFault:
        try:
            return psutil.Process(pid).name()
        except psutil.Error:
            return "?"


def _links(card: _Card, cards: Sequence[_Card]) -> Facts:
    """Return the cards that *card* reaches over NVLink as one fact, no fact without any."""
    peers = []
    for other in cards:
        with contextlib.suppress(NvmlFault):
            if other is not card and nvml.linked(card.device, other.device):
                peers.append(other.id)
    return (("nvlink", " ".join(peers)),) if peers else ()


def _supported(ask: Callable[[], str], otherwise: str) -> str:
    """Return the driver's answer, *otherwise* where it does not support the question; raises `NvmlFault`."""
    try:
        return ask()
    except NvmlFault as fault:
        if fault.code != nvml.NOT_SUPPORTED:
            raise
        return otherwise


def _facts(*questions: tuple[str, Callable[[], str]]) -> Facts:
    """Return the driver's answers as facts; questions that it cannot answer are left out."""
    answers = []
    for key, ask in questions:
        with contextlib.suppress(NvmlFault):
            answers.append((key, ask()))
    return tuple(answers)
