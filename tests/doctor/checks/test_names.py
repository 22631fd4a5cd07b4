"""The check of names."""

from hostd.doctor.checks.names import judge
from hostd.domain.catalog import Catalog
from hostd.domain.profile import Profile, Role, Settings, Variant
from hostd.routing.router import Router
from tests.doctor.machine import only

VARIANTS = (Variant("llamacpp", path="m.gguf"),)


def settings(aliases: dict[str, tuple[str, ...]], *roles: Role) -> Settings:
    """Return profiles with these aliases."""
    profiles = {name: Profile(name, VARIANTS, aliases=also) for name, also in aliases.items()}
    return Settings(profiles=profiles, roles={role.name: role for role in roles})


def test_a_pattern_behind_a_wider_one_is_never_reached() -> None:
    """The router gives what it matches to the first, so the warning is right."""
    shadowed = settings({"a": ("claude-*",), "b": ("claude-haiku-*",)})
    found = only(judge(shadowed))
    assert ("warn", "the alias 'claude-haiku-*' of 'b' is never reached") == (found.status, found.what)
    assert "a" == Router(Catalog(shadowed)).resolve("claude-haiku-4-5")


def test_a_pattern_before_a_wider_one_is_a_choice() -> None:
    """And so is a name that another profile's pattern would match: it comes before all patterns."""
    chosen = settings({"a": ("claude-haiku-*",), "b": ("claude-*",), "claude-opus": ()})
    assert "ok" == only(judge(chosen)).status
    assert "claude-opus" == Router(Catalog(chosen)).resolve("claude-opus")


def test_names_that_differ_by_case_alone_are_one() -> None:
    """Profiles, aliases and roles; a profile may spell its own name in another way."""
    assert "warn" == only(judge(settings({"Qwen": (), "qwen": ()}))).status
    assert "warn" == only(judge(settings({"a": (), "b": ("A",)}))).status
    role = only(judge(settings({"coder": ()}, Role("Coder", ("coder",)))))
    assert "the role 'Coder' and the profile 'coder' are one name" == role.what
    assert "ok" == only(judge(settings({"qwen": ("Qwen",)}))).status
