"""Where the files are."""

from pathlib import Path

import pytest

from hostd.config import locate as module
from hostd.config.locate import locate, profile_files, user_file
from hostd.domain.errors import ConfigError


def _file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


def test_the_first_of_four_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one asked for goes before the variable's, that before the user's, that before the system's; then none."""
    monkeypatch.setattr(module, "SYSTEM", tmp_path / "etc.yaml")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    environ: dict[str, str] = {}
    assert locate(None, environ) is None
    assert _file(tmp_path / "etc.yaml") == locate(None, environ)
    assert _file(tmp_path / "home" / ".config" / "hostd" / "hostd.yaml") == locate(None, environ)
    environ["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")
    assert _file(tmp_path / "xdg" / "hostd" / "hostd.yaml") == locate(None, environ)
    environ["HOSTD_CONFIG"] = str(_file(tmp_path / "named.yaml"))
    assert tmp_path / "named.yaml" == locate(None, environ)
    assert _file(tmp_path / "asked.yaml") == locate(tmp_path / "asked.yaml", environ)


@pytest.mark.parametrize(
    ("explicit", "environ", "word"),
    [(Path("/nowhere/a.yaml"), {}, "--config"), (None, {"HOSTD_CONFIG": "/nowhere/a.yaml"}, "HOSTD_CONFIG")],
)
def test_a_file_asked_for_must_exist(explicit: Path | None, environ: dict[str, str], word: str) -> None:
    """It is never replaced by another one in silence."""
    message = f"^/nowhere/a.yaml:1:1: there is no such file; create it, or change {word}$"
    with pytest.raises(ConfigError, match=message):
        locate(explicit, environ)


def test_a_relative_xdg_folder_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """As its specification asks."""
    monkeypatch.setenv("HOME", "/home/me")
    assert Path("/home/me/.config/hostd/hostd.yaml") == user_file({"XDG_CONFIG_HOME": "here"})


def test_profiles_are_the_visible_yaml_files(tmp_path: Path) -> None:
    """In order of name; folders, hidden files and other endings are left alone, a broken link is not."""
    for name in ("b.yaml", "a.yml", ".hidden.yaml", "a.yaml~", "notes.txt", "sub.yaml/c.yaml"):
        _file(tmp_path / name)
    (tmp_path / "link.yaml").symlink_to("gone.yaml")
    assert ["a.yml", "b.yaml", "link.yaml"] == [path.name for path in profile_files(tmp_path)]
