"""The least model that is enough comes first; what is known of a conversation counts, and no rule is overruled."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.model_choice import TaskType, ability
from hostd.domain.offer import Offer
from hostd.domain.principal import Privacy
from hostd.domain.profile import Profile, Role, Variant
from hostd.domain.routing_rules import Condition, RouteRule
from hostd.domain.ticket import Route
from hostd.routing.complexity_model import Assessment
from hostd.routing.features import Features
from hostd.routing.policy import RouteQuery
from hostd.routing.router import Router
from tests.routing.routing_stage import catalog, models
from tests.scheduling.scenario import profile

_USE = ("large", "small", "medium")
_LEVELS = {"small": {"any": 3}, "medium": {"any": 6, "code": 8}}


def _assess(said: str) -> Assessment:
    """Assess a prompt by what it says of itself: a level, and a type of task after it."""
    level, _, task = said.partition(" ")
    return Assessment(int(level), TaskType(task or "chat"), float(level))


def _role(**further: Any) -> Role:
    return Role("auto", _USE, suffices=_LEVELS, **further)


def _router(role: Role, **contexts: int) -> Router:
    known = [profile(name, context=contexts.get(name)) for name in _USE]
    return Router(catalog(*known, roles=(role,)), assess=_assess)


def _query(said: str, session: str | None = None, *, pending: bool = False, tokens: int = 0) -> RouteQuery:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    features = Features(said, 100, now, session=session, awaits_model=pending)
    return RouteQuery("auto", features=features, tokens=tokens)


def _routed(said: str, role: Role | None = None) -> tuple[list[str], str]:
    route: Route = _router(role or _role()).route(_query(said))
    assert route.reason is None
    return models(route), route.why


def test_the_least_model_that_is_enough_comes_first() -> None:
    """Then the abler ones; those that are not enough come last, the ablest of them first."""
    assert _routed("3") == (["small", "medium", "large"], "complexity 3 of 10 (chat)")
    assert _routed("4") == (["medium", "large", "small"], "complexity 4 of 10 (chat)")
    assert _routed("7") == (["large", "medium", "small"], "complexity 7 of 10 (chat)")
    assert _routed("8 code") == (["medium", "large", "small"], "complexity 8 of 10 (code)")


def test_a_rule_comes_before_any_assessment() -> None:
    """The owner has said who answers such requests."""
    role = _role(route=(RouteRule(("large",), Condition(regex="^1")),))
    assert _routed("1", role) == (["large", "small", "medium"], "rule 1 (regex)")
    assert _routed("2", role)[0][0] == "small"


def _answered(router: Router, query: RouteQuery) -> str:
    """Have *query* answered by the first model of its route, and return that."""
    route = router.route(query)
    router.sessions.answered(query, models(route)[0], route.difficulty)
    return models(route)[0]


def test_what_follows_is_little_easier_than_what_it_follows() -> None:
    """`And now the other file` says less than it means; with each turn more of it is believed."""
    router = _router(_role())
    answered = [_answered(router, _query(said, "s")) for said in ("9", "1", "1", "1", "1")]
    assert ["large", "large", "medium", "small", "small"] == answered
    _answered(router, _query("9", "s"))
    assert models(router.route(_query("1", "another")))[0] == "small"
    assert models(router.route(_query("1")))[0] == "small"
    # A request may be routed again, as when private data is found in it: it is no other one for that.
    for _ in range(2):
        assert router.route(_query("1", "s")).why == "complexity 7 of 10 (chat, after 9)"


def test_a_shorter_prompt_begins_anew() -> None:
    """Many conversations begin with the same words, and are not told apart by them."""
    router = _router(_role())
    long = _query("9", "s")
    assert long.features is not None
    _answered(router, long._replace(features=long.features._replace(tokens=5000)))
    assert router.route(_query("1", "s")).why == "complexity 1 of 10 (chat)"


def test_a_step_of_an_agent_stays_with_its_model() -> None:
    """Its tool's result is no prompt of the user's: nothing is assessed."""
    router = _router(_role())
    asked = _query("4", "s")
    assert _answered(router, asked) == "medium"
    pending = router.route(_query("no level at all", "s", pending=True))
    assert (models(pending)[0], pending.why) == ("medium", "session (a tool's result is pending)")


def test_a_model_whose_context_is_too_small_is_not_enough() -> None:
    """Even for what is easy; where all are too small the order says which is the least bad."""
    router = _router(_role(), small=1000, medium=9000)
    assert models(router.route(_query("2", tokens=5000)))[0] == "medium"
    assert models(router.route(_query("2", tokens=900)))[0] == "small"


def test_where_none_is_enough_the_ablest_answers() -> None:
    """As when privacy has left out the one that would be; the verdict says so."""
    role = Role("auto", ("small", "medium"), suffices=_LEVELS)
    router = Router(catalog(profile("small"), profile("medium"), roles=(role,)), assess=_assess)
    route = router.route(_query("9"))
    assert (models(route), route.why) == (["medium", "small"], "complexity 9 of 10 (chat; none suffices)")


def test_fallbacks_from_outside_stay_behind() -> None:
    """A profile that the role does not use is for failures, however able."""
    small = profile("small", "other")
    role = Role("auto", ("small", "large"), suffices={"small": {"any": 3}})
    router = Router(catalog(small, profile("large"), profile("other"), roles=(role,)), assess=_assess)
    assert models(router.route(_query("9"))) == ["large", "small", "other"]


@given(
    levels=st.dictionaries(
        st.sampled_from(_USE), st.dictionaries(st.sampled_from(["any", *TaskType]), st.integers(0, 10))
    ),
    said=st.builds("{} {}".format, st.integers(1, 10), st.sampled_from(list(TaskType))),
    tokens=st.integers(0, 10_000),
)
def test_no_target_is_added_or_lost(levels: dict[str, dict[str, int]], said: str, tokens: int) -> None:
    """Whatever the levels; and no model that is enough stands behind one that is not."""
    router = _router(Role("auto", _USE, suffices=levels or _LEVELS))
    found = models(router.route(_query(said, tokens=tokens)))
    assert sorted(found) == sorted(_USE)
    assessed = _assess(said)
    enough = [ability(levels or _LEVELS, model, assessed.task) >= assessed.level for model in found]
    assert enough == sorted(enough, reverse=True)


@given(
    levels=st.dictionaries(
        st.sampled_from(["here", "also here", "cloud"]), st.fixed_dictionaries({"any": st.integers(0, 10)}), min_size=1
    ),
    said=st.integers(1, 10),
    loadable=st.booleans(),
    minute_usd=st.floats(0, 1000),
)
def test_no_price_sends_a_private_request_away(
    levels: dict[str, dict[str, int]], said: int, loadable: bool, minute_usd: float
) -> None:
    """Nor has one loaded for it what is not on this machine: privacy has dropped the target before."""
    cloud = Profile("cloud", (Variant("cloud", provider="openai", model="gpt-5"),))
    role = Role("auto", ("cloud", "here", "also here"), suffices=levels, minute_usd=minute_usd)
    router = Router(catalog(profile("here"), profile("also here"), cloud, roles=(role,)), assess=_assess)
    offers = {name: Offer(load=60.0 * loadable, loadable=loadable) for name in ("here", "also here")} | {
        "cloud": Offer()
    }
    route = router.route(_query(str(said))._replace(privacy=Privacy.LOCAL, offers=offers))
    assert {"here", "also here"} == set(models(route))
    assert route.meanwhile != "cloud"
