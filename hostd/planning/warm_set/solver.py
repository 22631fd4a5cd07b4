"""Which declared models are warm together: the set of the highest value (see `value`) that fits, and why the others are not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hostd.planning.warm_set.knapsack import MOST_STEPS, pack
from hostd.planning.warm_set.left_out import Rejection, WarmModel, left_out
from hostd.planning.warm_set.load_option import Bytes, LoadOption, excess
from hostd.planning.warm_set.value import ValueScale, WarmCandidate, demerit, worth


@dataclass(frozen=True, slots=True)
class WarmSet:
    """The models that fit together, each with its option; *proved* says that no other choice is worth more.

    *left_out* has the others, the most important first; *steps* is what the search has cost.
    """

    options: Mapping[str, LoadOption]
    proved: bool
    left_out: tuple[Rejection, ...] = ()
    steps: int = 0


def choose_warm_set(wanted: Sequence[WarmCandidate], free: Bytes, most_steps: int = MOST_STEPS) -> WarmSet:
    """Return the set of *wanted* of the highest value that fits into *free* together; names are distinct.

    The order of *wanted* does not matter. After *most_steps* of search (some ten thousand per second) the best set found so far
    is taken without proof. What an option takes only while it loads is not counted: the models are loaded one after the other.
    """
    # The order decides among sets of equal value: the answer must not depend on the order of files.
    ordered = sorted(wanted, key=lambda each: (not each.pinned, -each.priority, -worth(each), each.name))
    allowed = [_allowed(each.options, free) for each in ordered]
    pools = sorted(free)  # of a pool that was not measured, nothing can be counted
    scale = ValueScale(ordered, max((demerit(option) for options in allowed for option in options), default=0))
    items = [
        [(scale.value(each, option), tuple(option.needs.get(pool, 0) for pool in pools)) for option in options]
        for each, options in zip(ordered, allowed, strict=True)
    ]
    packing = pack(items, tuple(max(0, free[pool]) for pool in pools), most_steps)
    picked = list(zip(ordered, allowed, packing.picks, strict=True))
    warm = [WarmModel(each, options[pick]) for each, options, pick in picked if pick is not None]
    omitted = [left_out(each, options, free, warm) for each, options, pick in picked if pick is None]
    return WarmSet({each.candidate.name: each.option for each in warm}, packing.proved, tuple(omitted), packing.steps)


def _allowed(options: Sequence[LoadOption], free: Bytes) -> Sequence[LoadOption]:
    """Return the options without those partly on the CPU, unless none of the others would fit on the empty host."""
    complete = [option for option in options if option.whole]
    return complete if any(not excess(option.needs, free) for option in complete) else options
