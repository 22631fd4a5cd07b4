"""What providers cost and may cost, in virtual time."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.budget import Account, Amounts, Budget, CountedUse, Limit, Measure, Owner, Period
from hostd.domain.profile import Price, Profile, Variant
from hostd.domain.reason import FallbackReason
from hostd.scheduling.decisions import Charged
from hostd.scheduling.effects import Refuse
from hostd.scheduling.events import AttemptFailed, ClientLeft, DayBegan, Finished, SpendingCounted
from hostd.scheduling.scheduler import Scheduler
from hostd.scheduling.spending import FASTEST, UNLIMITED_ANSWER
from tests.scheduling.scenario import Rehearsal, profile

DAY = 86_400.0
PRICE = Price(input=1.0, output=10.0)


def cloud(name: str, *fallback: str, provider: str = "zai", **more: float) -> Profile:
    """Return a cloud profile with a price."""
    variant = Variant("cloud", provider=provider, model=name)
    return replace(profile(name, *fallback, **more), variants=(variant,), price=PRICE)


def a_day(usd: float) -> Budget:
    """Return a budget of so many USD a day."""
    return Budget((Limit(Measure.USD, Period.DAY, usd),))


def spent_today(usd: float) -> SpendingCounted:
    """Return what the records say where the provider has cost *usd* today."""
    amounts = Amounts(usd=usd)
    return SpendingCounted({Account(Owner.PROVIDER, "zai"): CountedUse(amounts, amounts)}, DAY, 30 * DAY)


def rehearsal(cap: float, *profiles: Profile, spent: float | None = 0.0) -> Rehearsal:
    """Return a stage on which the provider may cost *cap* a day, and has cost *spent* (None: not known yet)."""
    stage = Rehearsal(*profiles)
    stage.scheduler = Scheduler({each.name: each for each in profiles}, budgets={"zai": a_day(cap)})
    stage.warm(*(each.name for each in profiles))
    if spent is not None:
        stage.tell(spent_today(spent))
    return stage


@pytest.fixture
def stage() -> Rehearsal:
    """A provider that may cost a dollar a day, with a local model beside it."""
    return rehearsal(1.0, cloud("a", "local"), cloud("alone"), profile("local", max_concurrent=8))


def charged(stage: Rehearsal) -> list[Charged]:
    """Return what was charged in the latest turn."""
    return [each for each in stage.explained() if isinstance(each, Charged)]


def test_a_cap_that_is_reached_removes_the_providers_models(stage: Rehearsal) -> None:
    """Requests go elsewhere, with the reason in the route; where there is no other, they are told until when."""
    assert ["serve 1 by a"] == stage.arrive("1", "a", prompt_tokens=1000, answer_tokens=1000)
    stage.tell(Finished("1", 1.0, 0.99))
    assert [Charged("a", "1", "zai", 0.99, 0.99, 1.0, tokens=2000)] == charged(stage)
    assert ["serve 2 by local for budget"] == stage.arrive("2", "a", prompt_tokens=10, answer_tokens=1000)
    assert ["refuse 3: budget"] == stage.arrive("3", "alone", prompt_tokens=10, answer_tokens=1000)
    refusal = stage.last(Refuse).error
    assert (429, 60.0, True) == (refusal.status, refusal.retry_after, refusal.retry_in_vain)
    # What is sure to stay below the cap is still sent, and a new day begins with nothing spent.
    assert ["serve 4 by a"] == stage.arrive("4", "a", prompt_tokens=10, answer_tokens=10)
    stage.tell(DayBegan(DAY, 30 * DAY, is_month=False))
    assert ["serve 5 by a"] == stage.arrive("5", "a", prompt_tokens=10, answer_tokens=1000)


def test_what_is_in_flight_counts_with_the_most_that_it_may_cost(stage: Rehearsal) -> None:
    """Of two requests that would exceed the cap together, the second goes elsewhere, until the first turns out to be cheap."""
    big: dict[str, Any] = {"prompt_tokens": 100_000, "answer_tokens": 50_000}
    assert ["serve 1 by a"] == stage.arrive("1", "a", **big)
    assert ["serve 2 by local for budget"] == stage.arrive("2", "a", **big)
    stage.tell(Finished("1", 1.0, 0.01))
    assert ["serve 3 by a"] == stage.arrive("3", "a", **big)


def test_an_answer_without_a_limit() -> None:
    """It is taken to be long."""
    least = PRICE.output * UNLIMITED_ANSWER / 1e6
    for cap, expected in ((least * 1.01, "serve 1 by a"), (least * 0.99, "serve 1 by local for budget")):
        stage = rehearsal(cap, cloud("a", "local"), profile("local"))
        assert [expected] == stage.arrive("1", "a")


def test_nothing_is_spent_before_it_is_known_what_was_spent() -> None:
    """After a start, the provider is used once the records have been read; without a cap, at once."""
    stage = rehearsal(1.0, cloud("a", "local"), cloud("free", provider="xai"), profile("local"), spent=None)
    assert ["serve 1 by local for budget"] == stage.arrive("1", "a")
    assert ["serve 2 by free"] == stage.arrive("2", "free")
    stage.tell(spent_today(0.5))
    assert ["serve 3 by a"] == stage.arrive("3", "a", answer_tokens=10)


def test_a_request_that_is_left_costs_what_it_may_have_cost(stage: Rehearsal) -> None:
    """By the time that it took; one that was refused or never reached the provider costs nothing."""
    stage.arrive("1", "a", 0.0, prompt_tokens=1000, answer_tokens=30_000)
    stage.tell(ClientLeft("1"), 2.0)
    expected = (PRICE.input * 1000 + PRICE.output * 2 * FASTEST) / 1e6
    (charge,) = charged(stage)
    assert charge.estimated
    assert charge.usd == pytest.approx(expected)
    stage.arrive("2", "a", 3.0, prompt_tokens=1000, answer_tokens=30_000)
    stage.fail("2", FallbackReason.STATUS_5XX)
    assert [] == charged(stage)
    stage.finish("2")
    stage.arrive("3", "a", 4.0, prompt_tokens=1000, answer_tokens=30_000)
    stage.fail("3", FallbackReason.FIRST_TOKEN_TIMEOUT)
    assert [True] == [each.estimated for each in charged(stage)]


def test_one_that_waited_is_moved_when_its_turn_comes(stage: Rehearsal) -> None:
    """The cap may have been reached meanwhile."""
    narrow = rehearsal(1.0, cloud("a", "local", max_concurrent=1), profile("local"))
    narrow.arrive("1", "a", answer_tokens=100)
    assert [] == narrow.arrive("2", "a", answer_tokens=1000)
    assert ["serve 2 by local for budget"] == narrow.tell(Finished("1", 1.0, 0.995))
    assert [] == narrow.scheduler.requests()[1:]
    assert stage.scheduler.spending()[0].cap == 1.0


def test_other_providers_and_local_models_are_none_of_this() -> None:
    """A cap is one provider's; what has no cap is counted all the same."""
    stage = rehearsal(0.0, cloud("a", "local"), cloud("other", provider="xai"), profile("local"))
    assert ["serve 1 by local for budget"] == stage.arrive("1", "a", answer_tokens=1)
    assert ["serve 2 by other"] == stage.arrive("2", "other")
    stage.tell(Finished("2", 1.0, 0.25))
    assert {"xai": (0.25, None), "zai": (0.0, 0.0)} == {
        each.provider: (each.today, each.cap) for each in stage.scheduler.spending()
    }


@given(
    st.floats(0.0, 2.0),
    st.lists(
        st.tuples(
            st.sampled_from(["arrive", "finish", "uncounted", "leave", "fail", "silent"]),
            st.integers(0, 9),
            st.integers(0, 100_000),
            st.integers(1, 40_000),
            st.floats(0.0, 1.0),
        ),
        max_size=40,
    ),
)
def test_a_cap_is_never_exceeded(cap: float, happenings: list[tuple[str, int, int, int, float]]) -> None:
    """Whatever comes in and however it ends, as long as no answer costs more than its request's own limits allow."""
    stage = rehearsal(cap, cloud("a", "local", max_concurrent=8), profile("local", max_concurrent=50))
    most: dict[str, float] = {}
    for number, (what, which, prompt, answer, share) in enumerate(happenings):
        stage.now += 1.0
        flying = list(stage.scheduler.models["a"].serving)
        if what == "arrive" or not flying:
            stage.arrive(f"t{number}", "a", prompt_tokens=prompt, answer_tokens=answer)
            most[f"t{number}"] = (PRICE.input * prompt + PRICE.output * answer) / 1e6
        else:
            ticket = flying[which % len(flying)]
            match what:
                case "finish":
                    stage.tell(Finished(ticket, 1.0, share * most[ticket]))
                case "uncounted":
                    stage.tell(Finished(ticket, 1.0))
                case "leave":
                    stage.tell(ClientLeft(ticket))
                case "fail":
                    stage.fail(ticket, FallbackReason.STATUS_429)
                case _:
                    stage.fail(ticket, FallbackReason.STALL)
        (spending,) = stage.scheduler.spending()
        assert spending.today + spending.reserved <= cap + 1e-9
        assert set(stage.scheduler._spending.in_flight) == set(stage.scheduler.models["a"].serving)


def test_an_answer_that_is_held_back_is_charged(stage: Rehearsal) -> None:
    """As it was counted, not as it is estimated; the next target is then held to what is left."""
    assert ["serve t by a"] == stage.arrive("t", "a", prompt_tokens=1000, answer_tokens=100)
    stage.tell(AttemptFailed("t", FallbackReason.CHECK_FAILED, "no", cost=0.25, tokens=1100))
    (charge,) = charged(stage)
    assert (0.25, False) == (charge.usd, charge.estimated)
