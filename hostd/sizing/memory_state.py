"""A daemon's account of its memory, as a plan needs it: the daemon writes it into ``GET /hostd/v1/plan``, a client reads it.

It holds sizes and names only. A client that plans for a file reads that file itself, with its owner's rights; the daemon
follows nothing that comes over HTTP.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from hostd.domain.host import Host, Pool, PoolKind
from hostd.domain.profile import Profile
from hostd.hardware.inventory import inventory
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.eviction import EvictionCandidate
from hostd.planning.warm_set.load_option import Bytes, LoadOption, free_now, plus

if TYPE_CHECKING:
    from hostd.scheduling.view import MemoryView  # a client that only reads the answer does without the scheduler


@dataclass(frozen=True, slots=True)
class MemoryState:
    """What a daemon's scheduler decides with.

    *free* is what may be promised of each pool once what is being released is back, *held* what each loaded model holds,
    *candidates* are those that may be evicted, *options* the ways to load each declared model (the scheduler's first choice
    first; of a loaded model, its own), *warm* the declared models that should be loaded, the most valuable first, and *profiles*
    a `digest` of each profile as the daemon has read it.
    """

    host: Host
    free: Bytes
    held: Mapping[str, Bytes]
    candidates: tuple[EvictionCandidate, ...]
    options: Mapping[str, tuple[LoadOption, ...]]
    warm: tuple[str, ...]
    profiles: Mapping[str, str]


def planning_inputs(memory: "MemoryView", host: Host, profiles: Mapping[str, Profile]) -> dict[str, Any]:
    """Return, as plain data, what the scheduler decides with beyond what ``GET /hostd/v1/plan`` tells people."""
    described = inventory(host)
    for row, pool in zip(described["pools"], host.pools, strict=True):
        # Links between cards decide about tensor parallelism, and no inventory file needs them.
        row["facts"] = dict(pool.facts)
    return {
        "host": described["host"] | {"pools": described["pools"], "troubles": list(host.troubles)},
        "returning": dict(memory.returning),
        "evictable": [
            {
                "model": each.name,
                "cost_s": each.cost,
                "pool_bytes": dict(each.bytes),
                "in_use": each.evictable_at is None,
            }
            for each in memory.evictable
        ],
        "options": {name: [_row(option) for option in options] for name, options in memory.options.items()},
        "profiles": {name: digest(profile) for name, profile in profiles.items()},
    }


def digest(profile: Profile) -> str:
    """Return what tells whether a daemon has read the same profile: its files may have been edited since."""
    return sha256(repr(profile).encode()).hexdigest()[:16]


def _row(option: LoadOption) -> dict[str, Any]:
    return {
        "variant": option.variant,
        "label": option.label,
        "devices": [list(each) for each in option.placement.devices],
        "host": option.placement.host,
        "gpu_layers": option.gpu_layers,
        "needs": dict(option.needs),
        "expected": dict(option.expected),
        "transient": dict(option.transient),
        "load_s": option.load_seconds,
    }


def parse_memory_state(answer: Mapping[str, Any]) -> MemoryState:
    """Return what a daemon answered to ``GET /hostd/v1/plan``.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: It is no such answer.
    """
    host, room = _host(answer["host"]), {str(row["id"]): int(row["room_bytes"]) for row in answer["pools"]}
    candidates = (
        # Whether a model in use may be evicted soon is for an event to tell: the end of its requests.
        EvictionCandidate(
            str(row["model"]), float(row["cost_s"]), _bytes(row["pool_bytes"]), None if row["in_use"] else 0.0
        )
        for row in answer["evictable"]
    )
    return MemoryState(
        host=host,
        # A daemon that has just started counts no pool before its first measurement.
        free=plus(room, _bytes(answer["returning"])) if room else free_now(host),
        held={str(name): _bytes(held) for name, held in answer["held"].items() if any(held.values())},
        candidates=tuple(candidates),
        options={str(name): tuple(map(_option, rows)) for name, rows in answer["options"].items()},
        warm=tuple(str(row["model"]) for row in answer["warm_set"]),
        profiles={str(name): str(mark) for name, mark in answer["profiles"].items()},
    )


def _host(told: Mapping[str, Any]) -> Host:
    pools = (
        Pool(
            str(row["id"]),
            PoolKind(row["kind"]),
            str(row["name"]),
            int(row["total_bytes"]),
            int(row["free_bytes"]),
            int(row["budget_bytes"]),
            facts=tuple((str(key), str(fact)) for key, fact in row["facts"].items()),
        )
        for row in told["pools"]
    )
    return Host(
        str(told["os"]), str(told["cpu"]), int(told["ram_bytes"]), tuple(pools), tuple(map(str, told["troubles"]))
    )


def _option(row: Mapping[str, Any]) -> LoadOption:
    devices = tuple((str(pool), float(share)) for pool, share in row["devices"])
    return LoadOption(
        variant=int(row["variant"]),
        label=str(row["label"]),
        placement=Placement(devices, str(row["host"])),
        gpu_layers=None if row["gpu_layers"] is None else int(row["gpu_layers"]),
        needs=_bytes(row["needs"]),
        expected=_bytes(row["expected"]),
        transient=_bytes(row["transient"]),
        load_seconds=float(row["load_s"]),
    )


def _bytes(told: Mapping[str, Any]) -> dict[str, int]:
    return {str(pool): int(count) for pool, count in told.items()}
