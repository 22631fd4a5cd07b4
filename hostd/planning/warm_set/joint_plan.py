"""Several models on one host: which are warm together, and what each of the others would need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hostd.planning.warm_set.elastic import with_shares
from hostd.planning.warm_set.eviction import EvictionCandidate, reload_cost
from hostd.planning.warm_set.fit import Fit, Verdict, decide
from hostd.planning.warm_set.load_option import Bytes, LoadOption, less, plus
from hostd.planning.warm_set.solver import choose_warm_set
from hostd.planning.warm_set.value import WarmCandidate


@dataclass(frozen=True, slots=True)
class JointPlan:
    """Verdicts on several models: *fits* by name, None where the host has no placement for a model at all.

    *warm* are the names that are loaded together; *proved* says that no better set of them exists.
    """

    fits: Mapping[str, Fit | None]
    warm: tuple[str, ...]
    proved: bool


def plan_models(
    warm: Sequence[WarmCandidate],
    others: Sequence[WarmCandidate],
    free: Bytes,
    candidates: Sequence[EvictionCandidate] = (),
    held: Mapping[str, Bytes] | None = None,
) -> JointPlan:
    """Return the plan for a host on which *warm* should be loaded all the time, and *others* are asked for besides.

    *free* is what models may take beside those that are loaded already: *held* is what each of these holds, and *candidates*
    are those among them that may be evicted. Others take what memory is left, in their order; one that finds too little may
    have unpinned models evicted.
    """
    held = held or {}
    chosen = choose_warm_set([_promised(each) for each in warm], free)
    left: Bytes = less(free, chosen.options.values())
    fits: dict[str, Fit | None] = {
        name: Fit(Verdict.FITS, option, plus(left, option.needs)) for name, option in chosen.options.items()
    }
    evictable = list(candidates)
    for each in warm:
        if each.name in chosen.options and not each.pinned:
            option = chosen.options[each.name]
            cost = reload_cost(option.load_seconds, each.demand / 3600.0, each.priority, declared=True)
            evictable.append(EvictionCandidate(each.name, cost, option.needs, 0.0))
    names = list(fits)
    for each in (*(each for each in warm if each.name not in fits), *others):
        # What a loaded model holds is free for itself, and it is never evicted for itself.
        own = held.get(each.name, {})
        fit = decide(each.options, plus(left, own), [other for other in evictable if other.name != each.name])
        fits[each.name] = fit
        if fit and fit.verdict is Verdict.FITS:
            names.append(each.name)
            # A loaded model takes from the others only what it needs beyond what it holds.
            left = {
                pool: count - max(0, fit.option.needs.get(pool, 0) - own.get(pool, 0)) for pool, count in left.items()
            }
    evicted = {name for fit in fits.values() if fit for name in fit.evict}
    stay = [name for name in held if name not in evicted and name not in names]
    # The others are placed in their order: that all of them fit is proof enough.
    greedy = [fits[each.name] for each in others]
    nothing_lost = len(others) < 2 or all(fit and fit.verdict is Verdict.FITS for fit in greedy)
    return JointPlan(_dealt(fits, names, left), (*stay, *names), chosen.proved and nothing_lost)


def _dealt(fits: Mapping[str, Fit | None], together: Sequence[str], left: Bytes) -> dict[str, Fit | None]:
    """Return *fits* with shares of elastic memory: of what is *left* for those that fit *together*, of its own rest for another."""
    options = {name: fit.option for name in together if (fit := fits[name])}
    later = {name: fit.option for name, fit in fits.items() if fit and fit.verdict is Verdict.FITS_AFTER_EVICTING}
    shared: dict[str, LoadOption] = {}
    for name, option in options.items():
        others = [other for peer, other in options.items() if peer != name and other.shares is None]
        shared[name] = with_shares(option, plus(left, *(other.needs for other in others)), [*others, *later.values()])
    more = {name: shared[name].share_bytes for name, option in options.items() if option.shares is None}
    dealt = dict(fits)
    for name, fit in fits.items():
        if fit and name in shared:
            free = _minus(fit.free, [count for peer, count in more.items() if peer != name])
            dealt[name] = replace(fit, option=shared[name], free=free)
        elif fit and name in later:
            stay = {peer: option for peer, option in shared.items() if peer not in fit.evict}
            gone = [option for peer, option in (options | later).items() if peer != name and peer not in stay]
            rest = _minus(less(fit.free, [fit.option]), [more[peer] for peer in stay.keys() & more.keys()])
            dealt[name] = replace(fit, option=with_shares(fit.option, rest, gone, list(stay.values())))
    return dealt


def _minus(free: Bytes, taken: Sequence[Bytes]) -> Bytes:
    return {pool: count - sum(each.get(pool, 0) for each in taken) for pool, count in free.items()}


def _promised(each: WarmCandidate) -> WarmCandidate:
    return replace(each, options=[option for option in each.options if option.footprint.promised])
