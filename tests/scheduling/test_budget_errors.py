"""What clients are told that would exceed a budget."""

import pytest

from hostd.domain.budget import Account, Limit, Measure, Owner, Period
from hostd.scheduling.budget_errors import Shortage, exceeded, not_counted

ALICE = Account(Owner.KEY, "alice")


def test_says_whose_limit_how_much_and_when() -> None:
    """A limit of a minute is worth asking again for, after just that long."""
    limit = Limit(Measure.REQUESTS, Period.MINUTE, 60.0)
    error = exceeded("chat", Shortage(ALICE, limit, 60.0, 0.0, 1.0, 12.3))
    assert (429, 12.3, False, "rate_limit_exceeded") == (
        error.status,
        error.retry_after,
        error.retry_in_vain,
        error.code,
    )
    assert error.message.startswith(
        "'chat' is not asked: the key 'alice' may use 60 requests a minute and has used 60 requests; there is room in 12s"
    )


def test_says_what_requests_in_flight_may_add() -> None:
    """A day is too long for a client to wait for: it is told not to ask again by itself."""
    limit = Limit(Measure.USD, Period.DAY, 2.0)
    error = exceeded("claude", Shortage(ALICE, limit, 1.5, 0.25, 0.3, 7200.0))
    assert (429, 60.0, True, "budget") == (error.status, error.retry_after, error.retry_in_vain, error.code)
    for words in (
        "2 USD a day",
        "has used 1.5 USD",
        "under way may use 0.25 USD",
        "this one 0.3 USD",
        "in 2h",
        "keys limit alice",
    ):
        assert words in error.message


def test_says_that_a_request_alone_is_too_much() -> None:
    """However long it waits, so it is told to ask for less."""
    error = exceeded("chat", Shortage(ALICE, Limit(Measure.TOKENS, Period.MINUTE, 500.0), 0.0, 0.0, 900.0, 60.0))
    assert (True, "budget") == (error.retry_in_vain, error.code)
    assert "this request alone may use 900 tokens; ask for fewer tokens" in error.message


@pytest.mark.parametrize(
    ("owner", "where"),
    [
        (Owner.ROLE, "roles.x.budget"),
        (Owner.PROVIDER, "providers.x.daily_usd"),
        (Owner.SESSION, "budgets.session"),
        (Owner.HOST, "budgets.host"),
    ],
)
def test_says_where_the_owner_of_the_host_allows_more(owner: Owner, where: str) -> None:
    """By the key in the file."""
    account = Account(owner, "x")
    shortage = Shortage(account, Limit(Measure.USD, Period.MONTH, 1.0), 1.0, 0.0, 0.1, 90.0)
    assert where in exceeded("m", shortage).message
    assert str(account) in not_counted(account).message
