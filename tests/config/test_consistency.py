"""Mistakes that no file shows alone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hostd.domain.budget import Budget, Limit, Measure, Period
from hostd.domain.profile import Settings

Load = Callable[..., Settings]
Problems = Callable[..., list[str]]


def _profile(name: str, rest: str = "") -> str:
    return f"name: {name}\nvariants: [{{backend: llamacpp, path: x}}]\n{rest}"


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        ("aliases: [fast, big]", "a.yaml:3:17: alias 'big' is the name of the profile in b.yaml; drop it"),
        ("fallback: [bgi]", "a.yaml:3:12: no profile is named 'bgi'; did you mean 'big'?"),
        ("fallback: [{to: bgi}]", "a.yaml:3:17: no profile is named 'bgi'; did you mean 'big'?"),
        ("fallback: [large]", "a.yaml:3:12: 'large' is an alias; write the profile's name, 'big'"),
        ("fallback: [small]", "a.yaml:3:12: profile 'small' falls back to itself; name another one"),
        (
            "draft: bgi",
            (
                "a.yaml:3:8: no profile is named 'bgi'; did you mean 'big'?; a draft model may also be named by its .gguf file or "
                "hf:REPO/FILE"
            ),
        ),
        ("draft: small", "a.yaml:3:8: profile 'small' drafts for itself; name a smaller model's, or its .gguf file"),
    ],
)
def test_names_between_profiles(problems: Problems, rest: str, problem: str) -> None:
    """Each mistake is reported at the name to change, with the other file or the nearest name."""
    assert [problem] == problems(a=_profile("small", rest), b=_profile("big", "aliases: [large]"))


def test_fallbacks_that_go_round(problems: Problems) -> None:
    """Each circle is reported once, where it closes, by its names; two ways to one profile are none."""
    told = problems(
        a=_profile("a", "fallback: [b, c]"),
        b=_profile("b", "fallback: [{to: c, on: [stall]}]"),
        c=_profile("c", "fallback: [d, a]"),
        d=_profile("d"),
    )
    assert ["c.yaml:3:15: fallbacks go round in a circle (a -> b -> c -> a); remove 'a' here"] == told


def _cloud(name: str, provider: str, model: str, rest: str = "") -> str:
    return f"name: {name}\nvariants: [{{backend: cloud, provider: {provider}, model: {model}}}]\n{rest}"


def test_caps_of_providers(problems: Problems, load_files: Load) -> None:
    """A cap needs a provider that is used, and a price for each of its models: the owner's, or one that ships."""
    unknown = "hostd.yaml:1:13: no profile has a model of the provider 'opnai'; did you mean 'openai'?"
    assert [unknown] == problems("providers: {opnai: {daily_usd: 5}}", a=_profile("a"))
    told = problems("providers: {openai: {daily_usd: 5}}", a=_cloud("a", "openai", "gpt-secret"))
    assert told[0].startswith(
        "a.yaml:2:54: providers.openai.daily_usd cannot be kept: nothing says what 'gpt-secret' costs"
    )
    settings = load_files(
        "providers: {openai: {daily_usd: 5}, xai: {}}",
        a=_cloud("a", "openai", "gpt-secret", "price: {input: 1}"),
        b=_cloud("b", "openai", "gpt-4o-mini"),
    )
    assert {"openai": Budget((Limit(Measure.USD, Period.DAY, 5.0),))} == dict(settings.budgets.providers)


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("roles: {r: {use: [a], budget: {day: 2 USD}}}", "roles.r.budget"),
        ("budgets: {session: {month: [9k tokens, 20 USD]}}", "budgets.session"),
        ("providers: {openai: {budget: {request: $1}}}", "providers.openai.budget"),
    ],
)
def test_budgets_in_money_need_prices(problems: Problems, load_files: Load, host: str, key: str) -> None:
    """Of each cloud model that they concern; what is limited in tokens or requests does not."""
    cloud = _cloud("a", "openai", "gpt-secret")
    assert problems(host, a=cloud)[0].startswith(f"a.yaml:2:54: {key} cannot be kept")
    assert load_files(host, a=_cloud("a", "openai", "gpt-4o-mini"))
    assert load_files("roles: {r: {use: [a], budget: {day: 9k tokens}}}", a=cloud)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{day: 0 USD}", "hostd.yaml:1:23: budgets.host.day: a budget of 0 USD lets nothing through"),
        ("{day: 2}", "hostd.yaml:1:23: budgets.host.day: '2' is no amount; write such as 2 USD"),
        ("{day: [2 USD, -1 USD]}", "hostd.yaml:1:31: budgets.host.day[1]: '-1 USD' is no amount"),
        ("{week: 2 USD}", "hostd.yaml:1:18: unknown key 'week'; choose from"),
        ("{day: 2 USD, at_limit: wait}", "hostd.yaml:1:40: budgets.host.at_limit: 'wait' is not one of"),
    ],
)
def test_budgets_that_make_no_sense(problems: Problems, written: str, said: str) -> None:
    """Told with the place of the value to change."""
    assert problems("budgets: {host: " + written + "}", a=_profile("a"))[0].startswith(said)


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("providers: {openai: {daily_usd: 0}}", "hostd.yaml:1:33: providers.openai.daily_usd"),
        ("providers: {openai: {daily_usd: 0.0}}", "hostd.yaml:1:33: providers.openai.daily_usd"),
        ("providers: {openai: {budget: {month: 0 USD}}}", "hostd.yaml:1:38: providers.openai.budget.month"),
        ("roles: {r: {use: [a], budget: {day: 0 tokens}}}", "hostd.yaml:1:37: roles.r.budget.day"),
        ("budgets: {session: {request: 0k tokens}}", "hostd.yaml:1:30: budgets.session.request"),
    ],
)
def test_a_budget_of_nothing(problems: Problems, written: str, place: str) -> None:
    """Of whatever owner: a typing error, for what is to answer nothing is left out instead."""
    told = problems(written, a=_cloud("a", "openai", "gpt-4o-mini"))
    assert [True] == [each.startswith(f"{place}: a budget of 0") for each in told], told
    assert "lets nothing through; write what may be used, or leave it out" in told[0]


def test_an_alias_of_two_profiles(problems: Problems) -> None:
    """Told at the second, naming the first's file."""
    told = problems(a=_profile("a", "aliases: [x]"), b=_profile("b", "aliases: [x]"))
    assert ["b.yaml:3:11: alias 'x' also belongs to the profile in a.yaml; keep one of them"] == told


def test_two_profiles_of_one_name(problems: Problems) -> None:
    """Both files are named."""
    told = problems(a=_profile("same"), b=_profile("same"))
    assert ["b.yaml:1:7: two profiles are named 'same': this one and the one in a.yaml; rename one of them"] == told


@pytest.mark.parametrize(
    ("roles", "problem"),
    [
        ("{planner: [smal]}", "hostd.yaml:1:19: no profile is named 'smal'; did you mean 'small'?"),
        (
            "{planner: {use: [small], safety: smal}}",
            "hostd.yaml:1:41: no profile is named 'smal'; did you mean 'small'?",
        ),
        ("{planner: {use: [smal]}}", "hostd.yaml:1:25: no profile is named 'smal'; did you mean 'small'?"),
        ("{small: [small]}", "hostd.yaml:1:9: role 'small' has the name of the profile in a.yaml; rename one of them"),
        ("{fast: [small]}", "hostd.yaml:1:9: role 'fast' is also an alias of profile 'small'; keep one of them"),
    ],
)
def test_names_between_roles_and_profiles(problems: Problems, roles: str, problem: str) -> None:
    """A role leads to profiles and has a name of its own."""
    assert [problem] == problems(f"roles: {roles}", a=_profile("small", "aliases: [fast]"))


def test_wildcards_may_cover_other_names(load_files: Load) -> None:
    """A pattern is no claim to a name, and two profiles may share one."""
    aliases = "aliases: ['b*', 'cl?ude', '[ab]x']"
    settings = load_files(a=_profile("a", aliases), b=_profile("b", aliases))
    assert {"a", "b"} == set(settings.profiles)


def test_a_broken_file_breaks_no_others(problems: Problems, tmp_path: Path) -> None:
    """A reference to the profile of an unreadable file is no mistake; other mistakes are still reported."""
    told = problems("roles: {r: [broken, gone]}", a=_profile("a", "fallback: [broken]"), broken="name: [")
    assert ["hostd.yaml:1:21: no profile is named 'gone'", "broken.yaml:2:1: this is no valid YAML"] == [
        line.split(";")[0].split(": did")[0].split(": expected")[0] for line in told
    ]


def test_a_draft_model_needs_a_file(problems: Problems) -> None:
    """A profile that another engine serves has none."""
    other = "name: other\nvariants: [{backend: ollama, tag: x}]\n"
    why = "profile 'other' has no llamacpp variant with weights; name the draft model's .gguf file"
    assert [f"a.yaml:3:8: {why}"] == problems(a=_profile("small", "draft: other"), b=other)
