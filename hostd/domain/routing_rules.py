"""The rules by which the owner has a role's requests answered by one of its profiles rather than by another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hostd.domain.schedule import ActiveWindow


@dataclass(frozen=True, slots=True)
class Condition:
    """What a request has to be; all that is set must hold, and of several words, clients or windows one is enough.

    *like* are examples whose meaning what the user said last is to be near. *words* stand as such in it, in any case; *regex*
    matches somewhere in it. *longer_than* and *shorter_than* are estimated tokens of the whole prompt. *tools*, *pictures* and
    *private* say whether it has, shows or is such. *clients* are patterns of names; *metadata* is in the request's own. *times* are
    hours of the week, local time. *budget_used* is the share of a budget of the day or the month from which on it holds.
    """

    words: tuple[str, ...] = ()
    regex: str | None = None
    longer_than: int | None = None
    shorter_than: int | None = None
    tools: bool | None = None
    pictures: bool | None = None
    private: bool | None = None
    clients: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    times: tuple[ActiveWindow, ...] = ()
    like: tuple[str, ...] = ()
    budget_used: float | None = None


@dataclass(frozen=True, slots=True)
class RouteRule:
    """Requests for which *when* holds are answered by the profiles *to*, in this order, before the others of their role."""

    to: tuple[str, ...]
    when: Condition = Condition()
