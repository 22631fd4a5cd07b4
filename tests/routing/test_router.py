"""From a name to a route."""

import pytest

from hostd.domain.errors import UnknownModel
from hostd.domain.principal import Principal, Privacy
from hostd.domain.profile import Role
from hostd.domain.reason import FallbackReason
from hostd.domain.thinking import ThinkingDefault
from hostd.domain.ticket import Priority, Requirements, Route, Target
from hostd.routing.policy import RouteQuery
from hostd.routing.router import Router
from tests.routing.routing_stage import ask, catalog, models, router
from tests.scheduling.scenario import only, profile


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
        names = router(
            profile("Qwen3", aliases=("fast", "claude-haiku-*")),
            profile("gemma", aliases=("GPT-[45]o",)),
            roles=(Role("planner", ("gemma", "Qwen3")),),
        )
        assert meant == names.resolve(asked)
        route = names.route(ask(asked))
        assert (asked, meant) == (route.asked, route.targets[0].model)

    def test_a_declared_name_comes_before_a_pattern(self) -> None:
        """A pattern only catches what is no name; among patterns the first declared wins."""
        names = router(profile("a", aliases=("m*",)), profile("b", aliases=("m1", "m2*")), profile("m3"))
        assert ["b", "a", "m3", "a"] == [names.resolve(name) for name in ("m1", "m22", "m3", "mx")]

    def test_a_name_that_is_too_long_is_nobodys(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is not searched for, which takes minutes for a long one, nor repeated whole; not even a pattern has it."""
        monkeypatch.setattr("difflib.get_close_matches", None)
        for name in ("claude-haiku-" + "x" * 200, "qwen" * 1_000_000):
            with pytest.raises(UnknownModel) as caught:
                router(profile("qwen", aliases=("claude-*-x*-*y*", "claude-*"))).resolve(name)
            assert len(caught.value.message) < 300

    def test_the_nearest_of_very_many_names_is_not_looked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Comparing with all of them would hold up all other requests."""
        monkeypatch.setattr("difflib.get_close_matches", None)
        many = router(profile("m", aliases=tuple(f"alias-{number}" for number in range(5000))))
        with pytest.raises(UnknownModel, match="this host serves 'm'"):
            many.resolve("some-other-name-of-a-model")

    def test_an_unknown_name_is_told_the_nearest(self) -> None:
        """404 with names that can be asked for, whatever kind they are."""
        names = router(profile("qwen3.5-9b", aliases=("fast",)), profile("gemma4"), roles=(Role("coder", ("gemma4",)),))
        with pytest.raises(UnknownModel, match=r"unknown model 'qwen3\.5'; did you mean 'qwen3\.5-9b'\?") as caught:
            names.route(ask("qwen3.5"))
        assert (("qwen3.5-9b",), 404) == (caught.value.nearest, caught.value.status)
        with pytest.raises(UnknownModel, match=r"did you mean 'coder'\?"):
            names.route(ask("codr"))
        with pytest.raises(UnknownModel, match=r"'zzz'; this host serves 'qwen3\.5-9b', 'gemma4'"):
            names.resolve("zzz")
        with pytest.raises(UnknownModel, match="no profiles yet"):
            router().resolve("a")

    def test_the_listed_names_are_those_that_can_be_asked_for_outright(self) -> None:
        """Profiles, aliases and roles with what each means first; patterns are no names."""
        names = router(profile("a", aliases=("x", "y*")), profile("b"), roles=(Role("r", ("b", "a")),))
        assert {"a": "a", "b": "b", "x": "a", "r": "b"} == names.names()
        assert (("r",), ()) == (names.roles_of("a"), names.roles_of("c"))


class TestChains:
    """The order of targets."""

    def test_a_route_is_the_profile_and_its_fallbacks_with_their_reasons(self) -> None:
        """The first target is open to every reason, the others to those that their owner listed."""
        names = router(profile("a", only("b", FallbackReason.CRASHED), "c"), profile("b"), profile("c"))
        targets = (Target("a"), Target("b", frozenset({FallbackReason.CRASHED}), via="a"), Target("c", via="a"))
        assert Route("a", targets, profile="a") == names.route(ask("a"))

    def test_fallbacks_of_fallbacks_follow_level_by_level_each_once(self) -> None:
        """A circle ends where it began, and near relatives come before far ones."""
        names = router(profile("a", "b", "c"), profile("b", "d", "a"), profile("c", "b"), profile("d", "a"))
        assert ["a", "b", "c", "d"] == models(names.route(ask("a")))
        assert ["d", "a", "b", "c"] == models(names.route(ask("d")))

    def test_a_role_offers_its_own_list_first(self) -> None:
        """What its members fall back to comes after all of them."""
        names = router(profile("a", "c"), profile("b"), profile("c"), roles=(Role("r", ("a", "b")),))
        assert ["a", "b", "c"] == models(names.route(ask("r")))

    def test_a_role_says_whether_to_think(self) -> None:
        """For all that it uses; a name that is no role leaves that to the profiles."""
        roles = (Role("fast", ("a", "b"), thinking=ThinkingDefault.OFF), Role("other", ("a",)))
        names = router(profile("a"), profile("b"), roles=roles)
        assert [ThinkingDefault.OFF, None, None] == [names.route(ask(name)).thinking for name in ("fast", "other", "a")]


class TestMemory:
    """Routes are made once."""

    def test_a_declared_name_is_looked_up_once(self) -> None:
        """The same route comes back for the same name and need."""
        names = router(profile("a", aliases=("x",)))
        assert names.route(ask("x")) is names.route(ask("x"))
        assert names.route(ask("x")) is not names.route(ask("x", Requirements(tools=True)))

    def test_made_up_names_leave_nothing_behind(self) -> None:
        """Neither a pattern's matches nor a name's spellings let clients fill the memory."""
        names = router(profile("abc", aliases=("m*",)))
        for name in ("m1", "m2", "ABC", "aBc"):
            names.route(ask(name))
        assert not names._routes

    def test_how_private_a_query_is_belongs_to_what_is_remembered(self) -> None:
        """The route of one request is never another's that may go less far."""
        names = router(profile("a", "b"), profile("b"))
        alone = RouteQuery("a", principal=Principal(allowed=frozenset({"a"})))
        private = RouteQuery("a", privacy=Privacy.LOCAL)
        assert (["a", "b"], ["a"]) == (models(names.route(ask("a"))), models(names.route(alone)))
        assert (False, True) == (names.route(ask("a")).private, names.route(private).private)

    def test_a_known_route_is_the_one_that_a_query_leads_to(self) -> None:
        """Also for a long prompt; until one was made, for another request, and after a change of settings, none is known."""
        known = catalog(profile("a", "b", context=4096), profile("b", context=65536))
        names, sender, needs = Router(known), Principal(), Requirements()
        assert names.known("a", needs, sender, Privacy.ANY) is None
        routes = [names.route(ask("a")._replace(tokens=tokens)) for tokens in (0, 5000)]
        assert [["a", "b"], ["b"]] == [models(each) for each in routes]
        assert routes == [names.known("a", needs, sender, Privacy.ANY, tokens) for tokens in (0, 5000)]
        others = (Principal(allowed=frozenset("a")), Privacy.ANY), (sender, Privacy.LOCAL)
        assert [None, None] == [names.known("a", needs, *other) for other in others]
        known.settings = catalog(profile("a")).settings
        assert names.known("a", needs, sender, Privacy.ANY) is None

    def test_a_replaced_catalogue_counts_from_the_next_request(self) -> None:
        """New names are known, removed ones are not, and nothing of an old route is left."""
        known = catalog(profile("a", "b"), profile("b"))
        names = Router(known)
        assert ["a", "b"] == models(names.route(ask("a")))
        known.settings = catalog(profile("a"), profile("c"), roles=(Role("r", ("c",)),)).settings
        assert ["a"] == models(names.route(ask("a")))
        assert {"a": "a", "c": "c", "r": "c"} == names.names()
        with pytest.raises(UnknownModel, match="unknown model 'b'"):
            names.route(ask("b"))


def test_a_role_may_be_of_a_lower_class() -> None:
    """Its requests give way to others; without a word of it, and where a profile is asked for, they do not."""
    names = router(profile("a"), roles=(Role("night", ("a",), priority=Priority.BATCH), Role("day", ("a",))))
    assert [Priority.BATCH, Priority.INTERACTIVE, Priority.INTERACTIVE] == [
        names.route(ask(name)).priority for name in ("night", "day", "a")
    ]
