"""Several models on one machine: who is warm together, and what each of the others would need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hostd.domain.host import Host
from hostd.planning.footprint.placement import FreeBytes, PlacedMode
from hostd.planning.warm_set.fit import Fit, LoadedModel, Verdict, decide
from hostd.planning.warm_set.solver import ModeCandidate, choose_modes


@dataclass(frozen=True, slots=True)
class JointPlan:
    """*fits* holds a verdict for each model by name, None where the machine has no place for it at all.

    *warm* are the names that fit together; *proved* says that no better set of them exists.
    """

    fits: Mapping[str, Fit | None]
    warm: tuple[str, ...]
    proved: bool


def plan_models(
    warm: Sequence[ModeCandidate],
    others: Sequence[ModeCandidate],
    host: Host,
    free: FreeBytes,
    loaded: Sequence[LoadedModel] = (),
) -> JointPlan:
    """Return the plan for a machine on which *warm* should be loaded all the time, and *others* are asked for besides.

    *free* is what is free beside *loaded*, which are loaded already and could go. Others take what room is left, in their
    order; one that finds too little may have unpinned models of the warm set evicted.
    """
    chosen = choose_modes(warm, host, free)
    left = chosen.room_left(free)
    fits: dict[str, Fit | None] = {}
    for name, option in chosen.options.items():
        fits[name] = Fit(Verdict.FITS, option, _own_room(left, option))
    pinned = {wish.name for wish in warm if wish.pinned}
    evictable = [LoadedModel(name, option.needs) for name, option in chosen.options.items() if name not in pinned]
    names = list(chosen.options)
    for wish in warm:
        if wish.name not in fits:
            fits[wish.name] = decide(wish.modes, host, left, [*loaded, *evictable])
    for wish in others:
        fit = fits[wish.name] = decide(wish.modes, host, left, [*loaded, *evictable])
        if fit and fit.verdict is Verdict.FITS:
            names.append(wish.name)
            left = {pool: room - fit.option.needs.get(pool, 0) for pool, room in left.items()}
    evicted = {name for fit in fits.values() if fit for name in fit.evict}
    stay = [each.name for each in loaded if each.name not in evicted and each.name not in names]
    # The others are taken in their order; that none of them was turned away is proof enough.
    greedy = [fits[wish.name] for wish in others]
    nothing_lost = len(others) < 2 or all(fit and fit.verdict is Verdict.FITS for fit in greedy)
    return JointPlan(fits, (*stay, *names), chosen.proved and nothing_lost)


def _own_room(left: FreeBytes, option: PlacedMode) -> dict[str, int]:
    return {pool: left.get(pool, 0) + option.needs.get(pool, 0) for pool in {*left, *option.needs}}
