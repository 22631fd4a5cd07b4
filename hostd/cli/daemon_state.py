"""What already stands on this machine: the models that a running daemon has loaded, and the room that they leave."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from hostd.cli.client import connect
from hostd.cli.exits import VerbError
from hostd.domain.host import Host, Pool, PoolKind, Reserve
from hostd.planning.footprint.placement import pool_budgets
from hostd.planning.warm_set.fit import LoadedModel

PATIENCE = 1.0
"""Seconds that the daemon is given; a plan goes without it where it takes longer."""


_CLOSE = 50
"""Budgets that differ by less than this part of a pool are the same, measured at two moments."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is loaded now, what it holds by pool id, and whether nobody uses it."""

    name: str
    held: Mapping[str, int]
    idle: bool


def loaded(url: str | None) -> list[Loaded]:
    """Return what the daemon has loaded; nothing where none answers.

    Raises:
        VerbError: *url* is no address (exit code 2).
    """
    client = connect(url)
    try:
        with client.request("GET", "/hostd/v1/status", timeout=PATIENCE) as reply:
            rows = reply.json()["instances"]
            return [_loaded(row) for row in rows if row["pool_bytes"]]
    except (VerbError, OSError, TypeError, AttributeError):
        return []


def reckoned_with(host: Host, url: str | None, reserve: Reserve) -> Host:
    """Return *host* as the daemon reckons with it: one that was started with ``--host`` goes by another machine's pools.

    What the daemon does not tell of those, all there is of each, is what models may hold and the *reserve*. Where no daemon
    answers, or it goes by the same pools, *host* is returned itself.

    Raises:
        VerbError: *url* is no address (exit code 2).
    """
    client = connect(url)
    try:
        with client.request("GET", "/hostd/v1/plan", timeout=PATIENCE) as reply:
            told = reply.json()
            budgets = {str(row["id"]): int(row["for_models_bytes"]) for row in told["pools"]}
            used = {str(row["id"]): int(row["others_bytes"]) for row in told["pools"]}
            for held in told["held"].values():
                for pool, count in held.items():
                    used[pool] = used.get(pool, 0) + int(count)
    except (VerbError, OSError, KeyError, TypeError, ValueError, AttributeError):
        return host
    if not budgets or _same(host, budgets):
        return host
    pools = tuple(_pool(host, pool, budget, used[pool], reserve) for pool, budget in budgets.items())
    main = next((pool.total for pool in pools if pool.kind is not PoolKind.VRAM), host.ram_bytes)
    return replace(host, ram_bytes=main, pools=pools, troubles=())


def _same(host: Host, budgets: Mapping[str, int]) -> bool:
    return {pool.id for pool in host.pools} == budgets.keys() and all(
        abs(pool.budget - budgets[pool.id]) * _CLOSE <= pool.total for pool in host.pools
    )


def _pool(host: Host, name: str, budget: int, used: int, reserve: Reserve) -> Pool:
    kinds = {"ram": (PoolKind.RAM, reserve.ram), "metal": (PoolKind.UNIFIED, reserve.unified)}
    kind, left = kinds.get(name, (PoolKind.VRAM, reserve.vram))
    here = host.pool(name)
    return Pool(name, kind, here.name if here else "", budget + left, max(0, budget + left - used), budget)


def _loaded(row: Mapping[str, object]) -> Loaded:
    pools = row["pool_bytes"]
    held = {str(pool): int(count) for pool, count in pools.items()} if isinstance(pools, dict) else {}
    idle = row["state"] == "ready" and not row["in_flight"] and not row["queued"]
    return Loaded(str(row["model"]), held, idle)


def free_now(host: Host, models: Sequence[Loaded], asked: Collection[str]) -> dict[str, int]:
    """Return what models may take of *host* beside those that are loaded; what *asked* ones hold already counts as free."""
    free = pool_budgets(host)
    for pool in host.pools:
        held = sum(_held(model, free).get(pool.id, 0) for model in models)
        own = sum(_held(model, free).get(pool.id, 0) for model in models if model.name in asked)
        free[pool.id] = max(0, min(pool.free, pool.budget - held) + own)
    return free


def evictable(
    host: Host, models: Sequence[Loaded], asked: Collection[str], pinned: Collection[str]
) -> tuple[LoadedModel, ...]:
    """Return the loaded models that could go: idle ones that are neither asked for nor pinned."""
    free = pool_budgets(host)
    return tuple(
        LoadedModel(model.name, _held(model, free))
        for model in models
        if model.idle and model.name not in asked and model.name not in pinned
    )


def _held(model: Loaded, free: Mapping[str, int]) -> Mapping[str, int]:
    """Return what a model holds; main memory that the machine does not budget apart is part of the unified pool."""
    if "ram" in free or "metal" not in free:
        return model.held
    unified = model.held.get("ram", 0) + model.held.get("metal", 0)
    return {pool: count for pool, count in model.held.items() if pool != "ram"} | {"metal": unified}
