"""Shares of elastic memory: what each model may take beyond what it needs, out of memory that no other model is known to want.

A share is bounded by what the engine can use, and by an equal part of what is left once every model that is loaded, is to be
warm, or fits beside those has what it needs. It is bounded, too, by its part of what each other set of the models leaves free
that fits by its needs: whichever of them come and go, those that stay and the one that comes fit with their shares wherever they
would fit without any, so that shares never are the reason for an eviction. That holds among `GUARDED` other models, those that
are loaded or most wanted; of one that was not among them, the next loads know. The rule does not depend on the order of
loads: the daemon, which loads one model after the other, and a plan, which deals to all at once, come to the same figures.

A share is dealt anew at every load, and shrinks then: no engine gives a part of it back while it runs. llama-server's bounds are
read at its start, and erasing a slot frees nothing of a card (lemonade-sdk/lemonade pull request 3565); vLLM's sleep gives back
its whole cache, and takes all of it again when it wakes; mlx_lm.server has no route for it.
"""

from collections.abc import Iterable, Mapping, Sequence

from hostd.domain.footprint import ElasticMemory
from hostd.planning.warm_set.load_option import Bytes, LoadOption, excess, less, plus

KEPT_FREE = 2
"""Caches of past prompts get one part in so many of what is left: they help, and the rest is for what nobody foresees."""

GUARDED = 5
"""Other models of which every set is considered; among many, some set fills any memory to the brim, and no share would be left."""


def with_shares(
    option: LoadOption, left: Bytes, others: Sequence[LoadOption] = (), taken: Sequence[LoadOption] = ()
) -> LoadOption:
    """Return *option* with its shares of the *left* bytes, which are free beside it and everything that is promised.

    *others* are models that may be loaded, too, the most wanted first; those that fit into what is left keep what they need of it.
    *taken* are loaded models, whose shares count as if they were still to be dealt. An option that has its shares already is
    returned as it is.
    """
    if not option.elastic or option.shares is not None:
        return option
    claims, loaded = list[LoadOption](), [each for each in taken if each.shares is not None]
    rest = plus(left, *(each.share_bytes for each in loaded))
    guarded = [*taken, *others][:GUARDED]
    # Of a guarded model that is loaded, all may come back; the others stay as they are.
    room = plus(left, *(each.needs for each in taken[:GUARDED]))
    for each in others:
        if not excess(each.needs, rest):
            rest = less(rest, [each])
            claims.append(each)
    dealt: dict[str, int] = {}
    for pool in _pools(option):
        sharing = 1 + sum(pool in _pools(each) for each in (*claims, *loaded))
        at_once = any(each.at_once for each in option.elastic if pool in each.pools)
        part = rest.get(pool, 0) // (sharing if at_once else KEPT_FREE * sharing)
        dealt[pool] = max(0, min(part, left.get(pool, 0), _least_part(pool, room, guarded)))
    return option.granted(_counts(option.elastic, dealt))


def _least_part(pool: str, room: Bytes, models: Iterable[LoadOption]) -> int:
    """Return the smallest equal part of *pool* that is left beside any set of *models* which fits into *room* by its needs."""
    sets = [(room, 1)]
    for each in models:
        needs = {name: count - each.share_bytes.get(name, 0) for name, count in each.needs.items()}
        more = int(pool in _pools(each))
        sets += [
            ({name: count - needs.get(name, 0) for name, count in left.items()}, sharing + more)
            for left, sharing in sets
            if not excess(needs, left)
        ]
    return min(left.get(pool, 0) // sharing for left, sharing in sets)


def _pools(option: LoadOption) -> set[str]:
    return {pool for each in option.elastic for pool in each.pools}


def _counts(elastic: Sequence[ElasticMemory], dealt: Mapping[str, int]) -> dict[str, int]:
    """Return the value of each flag: equal parts of what is *dealt*, and what one cannot use goes to the next."""
    rest, found = dict(dealt), dict[str, int]()
    for number, each in enumerate(elastic):
        room = min(rest.get(pool, 0) for pool in each.pools)
        part = room // (len(elastic) - number)
        count = min(each.most, max(part // each.unit, 1 if room >= each.unit else 0))
        found[each.flag] = count
        for pool in each.pools:
            rest[pool] = rest.get(pool, 0) - count * each.unit
    return found
