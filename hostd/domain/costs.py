"""What requests came to: how many stayed local, their tokens, what they cost, and what the same tokens would cost elsewhere."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from hostd.domain.profile import Price

MOST_DAYS = 36_500
"""How far back anything is asked for; calendars end."""


class CostGroup(StrEnum):
    """What requests are grouped by: the role that was asked for, the profile that answered, the client, or the local day.

    Those that a role routed by how hard they are have a complexity and a type of task, too.
    """

    ROLE = "role"
    MODEL = "model"
    CLIENT = "client"
    DAY = "day"
    COMPLEXITY = "complexity"
    TASK = "task"


class CostSums(NamedTuple):
    """Sums over requests.

    *local* are those of the *answered* ones that no cloud provider answered; *usd* is what those that have a cost came to.
    *uncounted* were answered and their tokens are not known, *unpriced* used a provider's model and their cost is not known.
    """

    requests: int = 0
    answered: int = 0
    local: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    uncounted: int = 0
    unpriced: int = 0

    @property
    def local_share(self) -> float | None:
        """The part of the answers that stayed local, 0 to 1; None where nothing was answered."""
        return self.local / self.answered if self.answered else None

    def plus(self, other: "CostSums") -> "CostSums":
        """Return the sums over both."""
        return CostSums(
            self.requests + other.requests,
            self.answered + other.answered,
            self.local + other.local,
            self.prompt_tokens + other.prompt_tokens,
            self.output_tokens + other.output_tokens,
            self.usd + other.usd,
            self.uncounted + other.uncounted,
            self.unpriced + other.unpriced,
        )

    def at(self, price: Price) -> float | None:
        """Return what the counted tokens cost at *price*, in USD; None where none were counted."""
        if not (self.prompt_tokens or self.output_tokens):
            return None
        return price.usd(self.prompt_tokens, self.output_tokens)


Costs = dict[str | None, CostSums]
"""Sums by the name of a group; None is the group of those that have none, such as requests without a role."""


def added_up(parts: Iterable[tuple[str | None, CostSums]]) -> Costs:
    """Return *parts* with those of one name added up, in the order of the names, the group without one last."""
    found: Costs = {}
    for name, sums in parts:
        found[name] = found.get(name, CostSums()).plus(sums)
    return dict(sorted(found.items(), key=lambda each: (each[0] is None, each[0] or "")))


def total(costs: Costs) -> CostSums:
    """Return the sums over all groups."""
    whole = CostSums()
    for sums in costs.values():
        whole = whole.plus(sums)
    return whole


class FallbackUse(NamedTuple):
    """How many *requests* a role had, how many of them went to another profile than its first, and why, by reason."""

    role: str
    requests: int
    fallbacks: int
    reasons: dict[str, int]

    @property
    def share(self) -> float:
        """The part of the requests that fell back, 0 to 1."""
        return self.fallbacks / self.requests


class RoutedCount(NamedTuple):
    """How many requests of a *role* took one route; *reason* is why they fell back, None where they did not."""

    role: str
    reason: str | None
    requests: int


class UnusedModel(NamedTuple):
    """A model that was loaded so many times, for so many seconds in all, while no request came for it."""

    model: str
    loads: int
    seconds: float


def by_fallbacks(counts: Iterable[RoutedCount]) -> list[FallbackUse]:
    """Return the roles, those first of whose requests the largest part fell back; their reasons with the most frequent first."""
    found: dict[str, Counter[str | None]] = {}
    for role, reason, requests in counts:
        found.setdefault(role, Counter())[reason] += requests
    uses = []
    for role, routes in found.items():
        reasons = {reason: count for reason, count in routes.most_common() if reason is not None}
        uses.append(FallbackUse(role, routes.total(), sum(reasons.values()), reasons))
    return sorted(uses, key=lambda each: (-each.share, each.role))
