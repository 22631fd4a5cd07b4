"""A conversation stays with its model while a tool's result is pending, and moves on afterwards."""

from datetime import UTC, datetime

from hostd.domain.principal import Principal
from hostd.domain.profile import Role
from hostd.domain.routing_rules import Condition, RouteRule
from hostd.routing.features import Features
from hostd.routing.policy import RouteQuery
from hostd.routing.router import Router
from hostd.routing.session import MOST_SESSIONS
from tests.routing.routing_stage import catalog, models
from tests.scheduling.scenario import profile

_ROLE = Role("auto", ("a", "b"), route=(RouteRule(("b",), Condition(words=("hard",))),))
_ASKED = Features("a hard one", 100, datetime(2026, 11, 30, tzinfo=UTC), session="s")
_RESULT = _ASKED._replace(said="easy", awaits_model=True)


def _query(features: Features, client: str = "c") -> RouteQuery:
    return RouteQuery("auto", principal=Principal(client), features=features)


def _router() -> Router:
    return Router(catalog(profile("a"), profile("b"), roles=(_ROLE,)))


def test_a_step_is_ended_by_the_model_that_began_it() -> None:
    """Whatever rules say of its texts; with the next word of the user they decide anew."""
    router = _router()
    first = _query(_ASKED)
    assert models(router.route(first)) == ["b", "a"]
    router.sessions.answered(first, "b")
    pending = router.route(_query(_RESULT))
    assert (models(pending), pending.why) == (["b", "a"], "session (a tool's result is pending)")
    assert models(router.route(_query(_RESULT._replace(awaits_model=False)))) == ["a", "b"]


def test_sessions_are_a_clients_own() -> None:
    """Two clients that chose the same name have nothing to do with each other, nor has a request without one."""
    router = _router()
    router.sessions.answered(_query(_ASKED), "b")
    assert models(router.route(_query(_RESULT, "other"))) == ["a", "b"]
    assert models(router.route(_query(_RESULT._replace(session=None)))) == ["a", "b"]


def test_a_model_that_is_no_target_any_more_is_not_waited_for() -> None:
    """And the oldest conversations are forgotten."""
    router = _router()
    router.sessions.answered(_query(_ASKED), "gone")
    assert models(router.route(_query(_RESULT))) == ["a", "b"]
    router.sessions.answered(_query(_ASKED), "b")
    for number in range(MOST_SESSIONS):
        router.sessions.answered(_query(_ASKED._replace(session=str(number))), "b")
    assert models(router.route(_query(_RESULT))) == ["a", "b"]
