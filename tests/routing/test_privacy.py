"""A private request reaches targets of this machine alone."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.catalog import Catalog
from hostd.domain.errors import RequestError
from hostd.domain.locality import why_not_local
from hostd.domain.principal import Principal, Privacy
from hostd.domain.profile import Capabilities, FallbackRule, Profile, Role, Settings, Variant
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Requirements, Task
from hostd.routing.policy import RouteQuery
from hostd.routing.router import Router
from tests.routing.routing_stage import models, router

HERE = (Variant("llamacpp", path="m.gguf"),)
ELSEWHERE = (Variant("openai", url="http://10.0.0.9:1/v1"),)
CLOUD = (Variant("cloud", provider="anthropic", model="claude-haiku-4-5"),)


def profile(
    name: str, variants: tuple[Variant, ...] = HERE, to: tuple[str, ...] = (), privacy: Privacy = Privacy.ANY
) -> Profile:
    """Return a profile with these variants, which falls back *to* others."""
    return Profile(name, variants, fallback=tuple(map(FallbackRule, to)), privacy=privacy)


@pytest.mark.parametrize(
    "query",
    [RouteQuery("a", privacy=Privacy.LOCAL), RouteQuery("a", principal=Principal("agent", privacy=Privacy.LOCAL))],
)
def test_a_private_request_keeps_the_local_targets(query: RouteQuery) -> None:
    """Whether the request says so or its sender is restricted; others still use the whole route."""
    names = router(profile("a", to=("b", "c")), profile("b", ELSEWHERE), profile("c"))
    private = names.route(query)
    assert (["a", "c"], True) == (models(private), private.private)
    assert (["a", "b", "c"], False) == (models(names.route(RouteQuery("a"))), names.route(RouteQuery("a")).private)


def test_a_private_profile_makes_its_requests_private() -> None:
    """None of its fallbacks is elsewhere, at whatever depth; those of its neighbours in a role are free."""
    names = router(
        profile("a", to=("b",), privacy=Privacy.LOCAL),
        profile("b", to=("c", "d")),
        profile("c", ELSEWHERE),
        profile("d"),
        profile("open", to=("c",)),
        roles=(Role("r", ("open", "a")),),
    )
    assert ["a", "b", "d"] == models(names.route(RouteQuery("a")))
    assert ["open", "a", "c", "b", "d"] == models(names.route(RouteQuery("r")))


def test_the_fallback_of_a_private_profile_is_local_within_a_role_too() -> None:
    """The role begins with a model that is not private; what follows the private one is held to this machine all the same."""
    names = router(
        profile("open"),
        profile("a", to=("c",), privacy=Privacy.LOCAL),
        profile("c", CLOUD),
        roles=(Role("r", ("open", "a")),),
    )
    assert ["open", "a"] == models(names.route(RouteQuery("r")))


def test_a_request_that_must_stay_falls_back_to_a_local_target() -> None:
    """The model that was asked for is elsewhere: a fallback that takes such requests answers, and the route says so."""
    names = router(profile("a", CLOUD, to=("b",)), profile("b"))
    route = names.route(RouteQuery("a", privacy=Privacy.LOCAL))
    assert (["b"], FallbackReason.PRIVACY, True) == (models(route), route.reason, route.private)


def test_says_why_nothing_may_serve() -> None:
    """403, with the model that would leave the machine and the reason for which it may not."""
    names = router(profile("a", ELSEWHERE), profile("c", CLOUD, privacy=Privacy.LOCAL))
    with pytest.raises(
        RequestError, match=r"'a' may not answer this request: http://10\.0\.0\.9:1/v1 is not on this"
    ) as caught:
        names.route(RouteQuery("a", privacy=Privacy.LOCAL))
    assert ("privacy", 403, True) == (caught.value.code, caught.value.status, "x-hostd-privacy" in caught.value.message)
    with pytest.raises(RequestError, match=r"is served by anthropic, and 'c' is private \(privacy: local\)"):
        names.route(RouteQuery("c"))
    with pytest.raises(RequestError, match="no request of this client may leave it"):
        names.route(RouteQuery("a", principal=Principal(privacy=Privacy.LOCAL)))


def test_a_sender_uses_what_it_is_allowed() -> None:
    """Also as a fallback; where nothing is left, it is told that the model is not for it."""
    names = router(profile("a", to=("b", "c")), profile("b"), profile("c"))
    agent = Principal("agent", allowed=frozenset({"a", "c"}))
    assert ["a", "c"] == models(names.route(RouteQuery("a", principal=agent)))
    with pytest.raises(RequestError, match="may not use it") as caught:
        names.route(RouteQuery("b", principal=agent))
    assert ("model_not_allowed", 403) == (caught.value.code, caught.value.status)
    assert ["a", "b", "c"] == models(names.route(RouteQuery("a")))


NAMES = ("a", "b", "c", "d", "e")
ANYWHERE = st.sampled_from(
    [
        *HERE,
        *ELSEWHERE,
        *CLOUD,
        Variant("theirs", path="m"),
        Variant("ollama", tag="a:cloud"),
        Variant("ollama", tag="a"),
    ]
)


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    """Profiles that fall back to each other in any way, and a role over them."""
    profiles = {
        name: Profile(
            name,
            tuple(draw(st.lists(ANYWHERE, min_size=1, max_size=2))),
            fallback=tuple(FallbackRule(to) for to in draw(st.lists(st.sampled_from(NAMES), max_size=3, unique=True))),
            capabilities=Capabilities(draw(st.sampled_from([None, True, False])), None, None, draw(st.booleans())),
            privacy=draw(st.sampled_from(list(Privacy))),
        )
        for name in NAMES
    }
    use = tuple(draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)))
    return Catalog(Settings(profiles=profiles, roles={"role": Role("role", use)}))


@given(
    catalogs(),
    st.sampled_from([*NAMES, "role"]),
    st.builds(Requirements, st.sampled_from(Task), st.booleans()),
    st.sampled_from(list(Privacy)),
    st.sampled_from(list(Privacy)),
)
def test_no_target_elsewhere_survives_a_private_query(
    catalog: Catalog, asked: str, requirements: Requirements, of_client: Privacy, of_request: Privacy
) -> None:
    """Whatever else is left out of a route: of a private request every target is local, whatever was asked before."""
    names = Router(catalog)
    first = catalog.profiles[catalog.roles["role"].use[0] if asked == "role" else asked]
    with suppress(RequestError):
        names.route(RouteQuery(asked, requirements))  # what it has made for others must not serve this one
    try:
        route = names.route(RouteQuery(asked, requirements, Principal(privacy=of_client), of_request))
    except RequestError as error:
        assert error.code in {"privacy", "unfit"}  # noqa: PT017  # either is right, and nothing is reached
        return
    assert route.private is (Privacy.LOCAL in (of_client, of_request, first.privacy))
    if route.private:
        assert not [each for each in models(route) if why_not_local(catalog.profiles[each]) is not None]
