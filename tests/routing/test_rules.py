"""The first rule that holds moves its profiles to the front; nothing is added, dropped, or got round."""

from datetime import UTC, datetime
from typing import Any

import pytest

from hostd.domain.catalog import Catalog
from hostd.domain.principal import ANONYMOUS, Privacy
from hostd.domain.profile import Profile, Role, Variant
from hostd.domain.routing_rules import Condition, RouteRule
from hostd.domain.schedule import ActiveWindow
from hostd.domain.ticket import Requirements
from hostd.routing.features import Features
from hostd.routing.policy import RouteQuery
from hostd.routing.router import Router
from hostd.routing.rules import MOST_READ, holds
from tests.routing.routing_stage import catalog, models
from tests.scheduling.scenario import able, profile

_NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)  # a Monday
_SAID = "Please refactor this\nTraceback (most recent call last)"
_FEATURES = Features(_SAID, 5000, _NOW, client="aider", metadata={"team": "sales"}, budget_used=0.75)
_ANY = Requirements()


@pytest.mark.parametrize(
    ("condition", "held"),
    [
        ({}, ""),
        ({"words": ("REFACTOR", "rename")}, "words"),
        ({"words": ("factor",)}, None),
        ({"words": ("most  recent call",)}, "words"),
        ({"regex": "(?i)traceback.*last"}, "regex"),
        ({"regex": "^Traceback"}, None),
        ({"longer_than": 4999, "shorter_than": 5001}, "longer_than, shorter_than"),
        ({"longer_than": 5000}, None),
        ({"tools": False, "pictures": False}, "tools, pictures"),
        ({"tools": True}, None),
        ({"private": True}, None),
        ({"budget_used": 0.75}, "budget_used"),
        ({"budget_used": 0.76}, None),
        ({"clients": ("opencode", "aid*")}, "clients"),
        ({"clients": ("opencode",)}, None),
        ({"metadata": {"team": "sales"}}, "metadata"),
        ({"metadata": {"team": "sales", "day": "1"}}, None),
        ({"times": (ActiveWindow((5, 6), 0, 1440), ActiveWindow((0,), 480, 600))}, "times"),
        ({"times": (ActiveWindow((0,), 600, 660),)}, None),
        ({"words": ("refactor",), "tools": True}, None),
    ],
)
def test_all_that_is_written_must_hold(condition: dict[str, Any], held: str | None) -> None:
    """Each part by itself and together; the parts that held are told in the words of the file."""
    assert holds(Condition(**condition), _FEATURES) == held


def test_an_expression_reads_the_end_of_a_long_text_alone() -> None:
    """Which may take long; what was said last stands there."""
    features = _FEATURES._replace(said="secret " + "x" * MOST_READ)
    assert holds(Condition(words=("secret",)), features) is None
    assert holds(Condition(words=("secret",)), features._replace(said=features.said[::-1] + " secret")) == "words"


def _routed(features: Features, *rules: RouteRule, needs: Requirements = _ANY) -> tuple[list[str], str]:
    """Return the targets of a role that uses a, b and c, of which b has no tools, and the step that chose the first."""
    profiles: tuple[Profile, ...] = (profile("a"), profile("b", **able(tools=False)), profile("c"))
    router = Router(catalog(*profiles, roles=(Role("auto", ("a", "b", "c"), route=rules),)))
    assert router.role_by_content("auto")
    assert router.role_by_content("AUTO:latest")
    assert router.role_by_content("a") is None
    route = router.route(RouteQuery("auto", needs, features=features))
    assert router.known("auto", needs, ANONYMOUS, Privacy.ANY) is None
    assert route.reason is None or needs.tools
    return models(route), route.why


def test_the_first_rule_that_holds_decides() -> None:
    """In the order of its own list; without one, in that of the role."""
    translations, changes = Condition(words=("translate",)), Condition(words=("refactor",))
    rules = (RouteRule(("b",), translations), RouteRule(("c", "b"), changes), RouteRule(("b",)))
    assert _routed(_FEATURES, *rules) == (["c", "b", "a"], "rule 2 (words)")
    assert _routed(_FEATURES._replace(said="hello"), *rules) == (["b", "a", "c"], "rule 3 (always)")
    assert _routed(_FEATURES._replace(said="hello"), *rules[:2]) == (["a", "b", "c"], "")


def test_a_rule_cannot_choose_what_the_request_does_not_fit() -> None:
    """A target that lacks tools stays out, whatever a rule says."""
    assert _routed(_FEATURES, RouteRule(("b",)), needs=Requirements(tools=True)) == (["a", "c"], "")


def test_a_private_request_stays_here_whatever_a_rule_says() -> None:
    """Privacy comes first: rules order what it has left."""
    cloud = Profile("cloud", (Variant("cloud", provider="openai", model="m"),))
    known: Catalog = catalog(profile("a"), cloud, roles=(Role("auto", ("a", "cloud"), route=(RouteRule(("cloud",)),)),))
    query = RouteQuery("auto", features=_FEATURES)
    assert models(Router(known).route(query)) == ["cloud", "a"]
    assert models(Router(known).route(query._replace(privacy=Privacy.LOCAL))) == ["a"]
