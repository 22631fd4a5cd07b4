"""Targets that lack what a request needs are left out of its route."""

import pytest

from hostd.domain.capability import Finding, Findings, ProbeVerdict
from hostd.domain.errors import RequestError
from hostd.domain.profile import Profile, Role
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Requirements, Task
from hostd.routing.router import Router
from tests.routing.routing_stage import ask, catalog, models, router
from tests.scheduling.scenario import able, only, profile


@pytest.mark.parametrize(
    ("requirements", "lacking"),
    [
        (Requirements(tools=True), "tools"),
        (Requirements(vision=True), "vision"),
        (Requirements(json_schema=True), "json_schema"),
    ],
)
def test_targets_that_lack_something_are_left_out(requirements: Requirements, lacking: str) -> None:
    """A target further on that does not say is trusted; the route says so when the first choice is left out."""
    names = router(profile("a", "b", "c", **able(**{lacking: False})), profile("b", **able()), profile("c"))
    route = names.route(ask("a", requirements))
    assert (["b", "c"], FallbackReason.UNFIT) == (models(route), route.reason)
    assert (["a", "b", "c"], None) == (models(names.route(ask("a"))), names.route(ask("a")).reason)


def test_an_unfit_target_in_the_middle_is_no_reason() -> None:
    """The first choice answers; only the later target is missing."""
    names = router(profile("a", "b", "c"), profile("b", **able(tools=False)), profile("c"))
    route = names.route(ask("a", Requirements(tools=True)))
    assert (["a", "c"], None) == (models(route), route.reason)


def test_a_fallback_may_decline_what_another_is_unfit_for() -> None:
    """One that does not take unfit is passed over by a request that its first choice cannot answer."""
    unfit = able(vision=False)
    names = router(
        profile("a", only("b", FallbackReason.CRASHED), "c", **unfit), profile("b"), profile("c", "d"), profile("d")
    )
    route = names.route(ask("a", Requirements(vision=True)))
    assert (["c", "d"], FallbackReason.UNFIT) == (models(route), route.reason)
    alone = router(profile("a", only("b", FallbackReason.CRASHED), **unfit), profile("b"))
    with pytest.raises(RequestError, match="'a' is declared without vision"):
        alone.route(ask("a", Requirements(vision=True)))


def test_a_route_without_a_fit_target_is_the_clients_error_and_says_what_is_missing() -> None:
    """400, with what the first choice lacks."""
    names = router(profile("a", "b", **able(tools=False)), profile("b", **able(tools=False)))
    with pytest.raises(RequestError, match="'a' cannot answer this request: 'a' is declared without tools") as caught:
        names.route(ask("a", Requirements(tools=True)))
    assert ("unfit", 400) == (caught.value.code, caught.value.status)


def test_what_makes_no_text_is_declared() -> None:
    """A reranker falls back to another, and to nothing else."""
    ranks = able(rerank=True)
    names = router(profile("a", "b", "c", **ranks), profile("b", **ranks), profile("c"))
    assert ["a", "b"] == models(names.route(ask("a", Requirements(Task.RERANK))))
    with pytest.raises(RequestError, match="'c' ranks no texts; set 'capabilities"):
        names.route(ask("c", Requirements(Task.RERANK)))
    with pytest.raises(RequestError, match="'a' makes no decisions"):
        names.route(ask("a", Requirements(Task.DECISIONS)))


def test_embeddings_never_fall_back() -> None:
    """Another model's vectors mean something else, even if it makes some."""
    vectors = able(embeddings=True)
    names = router(profile("a", "b", **vectors), profile("b", **vectors), profile("c", "a"))
    assert ["a"] == models(names.route(ask("a", Requirements(Task.EMBEDDINGS))))
    with pytest.raises(RequestError, match="'c' makes no embeddings; set 'capabilities"):
        names.route(ask("c", Requirements(Task.EMBEDDINGS)))


def test_a_role_may_require_what_its_members_must_declare() -> None:
    """Here silence is not enough: a member that does not say so is left out."""
    role = Role("coder", ("a", "b", "c"), require=("tools",))
    names = router(profile("a"), profile("b", **able(tools=True)), profile("c", **able(tools=False)), roles=(role,))
    route = names.route(ask("coder"))
    assert (["b"], FallbackReason.UNFIT) == (models(route), route.reason)
    assert ["a"] == models(names.route(ask("a")))
    with pytest.raises(RequestError, match="the role requires tools, which 'a' does not declare"):
        router(profile("a"), roles=(Role("r", ("a",), ("tools",)),)).route(ask("r"))


NO, YES, UNKNOWN = (Finding(verdict, "so") for verdict in (ProbeVerdict.NO, ProbeVerdict.YES, ProbeVerdict.UNKNOWN))
TOOLS = Requirements(tools=True)


def found(*profiles: Profile, roles: tuple[Role, ...] = (), **tools: Finding) -> tuple[Router, Findings]:
    """Return a router of *profiles*, of which a probe has found so much about *tools*, and the findings."""
    findings = Findings()
    for name, finding in tools.items():
        findings.put(name, {"tools": finding})
    return Router(catalog(*profiles, roles=roles), findings=findings), findings


def test_what_was_found_missing_gives_way() -> None:
    """To a target that has it, or of which nothing is known; requests that do not need it stay."""
    for other in (YES, UNKNOWN, None):
        names, findings = found(profile("a", "b"), profile("b"), a=NO)
        findings.put("b", {} if other is None else {"tools": other})
        route = names.route(ask("a", TOOLS))
        assert (["b"], FallbackReason.UNFIT) == (models(route), route.reason)
        assert ["a", "b"] == models(names.route(ask("a")))


def test_what_was_found_missing_is_better_than_nothing() -> None:
    """A probe is not an owner: where nobody else can answer, the model that was asked for does, and no reason is told."""
    names, _ = found(profile("a"), a=NO)
    assert (["a"], None) == (models(names.route(ask("a", TOOLS))), names.route(ask("a", TOOLS)).reason)
    names, _ = found(profile("a", "b"), profile("b"), a=NO, b=NO)
    assert ["a", "b"] == models(names.route(ask("a", TOOLS)))
    # What was declared is left out as ever.
    names, _ = found(profile("a", "b"), profile("b", **able(tools=False)), a=NO)
    assert ["a"] == models(names.route(ask("a", TOOLS)))
    names, _ = found(profile("a", "b", **able(tools=False)), profile("b"), b=NO)
    assert (["b"], FallbackReason.UNFIT) == (models(names.route(ask("a", TOOLS))), names.route(ask("a", TOOLS)).reason)
    with pytest.raises(RequestError, match="'a' is declared without tools"):
        found(profile("a", **able(tools=False)), a=YES)[0].route(ask("a", TOOLS))


def test_the_owner_knows_better() -> None:
    """What a profile declares counts, whatever was found."""
    names, _ = found(profile("a", "b", **able(tools=True)), profile("b"), a=NO)
    assert ["a", "b"] == models(names.route(ask("a", TOOLS)))


def test_a_finding_does_for_a_role() -> None:
    """A member that was found to have what the role requires need not declare it."""
    role = Role("coder", ("a", "b", "c"), require=("tools",))
    names, findings = found(profile("a"), profile("b"), profile("c"), roles=(role,), a=NO, b=YES, c=UNKNOWN)
    assert ["b"] == models(names.route(ask("coder")))
    thinker = Role("thinker", ("a", "b"), require=("thinking",))
    names, findings = found(profile("a"), profile("b"), roles=(thinker,))
    findings.put("a", {"thinking": NO})
    findings.put("b", {"thinking": YES})
    assert ["b"] == models(names.route(ask("thinker")))


def test_routes_follow_what_is_found() -> None:
    """A route that was made before is made anew."""
    names, findings = found(profile("a", "b"), profile("b"))
    assert ["a", "b"] == models(names.route(ask("a", TOOLS)))
    findings.put("a", {"tools": NO})
    assert ["b"] == models(names.route(ask("a", TOOLS)))
    findings.put("a", {})
    assert ["a", "b"] == models(names.route(ask("a", TOOLS)))


def test_embeddings_of_one_space_fall_back() -> None:
    """Only where both profiles say that their vectors are of the same one."""
    first = able(embeddings=True, embedding_space="bge-m3")
    others = [able(embeddings=True), able(embeddings=True, embedding_space="e5"), first]
    names = router(
        profile("a", "b", "c", "d", **first), *(profile(name, **each) for name, each in zip("bcd", others, strict=True))
    )
    assert ["a", "d"] == models(names.route(ask("a", Requirements(Task.EMBEDDINGS))))
