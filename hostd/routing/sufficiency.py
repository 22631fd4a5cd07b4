"""The models that are enough: what the user said last is assessed, and of the models of a role those that suffice come first.

What follows in a conversation often says less than what it follows ("and now the other file"), so it is taken to be easier by
`EASIER` at most. A model whose context the prompt does not fit into is not enough, whatever its owner says.
"""

from collections.abc import Callable, Sequence

from hostd.domain.catalog import Catalog
from hostd.domain.model_choice import HARDEST, Difficulty, ability
from hostd.domain.profile import Role
from hostd.domain.ticket import Target
from hostd.routing.best_price import MINUTE_USD, Sizes, by_price
from hostd.routing.complexity_model import Assessment
from hostd.routing.context_length import has_room
from hostd.routing.policy import Ranked, RouteQuery
from hostd.routing.session import SessionPolicy

EASIER = 2
"""By how much of complexity a prompt can be below the one before it in its conversation."""
Assess = Callable[[str], Assessment]


class SufficiencyPolicy:
    """Orders the models of a role: first those that suffice, by their price, then the others, the ablest first."""

    def __init__(self, catalog: Catalog, assess: Assess, sessions: SessionPolicy) -> None:
        self._catalog = catalog
        self._assess = assess
        self._sessions = sessions

    def apply(self, query: RouteQuery, targets: Sequence[Target], role: Role | None, now: float) -> Ranked:  # noqa: ARG002
        """Return the targets with those that are enough for the request first; fallbacks from outside the role stay behind."""
        features = query.features
        if features is None or role is None or not role.suffices:
            return Ranked(tuple(targets))
        assessed = self._assess(features.said)
        state = self._sessions.state(query)
        if state is not None and features.tokens < state.tokens:
            # Shorter than it was: another conversation that begins in the same way, as many do with a greeting.
            state = None
        before = None if state is None else state.difficulty
        found = Difficulty(assessed.level, assessed.task)
        if before is not None and before.complexity - EASIER > found.complexity:
            found = Difficulty(before.complexity - EASIER, before.task)
        able = {
            target.model: ability(role.suffices, target.model, found.task)
            if has_room(self._catalog.profiles[target.model], query.tokens)
            else 0
            for target in targets
            if target.model in role.use
        }
        enough = {name: level for name, level in able.items() if level >= found.complexity}
        minute = MINUTE_USD if role.minute_usd is None else role.minute_usd
        priced = by_price(enough, query.offers, Sizes(features.tokens, features.answer), state, minute)
        lesser = sorted(able.keys() - enough.keys(), key=lambda name: (-able[name], role.use.index(name)))
        by_name = {target.model: target for target in targets}
        order = [by_name[name] for name in (*priced.order, *lesser)]
        others = (target for target in targets if target.model not in able)
        follows = f", after {before.complexity}" if before is not None and found.complexity > assessed.level else ""
        lack = "" if enough else "; none suffices"
        why = f"complexity {found.complexity} of {HARDEST} ({found.task}{follows}{lack})" + (
            priced.why and f", {priced.why}"
        )
        return Ranked((*order, *others), why=why, difficulty=found, meanwhile=priced.meanwhile)
