"""``hostd.runtime.settings_reader``: files that are read by a process of their own."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.domain.errors import ConfigError
from hostd.domain.profile import Settings
from hostd.domain.settings_changes import SettingChange, TakesEffect
from hostd.runtime.settings_reader import SettingsReader, SettingsUnread


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A hostd.yaml of another address, with one profile beside it."""
    (tmp_path / "model_profiles").mkdir()
    (tmp_path / "model_profiles" / "a.yaml").write_text("{name: a, variants: [{backend: llamacpp, path: m.gguf}]}")
    (tmp_path / "hostd.yaml").write_text("server: {listen: '127.0.0.1:4'}\n")
    return tmp_path / "hostd.yaml"


async def test_says_what_the_files_say_and_what_is_new_of_it(file: Path) -> None:
    """The file is that of the settings in force; addresses of the command line are kept where it named some."""
    old = Settings(source=str(file), listen=("127.0.0.1:3",))
    found = await SettingsReader().read(old)
    (model,) = found.settings.profiles.values()
    assert str(file.with_name("model_profiles") / "m.gguf") == model.variants[0].path
    change = SettingChange("server.listen", ["127.0.0.1:3"], ["127.0.0.1:4"], TakesEffect.NOW)
    assert (("127.0.0.1:4",), (change,)) == (found.settings.listen, found.changes)
    kept = await SettingsReader().read(replace(old, listen_by_option=True))
    assert (old.listen, ()) == (kept.settings.listen, kept.changes)


async def test_names_the_place_of_every_mistake(file: Path) -> None:
    """As hostd serve would, with file, line and column."""
    await asyncio.to_thread(file.write_text, "server:\n  lisen: 1\nnone: 2\n")
    with pytest.raises(ConfigError) as caught:
        await SettingsReader().read(Settings(source=str(file)))
    places = [(each.file, each.line, each.column) for each in caught.value.problems]
    assert [(str(file), 2, 3), (str(file), 3, 1)] == places


async def test_waits_only_so_long(file: Path) -> None:
    """A reading that hangs, or whose process dies, is an error that says so."""
    with pytest.raises(SettingsUnread):
        await SettingsReader(patience=0.0).read(Settings(source=str(file)))
