"""What the owner may see of the house, as plain data: one row per instance, one object per model."""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from hostd.backends.contract import ServerFacts
from hostd.domain.lifecycle import State
from hostd.domain.profile import ActiveWindow, Profile
from hostd.domain.schedule import DAYS, format_clock
from hostd.domain.units import format_duration
from hostd.gateway.context import AppContext
from hostd.scheduling.model_state import ModelState


def capabilities(profile: Profile, facts: ServerFacts) -> dict[str, Any]:
    """Return what *profile* can do by the names of its capabilities; None where neither owner nor server says."""
    declared = asdict(profile.capabilities)
    return declared | {name: getattr(facts, name) for name in ("tools", "vision") if declared[name] is None}


def context(profile: Profile, facts: ServerFacts) -> int | None:
    """Return how many tokens one request may have: what was declared, or less where the server says so; None: nobody says."""
    return min((tokens for tokens in (profile.context, facts.context) if tokens), default=None)


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def row(app: AppContext, lane: ModelState) -> dict[str, Any]:
    """Return one line of `hostd ps --json`; the memory is what the keeper saw last."""
    profile, instance = lane.profile, app.instances[lane.profile.name]
    ready = lane.state in (State.READY, State.DRAINING)
    keeping = app.dispatcher.scheduler.warm_policy
    leaves = lane.state is State.READY and lane.idle and not keeping.stays(lane)
    progress = instance.progress_of_load
    launch = instance.launch
    return {
        "model": profile.name,
        "variant": instance.variant.label,
        "backend": instance.variant.backend,
        "state": lane.reported_state,
        "pid": instance.pid,
        "port": None if launch is None else urlsplit(launch.endpoint.url).port,
        "pool_bytes": dict(app.memory.held(profile.name)),
        "slots": lane.capacity if ready else min(profile.limits.max_concurrent, profile.slots),
        "in_flight": len(lane.serving),
        "queued": len(lane.queue),
        "since": _moment(app.wall_time(lane.ready_at)) if ready else None,
        "unloads_at": _moment(app.wall_time(lane.idle_since + keeping.idle_limit(lane))) if leaves else None,
        "restarts": lane.restarts.total,
        "last_error": lane.last_error,
        "progress": None if progress is None else round(progress, 3),
        "waits_for": waits_for(lane),
    }


def _window(window: ActiveWindow) -> dict[str, Any]:
    return {
        "days": [DAYS[day] for day in window.days],
        "from": format_clock(window.start),
        "to": format_clock(window.end),
    }


def waits_for(lane: ModelState) -> str | None:
    """Return what a load that was decided on waits for: a ``check``, or ``room``; None where none waits."""
    if lane.pending_load is None:
        return None
    return "room" if lane.pending_load.asked is None else "check"


def model(app: AppContext, lane: ModelState) -> dict[str, Any]:
    """Return one entry of `hostd ls --json`."""
    profile, facts = lane.profile, app.instances[lane.profile.name].facts
    limits, warm = asdict(profile.limits), asdict(profile.warm)
    durations = ("queue_timeout", "first_token_timeout", "stall_timeout", "total_timeout")
    limits |= {key: format_duration(limits[key]) for key in durations}
    warm["keep_alive"] = format_duration(profile.warm.keep_alive)
    warm["windows"] = [_window(window) for window in profile.warm.windows]
    return {
        "name": profile.name,
        "aliases": list(profile.aliases),
        "roles": list(app.router.roles_of(profile.name)),
        "state": lane.reported_state,
        "context": context(profile, facts),
        "slots": profile.slots,
        "capabilities": capabilities(profile, facts),
        "fallback": [fallback.to for fallback in profile.fallback],
        "variants": [
            {
                "label": option.variant.label,
                "backend": option.variant.backend,
                "usable": (why_not := option.why_not) is None,
                "why": why_not,
            }
            for option in app.instances[profile.name].options
        ],
        "limits": limits,
        "warm": warm,
    }


def detail(app: AppContext, lane: ModelState) -> dict[str, Any]:
    """Return everything that `hostd show` tells of one model."""
    instance = app.instances[lane.profile.name]
    launch = instance.launch
    return model(app, lane) | {
        "instance": row(app, lane),
        "progress": instance.progress_of_load,
        "choice": None if instance.choice is None else instance.choice.label,
        "server": asdict(instance.facts),
        "argv": None if launch is None else list(launch.argv),
        "attached": None if launch is None or launch.argv else launch.endpoint.url,
        "log_tail": list(instance.ring.tail(20)),
    }


def plan(app: AppContext) -> dict[str, Any]:
    """Return the desk's own account of the memory: pools, who holds what, what should be warm and how, and what is left out."""
    scheduler = app.dispatcher.scheduler
    ledger, free, keeping = scheduler.admission.ledger, scheduler.admission, scheduler.warm_policy
    left = ledger.free()
    return {
        "pools": [
            {"id": pool, "for_models_bytes": size, "others_bytes": ledger.others.get(pool, 0), "room_bytes": left[pool]}
            for pool, size in ledger.capacity.items()
        ],
        "held": {name: dict(held) for name in scheduler.models if (held := ledger.held(name))},
        "warm_set": [
            {
                "model": lane.profile.name,
                "variant": option.label if (option := free.preferred.get(lane.profile.name)) else None,
                "pool_bytes": dict(option.needs) if option else {},
                "why": keeping.reason(lane),
                "state": lane.reported_state,
            }
            for lane in keeping.in_order()
        ],
        "left_out": dict(keeping.left_out),
        "proved_optimal": keeping.proved,
        "waiting": [
            {
                "model": pending.model,
                "why": pending.why,
                "victims": list(pending.victims),
                "checking": pending.asked is not None,
            }
            for pending in free.pending
        ],
    }
