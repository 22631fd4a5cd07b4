"""What the owner may see, as plain data: one row per instance, one object per model, and the account of the memory."""

import asyncio
from collections.abc import Iterable
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from hostd.backends.contract import Attachment, Launch, ServerFacts
from hostd.domain.capability import PROBED, Found, with_found
from hostd.domain.profile import Profile, Role
from hostd.domain.schedule import DAYS, ActiveWindow, format_clock
from hostd.domain.units import format_duration
from hostd.gateway.context import AdminServices
from hostd.scheduling.speed import Speed
from hostd.scheduling.view import MemoryView, ModelView, ProviderSpending, RequestView
from hostd.telemetry.history import RecordedRequest

_DURATIONS = ("queue_timeout", "first_token_timeout", "prefill_timeout", "stall_timeout", "total_timeout")


def capabilities(profile: Profile, facts: ServerFacts, found: Found) -> dict[str, Any]:
    """Return what *profile* can do by the names of its capabilities; None where nobody says.

    What the owner declares counts before what a probe *found*, and that before what the server says of itself.
    """
    known = asdict(with_found(profile.capabilities, found))
    thinking = None if facts.thinking is None else facts.thinking.capability
    told = {"tools": facts.tools, "vision": facts.vision, "thinking": thinking}
    known |= {name: value for name, value in told.items() if known[name] is None}
    if thinking == "optional" and profile.capabilities.thinking is None and known["thinking"] == "true":
        # That it thinks was seen, and that it need not is in its template.
        known["thinking"] = thinking
    return known | {name: found[name].verdict.says for name in ("forced_tools", "parallel_tools") if name in found}


def probed(found: Found) -> dict[str, Any]:
    """Return what a probe *found*, each with the reason of its verdict, in the order of `PROBED`."""
    return {name: {"verdict": found[name].verdict, "why": found[name].why} for name in PROBED if name in found}


def context(profile: Profile, facts: ServerFacts) -> int | None:
    """Return how many tokens one request may have: as declared, or fewer where the server says so; None where neither does."""
    return min((tokens for tokens in (profile.context, facts.context) if tokens), default=None)


def timestamp(moment: datetime, to_the: str = "seconds") -> str:
    """Return *moment*, in UTC, to the second, or to the ``milliseconds``."""
    return moment.isoformat(timespec=to_the).replace("+00:00", "Z")


def rounded(value: float | None, digits: int) -> float | None:
    """Return *value* with so many *digits* after the point; None where it is not known."""
    return None if value is None else round(value, digits)


def row(services: AdminServices, model: ModelView) -> dict[str, Any]:
    """Return one row of `hostd ps --json`, with the memory as it was measured last."""
    instance = services.instances[model.name]
    progress, launch = instance.progress_of_load, instance.launch

    def at(moment: float | None) -> str | None:
        return None if moment is None else timestamp(services.wall_time(moment))

    return {
        "model": model.name,
        "variant": instance.variant.label,
        "backend": instance.variant.backend,
        "state": model.reported_state,
        "pid": instance.pid,
        "port": None if launch is None else urlsplit(launch.endpoint.url).port,
        "pool_bytes": dict(services.memory.held(model.name)),
        "slots": model.slots,
        "in_flight": model.in_flight,
        "queued": model.queued,
        "since": at(model.ready_at),
        "unloads_at": at(model.unloads_at),
        "restarts": model.failures,
        "last_error": model.last_error,
        "progress": rounded(progress, 3),
        "waits_for": model.waits_for,
        "speed": speed(model.speed),
        "breaker": {"state": model.breaker, "cause": model.breaker_cause, "tried_at": at(model.tried_at)},
        "prompts": [
            {"read_tokens": prompt.read, "total_tokens": prompt.total}
            for lease in instance.leases
            if (prompt := lease.prompt) is not None and not prompt.complete
        ],
    }


def speed(shown: Speed) -> dict[str, Any]:
    """Return how fast a model was lately; null where that is not known."""
    return {
        "prefill_tokens_per_s": rounded(shown.reads, 1),
        "decode_tokens_per_s": rounded(shown.writes, 1),
        "cached_share": rounded(shown.cached, 3),
        "ttft_ms": None if shown.ttft is None else round(shown.ttft * 1000),
    }


def request(services: AdminServices, shown: RequestView) -> dict[str, Any]:
    """Return one entry of `hostd queue --json`."""
    wait, instance = shown.wait_seconds, services.instances[shown.model]
    lease = next((each for each in instance.leases if each.request_id == shown.id), None)
    prompt = None if lease is None else lease.prompt
    state = "streaming" if lease is not None and lease.begun else "prefill"
    return {
        "id": shown.id,
        "asked": shown.asked,
        "model": shown.model,
        "backend": instance.variant.backend,
        "state": state if shown.position is None else "waiting",
        "position": shown.position,
        "expected_wait_ms": None if wait is None else round(wait * 1000),
        "since_ms": round((asyncio.get_running_loop().time() - shown.arrived) * 1000),
        "client": shown.client,
        "session": shown.session,
        "priority": shown.priority.name.lower(),
        "attempt": shown.attempt,
        "reason": shown.reason,
        "prompt": None if prompt is None else {"read_tokens": prompt.read, "total_tokens": prompt.total},
    }


def past_request(record: RecordedRequest) -> dict[str, Any]:
    """Return one request that is over, as it was recorded."""
    return record._asdict() | {
        "at": timestamp(datetime.fromtimestamp(record.at, UTC)),
        "stream": bool(record.stream),
        "state": record.outcome,
    }


def routed(record: RecordedRequest) -> dict[str, Any]:
    """Return that *record* was answered by its model as the decision it was, as far as a record tells of it."""
    waited = record.queue_ms + record.load_ms
    reason = f"{record.reason}; " if record.reason else ""
    return {
        "at": timestamp(datetime.fromtimestamp(record.at, UTC)),
        "decision": "routed",
        "model": record.model,
        "request": record.id,
        "why": f"'{record.model}' answers [asked for {record.asked}; {reason}after {waited:g} ms; {record.outcome}]",
        "asked": record.asked,
        "reason": record.reason,
        "waited_ms": round(waited, 1),
        "outcome": record.outcome,
    }


def provider(spending: ProviderSpending, resets_at: str | None) -> dict[str, Any]:
    """Return what one provider has cost since midnight, and what it may cost."""
    return {
        "provider": spending.provider,
        "today_usd": round(spending.today, 6),
        "reserved_usd": round(spending.reserved, 6),
        "daily_usd": spending.cap,
        "resets_at": resets_at,
    }


def _window(window: ActiveWindow) -> dict[str, Any]:
    return {
        "days": [DAYS[day] for day in window.days],
        "from": format_clock(window.start),
        "to": format_clock(window.end),
    }


def declared(profile: Profile) -> dict[str, Any]:
    """Return the limits and the warmth of *profile*, written as the owner writes them."""
    limits, warm = asdict(profile.limits), asdict(profile.warm)
    limits |= {key: format_duration(limits[key]) for key in _DURATIONS if limits[key] is not None}
    warm["keep_alive"] = format_duration(profile.warm.keep_alive)
    warm["windows"] = [_window(window) for window in profile.warm.windows]
    return {"limits": limits, "warm": warm}


def model(services: AdminServices, shown: ModelView) -> dict[str, Any]:
    """Return one entry of `hostd ls --json`."""
    profile, instance = shown.profile, services.instances[shown.name]
    found = services.router.findings.of(shown.name)
    return {
        "name": profile.name,
        "aliases": list(profile.aliases),
        "roles": list(services.router.roles_of(profile.name)),
        "state": shown.reported_state,
        "context": context(profile, instance.facts),
        "slots": profile.slots,
        "capabilities": capabilities(profile, instance.facts, found),
        "probed": probed(found),
        "fallback": [fallback.to for fallback in profile.fallback],
        "variants": [
            {
                "label": option.variant.label,
                "backend": option.variant.backend,
                "usable": (why_not := option.why_not) is None,
                "why": why_not,
            }
            for option in instance.variants
        ],
        **declared(profile),
    }


def roles(declared_roles: Iterable[Role]) -> list[dict[str, Any]]:
    """Return the roles as they are declared."""
    return [{"name": role.name, "use": list(role.use), "require": list(role.require)} for role in declared_roles]


def server(facts: ServerFacts) -> dict[str, Any]:
    """Return what a running server says of itself; of how its model is told to think, only what comes of it."""
    told = {each.name: getattr(facts, each.name) for each in fields(facts)}
    return told | {"thinking": None if facts.thinking is None else facts.thinking.capability}


def detail(services: AdminServices, shown: ModelView) -> dict[str, Any]:
    """Return everything that `hostd show` tells of one model."""
    instance = services.instances[shown.name]
    launch = instance.launch
    return model(services, shown) | {
        "instance": row(services, shown),
        "progress": instance.progress_of_load,
        "choice": None if instance.option is None else instance.option.label,
        "conversations": None if (kept := instance.conversations) is None else kept._asdict(),
        "server": server(instance.facts),
        "argv": None if launch is None else list(launch.shown_argv) if isinstance(launch, Launch) else [],
        "attached": launch.endpoint.url if isinstance(launch, Attachment) else None,
        "log_tail": list(instance.ring.tail(20)),
    }


def plan(memory: MemoryView) -> dict[str, Any]:
    """Return the scheduler's account of the memory: pools, what is promised, what should be warm and how, what is left out."""
    return {
        "pools": [
            {
                "id": pool.id,
                "for_models_bytes": pool.capacity,
                "others_bytes": pool.others,
                "room_bytes": pool.free,
            }
            for pool in memory.pools
        ],
        "held": {name: dict(held) for name, held in memory.held.items()},
        "warm_set": [
            {
                "model": warm.model,
                "variant": warm.variant,
                "pool_bytes": dict(warm.needs),
                "why": warm.why,
                "state": warm.state,
            }
            for warm in memory.warm_set
        ],
        "left_out": dict(memory.left_out),
        "proved_optimal": memory.proved_optimal,
        "waiting": [
            {
                "model": pending.model,
                "why": pending.why,
                "victims": list(pending.victims),
                "checking": pending.checking,
            }
            for pending in memory.pending
        ],
    }
