"""Shares of elastic memory: what each model may take beyond what it needs, out of memory that no other model is known to want.

A share is bounded by what the engine can use, and by an equal part of what is left once every model that is loaded, is to be
warm, or fits beside those has what it needs. So a share never is the reason for which another declared model is evicted. The
rule does not depend on the order of loads: the daemon, which loads one model after the other, and a plan, which deals to all
at once, come to the same figures.

A share is dealt anew at every load, and shrinks then: no engine gives a part of it back while it runs. llama-server's bounds are
read at its start, and erasing a slot frees nothing of a card (lemonade-sdk/lemonade pull request 3565); vLLM's sleep gives back
its whole cache, and takes all of it again when it wakes; mlx_lm.server has no route for it.
"""

from collections.abc import Iterable, Mapping, Sequence

from hostd.domain.footprint import ElasticMemory
from hostd.planning.warm_set.load_option import Bytes, LoadOption, excess

KEPT_FREE = 2
"""Caches of past prompts get one part in so many of what is left: they help, and the rest is for what nobody foresees."""


def with_shares(
    option: LoadOption, left: Bytes, others: Sequence[LoadOption] = (), taken: Iterable[LoadOption] = ()
) -> LoadOption:
    """Return *option* with its shares of the *left* bytes, which are free beside it and everything that is promised.

    *others* are models that may be loaded, too; those that fit into what is left keep what they need of it. *taken* are loaded
    models, whose shares count as if they were still to be dealt. An option that has its shares already is returned as it is.
    """
    if not option.elastic or option.shares is not None:
        return option
    rest, claims = dict(left), list[LoadOption]()
    loaded = [each for each in taken if each.shares is not None]
    for each in loaded:
        for pool, count in each.share_bytes.items():
            rest[pool] = rest.get(pool, 0) + count
    for each in others:
        if not excess(each.needs, rest):
            rest = {pool: count - each.needs.get(pool, 0) for pool, count in rest.items()}
            claims.append(each)
    dealt: dict[str, int] = {}
    for pool in {pool for each in option.elastic for pool in each.pools}:
        sharing = 1 + sum(any(pool in memory.pools for memory in each.elastic) for each in (*claims, *loaded))
        at_once = any(each.at_once for each in option.elastic if pool in each.pools)
        part = max(0, rest.get(pool, 0)) // (sharing if at_once else KEPT_FREE * sharing)
        dealt[pool] = min(part, max(0, left.get(pool, 0)))
    return option.granted(_counts(option.elastic, dealt))


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
