"""The settings in force."""

from hostd.domain.catalog import Catalog, ProfileChanges
from hostd.domain.host import Reserve
from hostd.domain.profile import Limits, Profile, Role, Settings


def test_answers_for_the_settings_in_force() -> None:
    """What is asked after a replacement is the replacement's."""
    catalog = Catalog()
    assert ({}, {}) == (catalog.profiles, catalog.roles)
    assert "<Catalog 0 profiles, 0 roles>" == repr(catalog)
    catalog.settings = Settings(
        profiles={"a": Profile("a", ())},
        roles={"r": Role("r", ("a",))},
        commands={"vllm": ("vllm",)},
        reserve=Reserve(ram=7),
        listen=("127.0.0.1:1",),
    )
    assert (["a"], ["r"], {"vllm": ("vllm",)}, 7, ("127.0.0.1:1",)) == (
        list(catalog.profiles),
        list(catalog.roles),
        catalog.commands,
        catalog.reserve.ram,
        catalog.listen,
    )


def test_says_which_profiles_differ() -> None:
    """A profile is changed if anything in it is; an equal one of another object is not."""
    before = {name: Profile(name, ()) for name in ("same", "limits", "gone")}
    after = {
        "new": Profile("new", ()),
        "limits": Profile("limits", (), limits=Limits(max_queue=1)),
        "same": Profile("same", ()),
    }
    assert ProfileChanges(("new",), ("limits",), ("gone",)) == ProfileChanges.between(before, after)
    assert ProfileChanges() == ProfileChanges.between(before, dict(before))
