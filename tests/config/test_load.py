"""From files to settings."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hostd.config import locate
from hostd.config.load import load
from hostd.domain.errors import ConfigError
from hostd.domain.profile import Settings

Load = Callable[..., Settings]
Problems = Callable[..., list[str]]
TINY = "{name: tiny, variants: [{backend: llamacpp, path: t.gguf}]}"


def test_all_problems_of_all_files_at_once(problems: Problems) -> None:
    """The host's first, then each profile's in order of name, each file from top to bottom."""
    host = "limist: {}\nlimits: {max_queue: x, max_queue: 2}\nroles: {r: [nobody]}\n"
    broken = "name: b\nvariants: []\nslots: 0\ncolour: red\nfallback: [b]\nkv_type: ${env:GONE}\n"
    keys = (
        "aliases, allow_fields, args, capabilities, context, draft, env, fallback, kv, kv_type, limits, name, price, privacy, "
        "repair, slots, stop_grace, thinking, variants, warm"
    )
    assert [
        "hostd.yaml:1:1: unknown key 'limist'; did you mean 'limits'?",
        "hostd.yaml:2:21: limits.max_queue: 'x' is no whole number",
        "hostd.yaml:2:24: the key 'max_queue' is written twice; the first is on line 2; keep one of them",
        "hostd.yaml:3:13: no profile is named 'nobody'; choose from b, c",
        "b.yaml:2:11: variants: the list is empty; write at least one item",
        "b.yaml:3:8: slots: 0 is out of range; write a number from 1 to 2147483647",
        f"b.yaml:4:1: unknown key 'colour'; choose from {keys}",
        "b.yaml:5:12: profile 'b' falls back to itself; name another one",
        "b.yaml:6:10: the environment variable GONE is not set (or empty); set it where hostd starts",
        "c.yaml:2:1: a tab cannot indent YAML; use spaces",
    ] == problems(host, b=broken, c="name: c\n\tvariants: []")


def test_without_any_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file, no profiles, no complaint."""
    monkeypatch.setattr(locate, "SYSTEM", tmp_path / "none.yaml")
    expected = Settings(folder=str(tmp_path / "hostd" / "model_profiles"))
    assert expected == load(None, {"XDG_CONFIG_HOME": str(tmp_path)})


def test_profiles_alone_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder next to where the user's file would be is read without that file."""
    monkeypatch.setattr(locate, "SYSTEM", tmp_path / "none.yaml")
    folder = tmp_path / "hostd" / "model_profiles"
    folder.mkdir(parents=True)
    (folder / "tiny.yml").write_text(TINY)
    settings = load(None, {"XDG_CONFIG_HOME": str(tmp_path)})
    assert (None, ["tiny"]) == (settings.source, list(settings.profiles))


def test_the_source_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means the same file wherever it is read later."""
    (tmp_path / "hostd.yaml").write_text("")
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path / "hostd.yaml") == load(Path("hostd.yaml"), {}).source


def test_another_folder_of_profiles(tmp_path: Path) -> None:
    """`profiles` is relative to `hostd.yaml`."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "tiny.yaml").write_text(TINY)
    (tmp_path / "hostd.yaml").write_text("profiles: more")
    assert ["tiny"] == list(load(tmp_path / "hostd.yaml", {}).profiles)


@pytest.mark.parametrize("name", ["gone", "hostd.yaml", "x" * 300])
def test_a_folder_asked_for_must_be_one(tmp_path: Path, name: str) -> None:
    """The default folder may be missing; one that is named may not."""
    (tmp_path / "hostd.yaml").write_text(f"profiles: {name}")
    with pytest.raises(ConfigError, match=r"hostd.yaml:1:11: the folder .* cannot be read: .*; create it, or change"):
        load(tmp_path / "hostd.yaml", {})


def test_settings_cannot_be_changed(load_files: Load) -> None:
    """What was checked stays as it was checked."""
    settings = load_files(p=TINY)
    with pytest.raises(TypeError):
        settings.profiles["other"] = settings.profiles["tiny"]  # type: ignore[index]  # what is tested
