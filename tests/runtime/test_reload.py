"""``hostd.runtime.reload``: one replacement reaches everything."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from hostd.domain.catalog import Catalog, ProfileChanges
from hostd.domain.errors import CapacityError, ConfigError, HostdError, Problem
from hostd.domain.host import Reserve
from hostd.domain.profile import EngineSettings, Limits, Profile, Role, Settings, Variant
from hostd.domain.server_settings import KeySettings, ServerSettings, StateSettings
from hostd.domain.settings_changes import SettingsRead
from hostd.runtime.reload import MOST_WAITING, Reload
from hostd.scheduling.events import Reconfigured

OLD = Settings(profiles={"a": Profile("a", ()), "b": Profile("b", ())})
NEW = Settings(
    profiles={"a": Profile("a", (), limits=Limits(max_queue=1)), "c": Profile("c", ())},
    roles={"r": Role("r", ("a",))},
    reserve=Reserve(ram=7),
)
CHANGES = ProfileChanges(("c",), ("a",), ("b",))


async def read(_: Settings) -> SettingsRead:
    """Say the new settings."""
    return SettingsRead(NEW)


def test_the_catalogue_is_replaced_before_anything_is_told() -> None:
    """Those that make instances first, then the scheduler, then those that find out more for it."""
    catalog = Catalog(OLD)
    told: list[object] = []

    def note(what: object) -> None:
        told.append((what, list(catalog.profiles)))

    reload = Reload(catalog, note, read, before=[lambda changes: note(("before", changes))], after=[note])
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
    settings = replace(settings, server=ServerSettings(prefix="/x"), state=StateSettings(keep=1.0))
    _, restart = Reload(catalog, lambda _: None, read).apply(settings)
    assert ("state",) == restart
    assert settings == replace(catalog.settings, state=settings.state)
    assert OLD.state == catalog.state
    with_keys = replace(settings, keys=KeySettings("keys.yaml"))
    reload = Reload(catalog, lambda _: None, read)
    assert ("state",) == reload.apply(with_keys)[1]
    assert ("state", "keys") == reload.apply(settings)[1]
    assert with_keys.keys == catalog.keys


def test_models_of_a_changed_backend_move_over() -> None:
    """Whatever their own profiles say; models of other backends are left alone."""
    profiles = {name: Profile(name, (Variant(backend),)) for name, backend in (("a", "vllm"), ("b", "llamacpp"))}
    catalog, posted = Catalog(Settings(profiles=profiles)), list[Reconfigured]()
    reload = Reload(catalog, posted.append, read)
    changes, _ = reload.apply(Settings(profiles=profiles, engines={"vllm": EngineSettings({"A": "1"})}))
    assert (ProfileChanges(changed=("a",)), frozenset({"a"})) == (changes, posted[-1].relaunch)
    changes, _ = reload.apply(Settings(profiles=profiles, commands={"llamacpp": ("llama-server",)}))
    assert (("a", "b"), frozenset({"a", "b"})) == (changes.changed, posted[-1].relaunch)
    changes, _ = reload.apply(Settings(profiles=profiles, commands={"llamacpp": ("llama-server",)}))
    assert (ProfileChanges(), frozenset()) == (changes, posted[-1].relaunch)


async def test_what_cannot_be_prepared_changes_nothing() -> None:
    """An address that another program has, say; what is prepared is put in force once everything else is."""
    catalog, order = Catalog(OLD), list[str]()
    reload = Reload(catalog, lambda _: order.append("posted"), read)

    async def refuse(_: Settings) -> Callable[[], None]:
        raise HostdError("it is in use")

    reload.prepare = refuse
    with pytest.raises(HostdError, match="in use"):
        await reload.run()
    assert (OLD, []) == (catalog.settings, order)

    async def agree(_: Settings) -> Callable[[], None]:
        order.append("prepared")
        return lambda: order.append("in force")

    reload.prepare = agree
    assert not (await reload.run(dry_run=True)).applied
    await reload.run()
    assert ["prepared", "posted", "in force"] == order


async def test_a_dry_run_only_compares() -> None:
    """What would change is told, and nothing is."""
    catalog, posted = Catalog(OLD), list[object]()
    reload = Reload(catalog, posted.append, read)
    outcome = await reload.run(dry_run=True)
    assert (False, CHANGES, OLD, []) == (outcome.applied, outcome.profiles, catalog.settings, posted)
    assert (await reload.run()).applied
    assert (NEW.profiles, ProfileChanges()) == (catalog.profiles, (await reload.run()).profiles)


async def test_one_after_another_and_not_too_many() -> None:
    """Each compares with what the one before it has put in force; what comes in a flood is refused, to be asked again."""
    reading, most, go = 0, 0, asyncio.Event()

    async def slowly(_: Settings) -> SettingsRead:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        await go.wait()
        reading -= 1
        return SettingsRead(NEW)

    reload = Reload(Catalog(OLD), lambda _: None, slowly)
    tasks = [asyncio.create_task(reload.run()) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(CapacityError):
        await reload.run()
    go.set()
    first, *others = await asyncio.gather(*tasks)
    assert (1, CHANGES, {ProfileChanges()}) == (most, first.profiles, {each.profiles for each in others})


async def test_files_with_mistakes_change_nothing_and_the_next_signal_counts() -> None:
    """A signal with bad files behind it is logged; the next one, with good files, is heard. A daemon that ends applies nothing."""
    answers: list[SettingsRead | ConfigError] = [ConfigError((Problem("bad", "hostd.yaml", 3, 1),)), SettingsRead(NEW)]
    catalog, asked, applied = Catalog(OLD), asyncio.Event(), asyncio.Event()

    async def said(_: Settings) -> SettingsRead:
        answer = answers.pop(0)
        if isinstance(answer, ConfigError):
            assert catalog.settings is OLD
            asked.set()
            raise answer
        return answer

    reload = Reload(catalog, lambda _: applied.set(), said)
    following = asyncio.create_task(reload.run_whenever(asked))
    asked.set()
    async with asyncio.timeout(5):
        await applied.wait()
    assert NEW.profiles == catalog.profiles
    following.cancel()
    reload.close()
    answers.append(SettingsRead(OLD))
    with pytest.raises(CapacityError):
        await reload.run()
    assert NEW.profiles == catalog.profiles
