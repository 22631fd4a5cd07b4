"""A conversation stays with its model while the result of a tool is pending: another one would read all of it anew, in mid-step.

What else is known of conversations is remembered here as well, for the other steps of routing.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from hostd.domain.profile import Role
from hostd.domain.ticket import Target
from hostd.routing.policy import Ranked, RouteQuery

_Key = tuple[str | None, str, str]
MOST_SESSIONS = 4096
"""Conversations that are remembered; the one that was heard of longest ago gives way."""


@dataclass(slots=True)
class _Session:
    """One conversation: the *model* that answered last, and the *complexity* of what its user said last, if it was assessed."""

    model: str = ""
    complexity: int | None = None


class SessionPolicy:
    """Puts the model that answered a conversation last first, where it goes on with the result of a tool."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[_Key, _Session] = OrderedDict()

    def answered(self, query: RouteQuery, model: str, complexity: int | None = None) -> None:
        """Remember that *model* has answered *query*, of that *complexity*; None: it was not assessed."""
        if (key := _key(query)) is None:
            return
        session = self._sessions.setdefault(key, _Session())
        self._sessions.move_to_end(key)
        session.model, session.complexity = model, session.complexity if complexity is None else complexity
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)

    def complexity_of(self, query: RouteQuery) -> int | None:
        """Return the complexity of what was said last in the conversation that *query* continues; None where it is not known."""
        session = self._found(query)
        return None if session is None else session.complexity

    def apply(self, query: RouteQuery, targets: Sequence[Target], role: Role | None, now: float) -> Ranked:  # noqa: ARG002
        """Return the targets, the one that the conversation is with first."""
        session = self._found(query) if query.features is not None and query.features.awaits_model else None
        model = None if session is None else session.model
        stays = next((target for target in targets if target.model == model), None)
        if stays is None:
            return Ranked(tuple(targets))
        return Ranked(
            (stays, *(target for target in targets if target is not stays)), why="session (a tool's result is pending)"
        )

    def _found(self, query: RouteQuery) -> _Session | None:
        key = _key(query)
        return None if key is None else self._sessions.get(key)


def _key(query: RouteQuery) -> _Key | None:
    """Return by what a conversation is told: names of sessions are a client's own, and roles have models of their own."""
    features = query.features
    if features is None or features.session is None:
        return None
    return query.principal.client, features.session, query.asked
