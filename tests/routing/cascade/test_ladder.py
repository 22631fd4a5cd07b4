"""The order of a cascade."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.cascade import CascadeSettings
from hostd.domain.principal import Privacy
from hostd.domain.profile import FallbackRule, Price, Profile, Role, Variant
from hostd.domain.reason import FallbackReason
from hostd.domain.routing_rules import Condition, RouteRule
from hostd.domain.ticket import Target
from hostd.routing.cascade.ladder import ladder, upward
from hostd.routing.features import Features
from tests.routing.routing_stage import ask, models, router

LOCAL = (Variant("llamacpp", path="m.gguf"),)


def local(name: str, *fallback: str) -> Profile:
    """Return a profile of this machine."""
    return Profile(name, LOCAL, fallback=tuple(map(FallbackRule, fallback)))


def paid(name: str, usd: float | None) -> Profile:
    """Return a profile of a provider's."""
    price = None if usd is None else Price(usd, usd)
    return Profile(name, (Variant("cloud", provider="p", url="https://p", model=name),), price=price)


PROFILES = {
    each.name: each for each in (paid("dear", 9.0), paid("cheap", 1.0), local("b"), local("a"), paid("unknown", None))
}


def test_the_cheapest_comes_first() -> None:
    """What costs nothing stays as its owner has it; what nobody knows the price of is the dearest."""
    assert ladder(("unknown", "dear", "b", "cheap", "a"), PROFILES) == ("b", "a", "cheap", "dear", "unknown")


@given(st.permutations(["b", "a", "cheap", "dear"]))
def test_it_only_goes_up(order: list[str]) -> None:
    """However targets are ordered by other steps, a check that fails leads to a higher rung than all before."""
    rungs = ladder(("b", "a", "cheap", "dear"), PROFILES)
    found = upward([Target(name) for name in order], rungs)
    assert [target.model for target in found] == order
    for at, target in enumerate(found):
        before = [rungs.index(each.model) for each in found[:at]]
        higher = bool(before) and rungs.index(target.model) > max(before)
        assert (FallbackReason.CHECK_FAILED in target.on) is higher


def test_a_role_with_a_cascade() -> None:
    """Its route is ordered by money; fallbacks of its profiles take other failures, and no failed check."""
    role = Role("r", ("dear", "b", "cheap"), cascade=CascadeSettings(max_steps=1))
    profiles = (paid("dear", 9.0), paid("cheap", 1.0), local("b", "a"), local("a"))
    route = router(*profiles, roles=(role,)).route(ask("r"))
    assert (models(route), route.cascade) == (["b", "cheap", "dear", "a"], role.cascade)
    open_to = [route.open_to(index, FallbackReason.CHECK_FAILED, 0) for index in range(1, 4)]
    assert open_to == [True, True, False]
    assert route.open_to(3, FallbackReason.CRASHED, 0)


def test_a_private_profile_that_is_named_first_keeps_all_here() -> None:
    """Even where its owner has given it a price, by which another would come first."""
    private = replace(local("mine"), price=Price(5.0, 5.0), privacy=Privacy.LOCAL)
    role = Role("r", ("mine", "cheap", "b"), cascade=CascadeSettings())
    route = router(private, paid("cheap", 1.0), local("b"), roles=(role,)).route(ask("r"))
    assert (models(route), route.private) == (["b", "mine"], True)


def test_rules_may_begin_higher() -> None:
    """Then nothing below is asked after a failed check."""
    role = Role("r", ("b", "cheap"), route=(RouteRule(("cheap",), Condition()),), cascade=CascadeSettings())
    made = router(paid("cheap", 1.0), local("b"), roles=(role,))
    assert models(made.route(ask("r"))) == ["b", "cheap"]
    features = Features("x", 1, datetime(2026, 11, 29, tzinfo=UTC))
    ruled = made.route(ask("r")._replace(features=features))
    assert models(ruled) == ["cheap", "b"]
    assert not ruled.open_to(1, FallbackReason.CHECK_FAILED, 0)
