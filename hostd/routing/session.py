"""A conversation stays with its model while the result of a tool is pending: another one would read all of it anew, in mid-step.

What else is known of conversations is remembered here as well, for the other steps of routing.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hostd.domain.model_choice import Difficulty
from hostd.domain.profile import Role
from hostd.domain.ticket import Target
from hostd.routing.policy import Ranked, RouteQuery

SessionKey = tuple[str | None, str, str]
"""The client, the name that it gives the conversation, and the role that it asks for."""
MOST_SESSIONS = 4096
"""Conversations that are remembered; the one that was heard of longest ago gives way."""


@dataclass(slots=True)
class ConversationState:
    """What is remembered of one conversation.

    *model* answered last, and *began_with* answered when its user said something last. Since then, or since it was another model,
    *model* has answered for so many *steps*. *difficulty* is that of what the user said last, if it was assessed, and
    *tokens* are about those of the prompt that *model* has read.
    """

    model: str
    began_with: str
    steps: int = 0
    difficulty: Difficulty | None = None
    tokens: int = 0


class SessionPolicy:
    """Puts the model that answered a conversation last first, where it goes on with the result of a tool.

    `tell` is called with what is known of each conversation that has gone on.
    """

    def __init__(self) -> None:
        self.tell: Callable[[SessionKey, ConversationState], None] | None = None
        self._sessions: OrderedDict[SessionKey, ConversationState] = OrderedDict()

    def answered(self, query: RouteQuery, model: str, difficulty: Difficulty | None = None) -> None:
        """Remember that *model* has answered *query*, of that *difficulty*; None: it was not assessed."""
        if (key := _key(query)) is None:
            return
        state = self._sessions.get(key) or ConversationState(model, model)
        begins = query.features is None or not query.features.awaits_model
        if begins:
            state.began_with, state.difficulty = model, difficulty or state.difficulty
        state.steps = 1 if begins or state.model != model else state.steps + 1
        state.model, state.tokens = model, 0 if query.features is None else query.features.tokens
        self.learn(key, state)
        if self.tell is not None:
            self.tell(key, state)

    def learn(self, key: SessionKey, state: ConversationState) -> None:
        """Remember *state* of the conversation *key*, which has gone on here or through another host."""
        self._sessions[key] = state
        self._sessions.move_to_end(key)
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)

    def state(self, query: RouteQuery) -> ConversationState | None:
        """Return what is known of the conversation that *query* continues; None where nothing is."""
        key = _key(query)
        return None if key is None else self._sessions.get(key)

    def pending(self, query: RouteQuery) -> ConversationState | None:
        """Return what is known of the conversation that *query* continues with the result of a tool; None where it does not."""
        return self.state(query) if query.features is not None and query.features.awaits_model else None

    def apply(self, query: RouteQuery, targets: Sequence[Target], role: Role | None, now: float) -> Ranked:  # noqa: ARG002
        """Return the targets, the one that the conversation is with first."""
        state = self.pending(query)
        model = None if state is None else state.model
        stays = next((target for target in targets if target.model == model), None)
        if stays is None:
            return Ranked(tuple(targets))
        others = (target for target in targets if target is not stays)
        difficulty = None if state is None else state.difficulty
        return Ranked((stays, *others), why="session (a tool's result is pending)", difficulty=difficulty)


def _key(query: RouteQuery) -> SessionKey | None:
    """Return by what a conversation is told: names of sessions are a client's own, and roles have models of their own."""
    features = query.features
    if features is None or features.session is None:
        return None
    return query.principal.client, features.session, query.asked
