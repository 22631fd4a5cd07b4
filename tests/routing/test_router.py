"""Names in, routes out."""

import pytest

from hostd.domain.errors import RequestError, UnknownModel
from hostd.domain.profile import Profile, Role
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Requirements, Route, Target
from hostd.routing.router import Router
from tests.scheduling.scenario import able, only, profile

PLAIN = Requirements()


def directory(*profiles: Profile, roles: tuple[Role, ...] = ()) -> Router:
    """Return a directory of these."""
    return Router({one.name: one for one in profiles}, {role.name: role for role in roles})


def models(route: Route) -> list[str]:
    """Return the names of a route's targets."""
    return [target.model for target in route.targets]


class TestNames:
    """What a name means."""

    @pytest.mark.parametrize(
        ("asked", "meant"),
        [
            ("Qwen3", "Qwen3"),
            ("qwen3", "Qwen3"),
            ("QWEN3", "Qwen3"),
            ("Fast", "Qwen3"),
            ("claude-haiku-4-5", "Qwen3"),
            ("Claude-Haiku-X", "Qwen3"),
            ("gpt-4o", "gemma"),
            ("gpt-5o", "gemma"),
            ("PLANNER", "gemma"),
        ],
    )
    def test_names_aliases_and_patterns_ignore_case(self, asked: str, meant: str) -> None:
        """Whatever spelling a client's default has, it finds its model, and the route remembers what was asked."""
        app = directory(
            profile("Qwen3", aliases=("fast", "claude-haiku-*")),
            profile("gemma", aliases=("GPT-[45]o",)),
            roles=(Role("planner", ("gemma", "Qwen3")),),
        )
        assert meant == app.resolve(asked)
        route = app.route(asked, PLAIN)
        assert (asked, meant) == (route.asked, route.targets[0].model)

    def test_a_declared_name_comes_before_a_pattern(self) -> None:
        """A pattern only catches what nobody has by name; among patterns the first declared wins."""
        app = directory(profile("a", aliases=("m*",)), profile("b", aliases=("m1", "m2*")), profile("m3"))
        assert ["b", "a", "m3", "a"] == [app.resolve(name) for name in ("m1", "m22", "m3", "mx")]

    def test_an_unknown_name_is_told_the_nearest(self) -> None:
        """404 with names that can be asked for, whatever kind they are."""
        app = directory(
            profile("qwen3.5-9b", aliases=("fast",)), profile("gemma4"), roles=(Role("coder", ("gemma4",)),)
        )
        with pytest.raises(UnknownModel, match=r"unknown model 'qwen3\.5'; did you mean 'qwen3\.5-9b'\?") as caught:
            app.route("qwen3.5", PLAIN)
        assert (("qwen3.5-9b",), 404) == (caught.value.nearest, caught.value.status)
        with pytest.raises(UnknownModel, match=r"did you mean 'coder'\?"):
            app.route("codr", PLAIN)
        with pytest.raises(UnknownModel, match=r"'zzz'; this host serves 'qwen3\.5-9b', 'gemma4'"):
            app.resolve("zzz")
        with pytest.raises(UnknownModel, match="no profiles yet"):
            directory().resolve("a")

    def test_the_listed_names_are_those_that_can_be_asked_for_outright(self) -> None:
        """Profiles, aliases and roles with what each means first; patterns are no names."""
        app = directory(profile("a", aliases=("x", "y*")), profile("b"), roles=(Role("r", ("b", "a")),))
        assert {"a": "a", "b": "b", "x": "a", "r": "b"} == app.names()
        assert (("r",), ()) == (app.roles_of("a"), app.roles_of("c"))


class TestChains:
    """Who may answer after whom."""

    def test_a_route_is_the_profile_and_its_fallbacks_with_their_reasons(self) -> None:
        """The first target is open to every reason, the others to those that their owner listed."""
        app = directory(profile("a", only("b", FallbackReason.CRASHED), "c"), profile("b"), profile("c"))
        targets = (Target("a"), Target("b", frozenset({FallbackReason.CRASHED}), via="a"), Target("c", via="a"))
        assert Route("a", targets) == app.route("a", PLAIN)

    def test_fallbacks_of_fallbacks_follow_level_by_level_each_once(self) -> None:
        """A circle ends where it began, and near relatives come before far ones."""
        app = directory(profile("a", "b", "c"), profile("b", "d", "a"), profile("c", "b"), profile("d", "a"))
        assert ["a", "b", "c", "d"] == models(app.route("a", PLAIN))
        assert ["d", "a", "b", "c"] == models(app.route("d", PLAIN))

    def test_a_role_offers_its_own_list_first(self) -> None:
        """What its members fall back to comes after all of them."""
        app = directory(profile("a", "c"), profile("b"), profile("c"), roles=(Role("r", ("a", "b")),))
        assert ["a", "b", "c"] == models(app.route("r", PLAIN))


class TestNeeds:
    """Capabilities."""

    @pytest.mark.parametrize(
        ("need", "lacking"), [(Requirements(tools=True), "tools"), (Requirements(vision=True), "vision")]
    )
    def test_targets_that_lack_something_are_left_out(self, need: Requirements, lacking: str) -> None:
        """A target further on that does not say is trusted; the route says so when the first choice is left out."""
        app = directory(profile("a", "b", "c", **able(**{lacking: False})), profile("b", **able()), profile("c"))
        route = app.route("a", need)
        assert (["b", "c"], FallbackReason.UNFIT) == (models(route), route.reason)
        assert (["a", "b", "c"], None) == (models(app.route("a", PLAIN)), app.route("a", PLAIN).reason)

    def test_an_unfit_target_in_the_middle_is_no_reason(self) -> None:
        """The first choice answers; only the later stop is missing."""
        app = directory(profile("a", "b", "c"), profile("b", **able(tools=False)), profile("c"))
        route = app.route("a", Requirements(tools=True))
        assert (["a", "c"], None) == (models(route), route.reason)

    def test_a_fallback_may_decline_what_another_is_unfit_for(self) -> None:
        """One that does not take unfit is passed over by a request that its first choice cannot answer."""
        unfit = able(vision=False)
        app = directory(
            profile("a", only("b", FallbackReason.CRASHED), "c", **unfit), profile("b"), profile("c", "d"), profile("d")
        )
        route = app.route("a", Requirements(vision=True))
        assert (["c", "d"], FallbackReason.UNFIT) == (models(route), route.reason)
        alone = directory(profile("a", only("b", FallbackReason.CRASHED), **unfit), profile("b"))
        with pytest.raises(RequestError, match="'a' is declared without vision"):
            alone.route("a", Requirements(vision=True))

    def test_nobody_fit_is_the_clients_error_and_says_what_is_missing(self) -> None:
        """400, with what the first choice lacks."""
        app = directory(profile("a", "b", **able(tools=False)), profile("b", **able(tools=False)))
        with pytest.raises(
            RequestError, match="'a' cannot answer this request: 'a' is declared without tools"
        ) as caught:
            app.route("a", Requirements(tools=True))
        assert ("unfit", 400) == (caught.value.code, caught.value.status)

    def test_embeddings_never_fall_back(self) -> None:
        """Another model's vectors mean something else, even if it makes some."""
        vectors = able(embeddings=True)
        app = directory(profile("a", "b", **vectors), profile("b", **vectors), profile("c", "a"))
        assert ["a"] == models(app.route("a", Requirements(embeddings=True)))
        with pytest.raises(RequestError, match="'c' makes no embeddings; set 'capabilities"):
            app.route("c", Requirements(embeddings=True))

    def test_a_role_may_require_what_its_members_must_declare(self) -> None:
        """Here silence is not enough: a member that does not say so is left out."""
        role = Role("coder", ("a", "b", "c"), require=("tools",))
        app = directory(
            profile("a"), profile("b", **able(tools=True)), profile("c", **able(tools=False)), roles=(role,)
        )
        route = app.route("coder", PLAIN)
        assert (["b"], FallbackReason.UNFIT) == (models(route), route.reason)
        assert ["a"] == models(app.route("a", PLAIN))
        with pytest.raises(RequestError, match="the role requires tools, which 'a' does not declare"):
            directory(profile("a"), roles=(Role("r", ("a",), ("tools",)),)).route("r", PLAIN)


class TestMemory:
    """Routes are made once."""

    def test_a_declared_name_is_looked_up_once(self) -> None:
        """The same route comes back for the same name and need."""
        app = directory(profile("a", aliases=("x",)))
        assert app.route("x", PLAIN) is app.route("x", PLAIN)
        assert app.route("x", PLAIN) is not app.route("x", Requirements(tools=True))

    def test_made_up_names_leave_nothing_behind(self) -> None:
        """Neither a pattern's matches nor a name's spellings let clients fill the memory."""
        app = directory(profile("abc", aliases=("m*",)))
        for name in ("m1", "m2", "ABC", "aBc"):
            app.route(name, PLAIN)
        assert {("abc", PLAIN)} >= app._routes.keys()
