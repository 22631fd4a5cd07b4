"""The state of the daemon as plain data, one function for each event that holds a part of it whole.

Nothing that changes by itself stands in them, such as how long something has lasted: what has not changed is not sent again.
"""

from collections.abc import Mapping
from typing import Any

from hostd.domain.host import Pool
from hostd.gateway import views
from hostd.gateway.context import AdminServices
from hostd.scheduling.memory_use import ModelMemory
from hostd.scheduling.view import ModelView, PoolView

MOST_REQUESTS = 50
"""Requests that are shown of each model: as many that it answers, and as many that wait for it."""


def status(services: AdminServices) -> dict[str, Any]:
    """Return whether the boot's loads are over, what is amiss, and what providers have cost today."""
    view = services.dispatcher.view()
    return {
        "ready": view.settled,
        "troubles": list(services.memory.cards.troubles),
        "left_out": dict(view.left_out),
        "providers": [
            views.provider(
                each, None if each.resets_at is None else views.timestamp(services.wall_time(each.resets_at))
            )
            for each in services.dispatcher.spending()
        ],
    }


def models(services: AdminServices) -> dict[str, Any]:
    """Return a row for each model."""
    return {"models": [_model(services, each) for each in services.dispatcher.view().models.values()]}


def _model(services: AdminServices, shown: ModelView) -> dict[str, Any]:
    """Return a row of ``hostd ps --json`` with what the profile declares beside it."""
    profile = shown.profile
    return views.row(services, shown) | {
        "task": profile.capabilities.task,
        "context": views.context(profile, services.instances[shown.name].facts),
        "aliases": list(profile.aliases),
        "roles": list(services.router.roles_of(profile.name)),
        "pinned": profile.warm.pinned,
        "load_seconds": views.rounded(shown.load_seconds, 2),
    }


def requests(services: AdminServices) -> dict[str, Any]:
    """Return the requests that are answered or wait, the first of each model, and how many are left out."""
    shown = services.dispatcher.requests(MOST_REQUESTS)
    all_of_them = sum(each.in_flight + each.queued for each in services.dispatcher.view().models.values())
    rows = []
    for each in shown:
        row = views.request(services, each)
        del row["since_ms"]
        rows.append(row | {"at": views.timestamp(services.wall_time(each.arrived), "milliseconds")})
    return {"requests": rows, "left_out": max(0, all_of_them - len(rows))}


def memory(services: AdminServices) -> dict[str, Any]:
    """Return the account of each pool. Its parts, and those of its models, add up to the whole."""
    use, host = services.dispatcher.memory_use(), services.memory.host
    measured = {} if host is None else {pool.id: pool for pool in host.pools}
    return {
        "pools": [
            _pool(services, pool, measured[pool.id], [each for each in use.models if each.promised.get(pool.id)])
            for pool in use.pools
            if pool.id in measured
        ]
    }


def _pool(services: AdminServices, pool: PoolView, measured: Pool, models: list[ModelMemory]) -> dict[str, Any]:
    return {
        "id": pool.id,
        "kind": measured.kind,
        "name": measured.name,
        "total_bytes": measured.total,
        "others_bytes": pool.others,
        # What others hold beyond the budget is taken from the reserve first.
        "reserve_bytes": max(0, measured.total - pool.others - pool.capacity),
        "room_bytes": pool.free,
        "models": [share(each, pool.id, services.memory.held(each.model)) for each in models],
    }


def share(model: ModelMemory, pool: str, measured: Mapping[str, int]) -> dict[str, Any]:
    """Return what *model* holds of *pool* by use, as it is expected, and what is promised to it beyond that.

    Systems tell how much a process holds and not what for: what was measured is taken to be weights first, then caches.
    """
    promised = model.promised.get(pool, 0)
    held = min(measured.get(pool, 0), promised)
    weights = min(held, model.weights.get(pool, 0))
    caches = min(held - weights, model.caches.get(pool, 0))
    return {
        "model": model.model,
        "state": model.state,
        "weights_bytes": weights,
        "kv_bytes": caches,
        "other_bytes": held - weights - caches,
        "growth_bytes": promised - held,
    }
