"""A conversation stays with its model while the result of a tool is pending: another one would read all of it anew, in mid-step."""

from collections import OrderedDict
from collections.abc import Sequence

from hostd.domain.profile import Role
from hostd.domain.ticket import Target
from hostd.routing.policy import Ranked, RouteQuery

MOST_SESSIONS = 4096
"""Conversations that are remembered; the one that was heard of longest ago gives way."""


class SessionPolicy:
    """Puts the model that answered a conversation last first, where it goes on with the result of a tool."""

    def __init__(self) -> None:
        self._answered: OrderedDict[tuple[str | None, str, str], str] = OrderedDict()

    def answered(self, query: RouteQuery, model: str) -> None:
        """Remember that *model* has answered *query*."""
        if (key := _key(query)) is not None:
            self._answered[key] = model
            self._answered.move_to_end(key)
            if len(self._answered) > MOST_SESSIONS:
                self._answered.popitem(last=False)

    def apply(self, query: RouteQuery, targets: Sequence[Target], role: Role | None, now: float) -> Ranked:  # noqa: ARG002
        """Return the targets, the one that the conversation is with first."""
        key = _key(query)
        model = (
            None
            if key is None or query.features is None or not query.features.awaits_model
            else self._answered.get(key)
        )
        stays = next((target for target in targets if target.model == model), None)
        if stays is None:
            return Ranked(tuple(targets))
        return Ranked(
            (stays, *(target for target in targets if target is not stays)), why="session (a tool's result is pending)"
        )


def _key(query: RouteQuery) -> tuple[str | None, str, str] | None:
    """Return by what a conversation is told: names of sessions are a client's own, and roles have models of their own."""
    features = query.features
    if features is None or features.session is None:
        return None
    return query.principal.client, features.session, query.asked
