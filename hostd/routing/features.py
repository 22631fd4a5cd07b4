"""What routing by content knows of a request. Made only for roles that route so, since it reads the last messages."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from hostd.dialects.tool_steps import ToolStep

USUAL_ANSWER = 500
"""Tokens that an answer is taken to have, unless the client allows fewer."""
_NO_LIKENESS: Mapping[str, float] = MappingProxyType({})
_NO_METADATA: Mapping[str, str] = MappingProxyType({})


class Features(NamedTuple):
    """What the user *said* last, about how many *tokens* the prompt has and its *answer* may have, and what kind of request it is.

    With *awaits_model* the last message is the result of a tool: an agent is in the middle of a step. *session* tells one client's
    conversations apart, *steps* are the last calls of its tools, where its role looks at them. *when* is local time.
    *likeness* is how alike it is to each example of its role's rules, from -1 to 1. *budget_used* is the largest share of a
    budget of its sender, role, session or host that is used up of this day or month.
    """

    said: str
    tokens: int
    when: datetime
    tools: bool = False
    pictures: bool = False
    private: bool = False
    awaits_model: bool = False
    client: str | None = None
    session: str | None = None
    metadata: Mapping[str, str] = _NO_METADATA
    steps: tuple[ToolStep, ...] = ()
    answer: int = USUAL_ANSWER
    likeness: Mapping[str, float] = _NO_LIKENESS
    budget_used: float = 0.0
