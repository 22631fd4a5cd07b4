"""``hostd.runtime.reload``: one replacement reaches everything."""

from dataclasses import replace

from hostd.domain.catalog import Catalog, ProfileChanges
from hostd.domain.host import Reserve
from hostd.domain.profile import EngineSettings, Limits, Profile, Role, Settings
from hostd.runtime.reload import Reload
from hostd.scheduling.events import Reconfigured

OLD = Settings(profiles={"a": Profile("a", ()), "b": Profile("b", ())})
NEW = Settings(
    profiles={"a": Profile("a", (), limits=Limits(max_queue=1)), "c": Profile("c", ())},
    roles={"r": Role("r", ("a",))},
    reserve=Reserve(ram=7),
)
CHANGES = ProfileChanges(("c",), ("a",), ("b",))


def test_the_catalogue_is_replaced_before_anything_is_told() -> None:
    """Those that make instances first, then the scheduler, then those that find out more for it."""
    catalog = Catalog(OLD)
    told: list[object] = []

    def note(what: object) -> None:
        told.append((what, list(catalog.profiles)))

    reload = Reload(catalog, note, before=[lambda changes: note(("before", changes))], after=[note])
    assert (CHANGES, ()) == reload.apply(NEW)
    new = ["a", "c"]
    assert [(("before", CHANGES), new), (Reconfigured(NEW.profiles), new), (CHANGES, new)] == told
    assert (NEW.roles, Reserve(ram=7)) == (catalog.roles, catalog.reserve)


def test_what_takes_a_restart_stays_and_is_named() -> None:
    """The catalogue answers for what is in force."""
    catalog = Catalog(OLD)
    settings = replace(
        NEW, listen=("127.0.0.1:1",), commands={"vllm": ("other",)}, engines={"vllm": EngineSettings({"A": "1"})}
    )
    _, restart = Reload(catalog, lambda _: None).apply(settings)
    assert ("server.listen", "backends") == restart
    assert (OLD.listen, OLD.commands, OLD.engines) == (catalog.listen, catalog.commands, catalog.engines)
    assert settings.profiles == catalog.profiles
