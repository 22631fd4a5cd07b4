"""A daemon's account of its memory, as a plan needs it: the daemon writes it into ``GET /hostd/v1/plan``, a client reads it.

It holds sizes and names only. A client that plans for a file reads that file itself, with its owner's rights; the daemon
follows nothing that comes over HTTP.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from hostd.backends.visible_cards import device_variables
from hostd.domain.host import Host, Pool, PoolKind
from hostd.domain.profile import Profile
from hostd.hardware.inventory import inventory
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.eviction import EvictionCandidate
from hostd.planning.warm_set.load_option import Bytes, LoadOption, free_now, plus

if TYPE_CHECKING:
    from hostd.scheduling.view import MemoryView  # a client that only reads the answer does without the scheduler

_OPTION = ("variant", "label", "gpu_layers", "needs", "expected", "transient", "load_seconds", "shares")
"""The fields of a load option that cross HTTP as they are."""


@dataclass(frozen=True, slots=True)
class MemoryState:
    """What a daemon's scheduler decides with.

    *free* is what may be promised of each pool once what is being released is back, *held* what each loaded model holds,
    *candidates* are those that may be evicted, *options* the ways to load each declared model (the scheduler's first choice
    first; of a loaded model, its own), *warm* the declared models that should be loaded, the most valuable first, and *profiles*
    a `digest` of each profile as the daemon has read it. *variables* are those by which drivers show its engines cards.
    """

    host: Host
    free: Bytes
    held: Mapping[str, Bytes]
    candidates: tuple[EvictionCandidate, ...]
    options: Mapping[str, tuple[LoadOption, ...]]
    warm: tuple[str, ...]
    profiles: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict)


def planning_inputs(memory: "MemoryView", host: Host, profiles: Mapping[str, Profile]) -> dict[str, Any]:
    """Return, as plain data, what the scheduler decides with beyond what ``GET /hostd/v1/plan`` tells people."""
    described = inventory(host)
    for row, pool in zip(described["pools"], host.pools, strict=True):
        # Links between cards decide about tensor parallelism, and no inventory file needs them.
        row["facts"] = dict(pool.facts)
    return {
        "host": described["host"]
        | {"pools": described["pools"], "troubles": list(host.troubles), "unmeasured": list(host.unmeasured)},
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
        "variables": device_variables(os.environ),
    }


def digest(profile: Profile) -> str:
    """Return what tells whether a daemon has read the same profile: its files may have been edited since."""
    return sha256(repr(profile).encode()).hexdigest()[:16]


def parse_memory_state(answer: Mapping[str, Any]) -> MemoryState:
    """Return what a daemon answered to ``GET /hostd/v1/plan``.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: It is no such answer.
    """
    host, room = _host(answer["host"]), {row["id"]: row["room_bytes"] for row in answer["pools"]}
    candidates = (
        # Whether a model in use may be evicted soon is for an event to tell: the end of its requests.
        EvictionCandidate(row["model"], row["cost_s"], row["pool_bytes"], None if row["in_use"] else 0.0)
        for row in answer["evictable"]
    )
    return MemoryState(
        host=host,
        # A daemon that has just started counts no pool before its first measurement.
        free=plus(room, answer["returning"]) if room else free_now(host),
        held={name: held for name, held in answer["held"].items() if any(held.values())},
        candidates=tuple(candidates),
        options={name: tuple(map(_option, rows)) for name, rows in answer["options"].items()},
        warm=tuple(row["model"] for row in answer["warm_set"]),
        profiles=answer["profiles"],
        variables=answer.get("variables", {}),
    )


def _host(told: Mapping[str, Any]) -> Host:
    pools = (
        Pool(
            id=row["id"],
            kind=PoolKind(row["kind"]),
            name=row["name"],
            total=row["total_bytes"],
            free=row["free_bytes"],
            budget=row["budget_bytes"],
            facts=tuple(row["facts"].items()),
        )
        for row in told["pools"]
    )
    return Host(
        told["os"],
        told["cpu"],
        told["ram_bytes"],
        tuple(pools),
        tuple(told["troubles"]),
        unmeasured=tuple(told.get("unmeasured", ())),
    )


def _row(option: LoadOption) -> dict[str, Any]:
    placement = {
        "devices": option.placement.devices,
        "host": option.placement.host,
        "cpu_experts": option.placement.cpu_experts,
        "drafts": option.placement.drafts,
    }
    return placement | {name: getattr(option, name) for name in _OPTION}


def _option(row: Mapping[str, Any]) -> LoadOption:
    devices = tuple((pool, share) for pool, share in row["devices"])
    return LoadOption(
        placement=Placement(devices, row["host"], row.get("cpu_experts", 0), row.get("drafts", False)),
        **{name: row[name] for name in _OPTION},
    )
