"""What the owner may see of the house, as plain data: one row per instance, one object per model."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from hostd.domain.lifecycle import State
from hostd.domain.units import format_duration
from hostd.gateway.house import House
from hostd.scheduling.lane import Lane


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


async def row(house: House, lane: Lane) -> dict[str, Any]:
    """Return one line of `hostd ps --json`."""
    profile, instance = lane.profile, house.instances[lane.profile.name]
    usage = await instance.usage()
    ready = lane.state in (State.READY, State.DRAINING)
    leaves = lane.state is State.READY and lane.idle and not profile.warm.pinned
    launch = instance.launch
    return {
        "model": profile.name,
        "variant": instance.variant.label,
        "backend": instance.variant.backend,
        "state": lane.state,
        "pid": instance.pid,
        "port": None if launch is None else int(launch.endpoint.url.rpartition(":")[2]),
        "pool_bytes": {"ram": usage.rss_bytes} if usage.pids else {},
        "slots": lane.capacity if ready else min(profile.limits.max_concurrent, profile.slots),
        "in_flight": len(lane.serving),
        "queued": len(lane.queue),
        "since": _moment(house.at(lane.ready_at)) if ready else None,
        "unloads_at": _moment(house.at(lane.idle_since + profile.warm.keep_alive)) if leaves else None,
        "restarts": lane.restarts.total,
        "last_error": lane.last_error,
    }


def model(house: House, lane: Lane) -> dict[str, Any]:
    """Return one entry of `hostd ls --json`."""
    profile = lane.profile
    limits, warm = asdict(profile.limits), asdict(profile.warm)
    del warm["windows"]
    durations = ("queue_timeout", "first_token_timeout", "stall_timeout", "total_timeout")
    limits |= {key: format_duration(limits[key]) for key in durations}
    warm["keep_alive"] = format_duration(profile.warm.keep_alive)
    return {
        "name": profile.name,
        "aliases": list(profile.aliases),
        "roles": list(house.directory.roles_of(profile.name)),
        "state": lane.state,
        "context": profile.context,
        "slots": profile.slots,
        "capabilities": asdict(profile.capabilities),
        "fallback": [fallback.to for fallback in profile.fallback],
        "variants": [
            {
                "label": option.variant.label,
                "backend": option.variant.backend,
                "usable": option.backend is not None,
                "why": option.why_not,
            }
            for option in house.instances[profile.name].options
        ],
        "limits": limits,
        "warm": warm,
    }


async def detail(house: House, lane: Lane) -> dict[str, Any]:
    """Return everything that `hostd show` tells of one model."""
    instance = house.instances[lane.profile.name]
    return model(house, lane) | {
        "instance": await row(house, lane),
        "progress": instance.progress_of_load,
        "argv": None if instance.launch is None else list(instance.launch.argv),
        "log_tail": list(instance.ring.tail(20)),
    }
