"""The owner's rules: the first one whose condition holds says which profiles of a role come first."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

from hostd.domain.profile import Role
from hostd.domain.routing_rules import Condition
from hostd.domain.ticket import Target
from hostd.planning.warm_set.calendar import open_now
from hostd.routing.features import Features
from hostd.routing.likeness import is_like
from hostd.routing.policy import Ranked, RouteQuery

MOST_READ = 16_000
"""Characters of what the user said last that rules look at, from its end: an expression of the owner's may take long."""


class RulesPolicy:
    """Puts the targets of the first rule that holds before the others of a role; none is dropped."""

    def apply(self, query: RouteQuery, targets: Sequence[Target], role: Role | None, now: float) -> Ranked:  # noqa: ARG002
        """Return the targets with those of the rule first."""
        features = query.features
        if role is None or features is None:
            return Ranked(tuple(targets))
        for number, rule in enumerate(role.route, 1):
            if (held := holds(rule.when, features)) is not None:
                first = [target for name in rule.to for target in targets if target.model == name]
                rest = [target for target in targets if target.model not in rule.to]
                return Ranked((*first, *rest), why=f"rule {number} ({held or 'always'})" if first else "")
        return Ranked(tuple(targets))


def holds(when: Condition, features: Features) -> str | None:
    """Return what of *when* holds for *features*, in the words of the file; None where any of it does not."""
    held = _verdicts(when, features, features.said[-MOST_READ:])
    return ", ".join(held) if all(held.values()) else None


def _verdicts(when: Condition, features: Features, said: str) -> dict[str, bool]:
    """Return whether each part of *when* that is written holds."""
    held: dict[str, bool] = {}
    if when.words:
        held["words"] = _expression_of(when.words).search(said) is not None
    if when.like:
        held["like"] = is_like(when.like, features.likeness)
    if when.regex is not None:
        held["regex"] = re.search(when.regex, said) is not None
    if when.longer_than is not None:
        held["longer_than"] = features.tokens > when.longer_than
    if when.shorter_than is not None:
        held["shorter_than"] = features.tokens < when.shorter_than
    if when.budget_used is not None:
        held["budget_used"] = features.budget_used >= when.budget_used
    for name, wanted, given in (
        ("tools", when.tools, features.tools),
        ("pictures", when.pictures, features.pictures),
        ("private", when.private, features.private),
    ):
        if wanted is not None:
            held[name] = given is wanted
    if when.clients:
        held["clients"] = any(fnmatchcase(features.client or "", name) for name in when.clients)
    if when.metadata:
        held["metadata"] = all(features.metadata.get(key) == value for key, value in when.metadata.items())
    if when.times:
        held["times"] = open_now(when.times, features.when)
    return held


@lru_cache(maxsize=256)
def _expression_of(words: tuple[str, ...]) -> re.Pattern[str]:
    """Return what finds any of *words* in a text."""
    forms = "|".join(r"\s+".join(map(re.escape, word.split())) for word in words)
    return re.compile(rf"(?<!\w)(?:{forms})(?!\w)", re.IGNORECASE)
