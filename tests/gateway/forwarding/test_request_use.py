"""What a request uses up of budgets."""

import json
from typing import Any

import pytest

from hostd.dialects import registry
from hostd.dialects.base import Dialect
from hostd.domain.budget import Account, Owner, budget_of
from hostd.domain.principal import ANONYMOUS, Principal, PrincipalKind
from hostd.domain.profile import HostBudgets
from hostd.domain.ticket import Route
from hostd.domain.token_estimate import most_tokens
from hostd.gateway.forwarding.request_use import accounts_of, bounds_of

BUDGET = budget_of({"day": "2 USD"})
ROUTE = Route("planner", (), role="planner", budget=BUDGET)


def test_owners_of_budgets() -> None:
    """The key, the role, the session and the host, where each has one; what a program calls itself is no key."""
    key = Principal("alice", PrincipalKind.KEY, budget=BUDGET)
    everything = HostBudgets(BUDGET, BUDGET)
    assert [
        Account(Owner.KEY, "alice"),
        Account(Owner.ROLE, "planner"),
        Account(Owner.SESSION, "s"),
        Account(Owner.HOST),
    ] == [account for account, _ in accounts_of(key, ROUTE, "s", everything)]
    assert () == accounts_of(Principal("alice", PrincipalKind.KEY), Route("a", ()), "s", HostBudgets())
    assert () == accounts_of(ANONYMOUS, Route("a", ()), None, HostBudgets(session=BUDGET))
    assert () == accounts_of(Principal("alice", budget=BUDGET), Route("a", ()), None, HostBudgets())


@pytest.mark.parametrize(
    ("dialect", "members", "expected"),
    [
        (Dialect.OPENAI_CHAT, {"messages": [{"role": "user", "content": "x"}], "max_tokens": 7, "n": 2}, 14),
        (Dialect.OPENAI_CHAT, {"messages": [{"role": "user", "content": "x"}]}, 0),
        (Dialect.ANTHROPIC_MESSAGES, {"messages": [{"role": "user", "content": "x"}], "max_tokens": 9}, 9),
        (Dialect.OPENAI_EMBEDDINGS, {"input": "x"}, 1),
    ],
)
def test_bounds(dialect: Dialect, members: dict[str, Any], expected: int) -> None:
    """The answer's by the limit that the request sets, for each of its answers; what is not written has none."""
    body = json.dumps({"model": "a", **members}).encode()
    inference = registry.client_dialect(dialect).parse(body)
    assert (most_tokens(len(body)), expected) == bounds_of(inference)
