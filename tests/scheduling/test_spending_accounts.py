"""What keys, roles, sessions and the host may use up, in virtual time: one mechanism for all of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.budget import Account, Amounts, Budget, CountedUse, OthersUse, Owner, budget_of
from hostd.domain.reason import FallbackReason
from hostd.scheduling.decisions import Charged
from hostd.scheduling.effects import Refuse
from hostd.scheduling.events import ClientLeft, DayBegan, Finished, ShutdownRequested, SpendingCounted, UsedElsewhere
from hostd.scheduling.spending import USUAL_ANSWER
from tests.scheduling.scenario import Rehearsal, profile
from tests.scheduling.test_spending import DAY, PRICE, cloud

ALICE = Account(Owner.KEY, "alice")


class Accounts:
    """A stage with a cloud model that falls back to a local one, and a client with a *budget*."""

    def __init__(self, *, at: Account = ALICE, counted: bool = True, **written: Any) -> None:
        self.stage = Rehearsal(cloud("a", "local"), profile("local", max_concurrent=8))
        self.stage.warm("a", "local")
        self.budget: Budget = budget_of(written)
        self.at = at
        if counted:
            self.stage.tell(SpendingCounted({}, DAY, 30 * DAY))

    def ask(self, name: str, asked: str = "a", now: float | None = None, **wishes: Any) -> list[str]:
        """Let a request of the client come in."""
        return self.stage.arrive(name, asked, now, accounts=((self.at, self.budget),), **wishes)

    def end(self, name: str, *, cost: float | None = None, tokens: int = 0, now: float | None = None) -> list[str]:
        """Let a request be answered."""
        return self.stage.tell(Finished(name, 1.0, cost, None, tokens), now)

    @property
    def used(self) -> CountedUse:
        """What the client has used up."""
        (found,) = (each for each in self.stage.scheduler.accounts() if each.account == self.at)
        return CountedUse(found.day, found.month)


def test_requests_of_a_minute() -> None:
    """One more is refused until the first of them is a minute ago; each other client has its own minute."""
    client = Accounts(minute="2 requests")
    assert ["serve 1 by local"] == client.ask("1", "local", 0.0)
    assert ["serve 2 by local"] == client.ask("2", "local", 10.0)
    assert ["refuse 3: rate_limit_exceeded"] == client.ask("3", "local", 15.0)
    assert 45.0 == client.stage.last(Refuse).error.retry_after
    other = ((Account(Owner.KEY, "bob"), client.budget),)
    assert ["serve 4 by local"] == client.stage.arrive("4", "local", accounts=other)
    assert ["serve 5 by local"] == client.ask("5", "local", 60.0)


def test_a_request_that_falls_back_is_one() -> None:
    """Whichever target answers in the end."""
    client = Accounts(minute="1 request")
    assert ["serve 1 by a"] == client.ask("1")
    assert ["serve 1 by local for status_5xx"] == client.stage.fail("1", FallbackReason.STATUS_5XX)
    client.end("1", tokens=10)
    assert Amounts(1.0, 10.0, 0.0) == client.used.day


def test_tokens_are_reserved_and_settled() -> None:
    """A request that asks for a long answer is taken to get a usual one; what it got is what counts."""
    client = Accounts(minute="2k tokens")
    assert ["serve 1 by local"] == client.ask("1", "local", prompt_tokens=500, answer_tokens=32_000)
    assert ["refuse 2: rate_limit_exceeded"] == client.ask("2", "local", prompt_tokens=500, answer_tokens=100)
    client.end("1", tokens=600)
    assert ["serve 3 by local"] == client.ask("3", "local", prompt_tokens=500, answer_tokens=100)
    client.end("3", tokens=590)
    assert 1190.0 == client.used.day.tokens
    client.ask("4", "local", 100.0, prompt_tokens=100)
    client.end("4")
    assert 1190.0 + 100 + USUAL_ANSWER == client.used.day.tokens


def test_a_request_that_is_too_much_alone() -> None:
    """It is told so at once, and not to ask again."""
    client = Accounts(minute="100 tokens", at_limit="queue")
    assert ["refuse 1: budget"] == client.ask("1", "local", prompt_tokens=5000)
    assert client.stage.last(Refuse).error.retry_in_vain
    bounded = Accounts(request=["2k tokens", "0.01 USD"])
    assert ["refuse 1: budget"] == bounded.ask("1", prompt_tokens=1500, answer_tokens=600)
    assert ["serve 2 by local for budget"] == bounded.ask("2", prompt_tokens=100, answer_tokens=1000)
    assert ["serve 3 by a"] == bounded.ask("3", prompt_tokens=100, answer_tokens=900)


def test_money_degrades() -> None:
    """What costs nothing answers instead; a month counts on where a day begins anew."""
    client = Accounts(day="1 USD", month="1.5 USD")
    client.ask("1", answer_tokens=100)
    client.end("1", cost=0.9995)
    assert ["serve 2 by local for budget"] == client.ask("2", answer_tokens=100)
    assert ["serve 3 by local"] == client.ask("3", "local", answer_tokens=100)
    client.stage.tell(DayBegan(DAY, 29 * DAY, is_month=False))
    assert ["serve 4 by a"] == client.ask("4", answer_tokens=100)
    client.end("4", cost=0.5)
    assert ["serve 5 by local for budget"] == client.ask("5", answer_tokens=100)
    client.stage.tell(DayBegan(DAY, 30 * DAY, is_month=True))
    assert ["serve 6 by a"] == client.ask("6", answer_tokens=100)


def test_an_owner_may_want_refusals() -> None:
    """Also where another target would cost nothing."""
    client = Accounts(day="1 USD", at_limit="refuse")
    client.ask("1", answer_tokens=100)
    client.end("1", cost=1.0)
    assert ["refuse 2: budget"] == client.ask("2", answer_tokens=100)
    assert ["serve 3 by local"] == client.ask("3", "local")


def test_tokens_degrade_where_an_owner_says_so() -> None:
    """What costs nothing is then free of the limits of a day; those of a minute hold everywhere."""
    client = Accounts(day="3k tokens", minute="3 requests", at_limit="degrade")
    client.ask("1", prompt_tokens=2900, answer_tokens=50)
    client.end("1", cost=0.1, tokens=2950)
    assert ["serve 2 by local for budget"] == client.ask("2", prompt_tokens=100, answer_tokens=100)
    assert ["serve 3 by local"] == client.ask("3", "local", prompt_tokens=100)
    assert ["refuse 4: rate_limit_exceeded"] == client.ask("4", "local")


def test_those_that_wait_are_served_when_there_is_room() -> None:
    """In their order, at the moment at which the limit frees, or as soon as one in flight turns out to be small."""
    client = Accounts(minute="1 request", at_limit="queue")
    client.stage.scheduler.models["local"].profile = profile("local", max_concurrent=8, queue_timeout=70.0)
    client.ask("1", "local", 0.0)
    assert [] == client.ask("2", "local", 5.0)
    assert [("2", 1)] == [(each.id, each.position) for each in client.stage.scheduler.requests() if each.position]
    assert [] == client.stage.pass_time(59.0)
    assert ["serve 2 by local"] == client.stage.pass_time(61.0)
    tokens = Accounts(minute="1200 tokens", at_limit="queue")
    tokens.stage.scheduler.models["local"].profile = profile("local", max_concurrent=8, queue_timeout=70.0)
    tokens.ask("1", "local")
    assert [] == tokens.ask("2", "local", answer_tokens=200)
    assert [] == tokens.ask("3", "local", answer_tokens=900)
    assert ["serve 2 by local", "serve 3 by local"] == tokens.end("1", tokens=50)


def test_none_waits_in_vain() -> None:
    """Where there is no room within the queue's time, or the queue is full, it is refused at once; who leaves is forgotten."""
    client = Accounts(minute="1 request", day="9 requests", at_limit="queue")
    client.ask("1", "local", 0.0)
    assert ["refuse 2: rate_limit_exceeded"] == client.ask("2", "local", 5.0)
    assert [] == client.ask("3", "local", 40.0)
    client.stage.tell(ClientLeft("3"))
    assert [] == client.stage.pass_time(70.0)
    assert [] == client.stage.scheduler.requests()[1:]
    client.ask("4", "local")
    assert [] == client.ask("5", "local", 105.0)
    assert ["refuse 5: closing"] == [each for each in client.stage.tell(ShutdownRequested()) if "refuse" in each]


def test_nothing_is_used_before_it_is_known_what_was_used() -> None:
    """Limits of a day wait for the records; those of a minute hold at once, with what the records have of the last one."""
    client = Accounts(counted=False, day="9k tokens")
    assert ["refuse 1: budget"] == client.ask("1", "local")
    assert 1.0 == client.stage.last(Refuse).error.retry_after
    rate = Accounts(counted=False, minute="2 requests")
    assert ["serve 1 by local"] == rate.ask("1", "local", 1.0)
    rate.stage.tell(SpendingCounted({}, DAY, DAY, ((ALICE, 30.0, Amounts(1.0)),)), 2.0)
    assert ["refuse 2: rate_limit_exceeded"] == rate.ask("2", "local", 3.0)


def test_each_answer_is_charged_to_every_owner() -> None:
    """Once for each, whatever it cost; so the records can be added up again."""
    client = Accounts(day="9 USD")
    role = Account(Owner.ROLE, "planner")
    client.stage.arrive("1", "local", accounts=((ALICE, client.budget), (role, client.budget)))
    client.end("1", tokens=70)
    (charge,) = (each for each in client.stage.explained() if isinstance(each, Charged))
    assert Charged("local", "1", None, 0.0, 0.0, None, tokens=70, accounts=(ALICE, role)) == charge


@pytest.mark.slow
def test_sessions_do_not_fill_the_memory() -> None:
    """Clients name them as they like: the oldest are forgotten."""
    client = Accounts(minute="2 requests")
    for number in range(10_050):
        client.at = Account(Owner.SESSION, str(number))
        client.ask(str(number), "local", number * 0.001)
        client.end(str(number))
    assert 10_000 == len(client.stage.scheduler.accounts())


@pytest.mark.parametrize("owner", [*Owner])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["arrive", "finish", "uncounted", "leave", "fail"]),
            st.integers(0, 9),
            st.integers(0, 100_000),
            st.integers(1, 40_000),
            st.floats(0.0, 1.0),
        ),
        max_size=30,
    )
)
def test_no_owner_spends_more_than_its_budget(owner: Owner, happenings: list[tuple[str, int, int, int, float]]) -> None:
    """Whatever comes in and however it ends, as long as no answer costs more than its request's own limits allow."""
    client = Accounts(at=Account(owner, "x"), day="1 USD")
    stage, most = client.stage, dict[str, float]()
    for number, (what, which, prompt, answer, share) in enumerate(happenings):
        stage.now += 1.0
        flying = list(stage.scheduler.models["a"].serving)
        if what == "arrive" or not flying:
            client.ask(f"t{number}", prompt_tokens=prompt, answer_tokens=answer)
            most[f"t{number}"] = (PRICE.input * prompt + PRICE.output * answer) / 1e6
            continue
        name = flying[which % len(flying)]
        if what in ("finish", "uncounted"):
            client.end(name, cost=share * most[name] if what == "finish" else None)
        elif what == "leave":
            stage.tell(ClientLeft(name))
        else:
            stage.fail(name, FallbackReason.FIRST_TOKEN_TIMEOUT)
        for each in stage.scheduler.accounts():
            assert each.day.usd + each.reserved.usd <= 1.0 + 1e-9
            assert each.reserved.usd >= -1e-9


def test_what_other_hosts_use_up_counts() -> None:
    """Until a day ends there, too; what was just used up counts for a minute, and what was known before does not."""
    client = Accounts(minute="2 requests", day="5 requests")
    one, four = Amounts(1.0), Amounts(4.0)
    client.stage.tell(UsedElsewhere({ALICE: OthersUse(one, one)}), 0.0)
    assert ["serve 1 by local"] == client.ask("1", "local", 1.0)
    assert ["refuse 2: rate_limit_exceeded"] == client.ask("2", "local", 2.0)
    client.stage.tell(UsedElsewhere({ALICE: OthersUse(four, four)}, recent=False), 70.0)
    assert (5.0, 5.0) == (client.used.day.requests, client.used.month.requests)
    assert ["refuse 3: budget"] == client.ask("3", "local", 71.0)
    client.stage.tell(DayBegan(DAY, 30 * DAY, is_month=False), DAY)
    assert (0.0, 5.0) == (client.used.day.requests, client.used.month.requests)
    assert ["serve 4 by local"] == client.ask("4", "local", DAY + 1)


def test_what_is_in_flight_at_other_hosts_counts() -> None:
    """The most that it may cost is kept free; when it has cost less, there is room again, also for those that wait."""
    client = Accounts(day="1 USD", at_limit="queue")
    client.stage.tell(UsedElsewhere({ALICE: OthersUse(reserved=Amounts(usd=0.9999))}))
    assert client.ask("1", prompt_tokens=100, answer_tokens=100)[0].startswith("refuse 1: budget")
    client.stage.tell(UsedElsewhere({ALICE: OthersUse(Amounts(usd=0.1), Amounts(usd=0.1))}))
    assert ["serve 2 by a"] == client.ask("2", prompt_tokens=100, answer_tokens=100)
    assert {} == {each: use for each, use in client.stage.scheduler.own_use().items() if use.day.usd}


def test_the_share_of_a_budget_that_is_used_up() -> None:
    """The largest of all limits of the day and the month; those of a minute or a request, and owners without use, do not count."""
    client = Accounts(minute="2 requests", request="10 tokens", day="10 requests", month="1 USD")
    both = ((ALICE, client.budget), (Account(Owner.HOST), Budget()))

    def share() -> float:
        return client.stage.scheduler.offers((), both).budget_used

    assert 0.0 == share()
    client.ask("1", "local")
    client.end("1", cost=0.04)
    assert 0.1 == pytest.approx(share())
    client.ask("2", "local")
    client.end("2", cost=0.5)
    assert 0.54 == pytest.approx(share())
    assert 0.0 == client.stage.scheduler.offers(()).budget_used
