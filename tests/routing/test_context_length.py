"""A prompt that is long for sure is not sent where it would be refused."""

from hostd.domain.reason import FallbackReason
from hostd.routing.policy import RouteQuery
from tests.routing.routing_stage import models, router
from tests.scheduling.scenario import only, profile


def test_the_first_target_with_room_answers() -> None:
    """The route says why it is not the one that was asked for; a profile without a context is trusted."""
    names = router(profile("a", "b", "c", context=4096), profile("b", context=8192), profile("c"))
    route = names.route(RouteQuery("a", tokens=9000))
    assert (["c"], FallbackReason.CONTEXT_TOO_LONG) == (models(route), route.reason)
    route = names.route(RouteQuery("a", tokens=8192))
    assert (["b", "c"], FallbackReason.CONTEXT_TOO_LONG) == (models(route), route.reason)


def test_a_first_choice_with_room_answers() -> None:
    """Whatever its fallbacks hold: nothing has moved."""
    names = router(profile("a", "b", "c", context=32768), profile("b", context=8192), profile("c"))
    route = names.route(RouteQuery("a", tokens=9000))
    assert (["a", "b", "c"], None) == (models(route), route.reason)


def test_a_guess_never_refuses() -> None:
    """Where no target has room, the engine counts."""
    names = router(profile("a", "b", context=4096), profile("b", context=8192))
    route = names.route(RouteQuery("a", tokens=9000))
    assert (["a", "b"], None) == (models(route), route.reason)


def test_a_rule_for_other_reasons_is_no_way() -> None:
    """What an owner lists for crashes alone does not get long prompts."""
    names = router(profile("a", only("b", FallbackReason.CRASHED), context=4096), profile("b"))
    route = names.route(RouteQuery("a", tokens=9000))
    assert (["a", "b"], None) == (models(route), route.reason)
