"""``hostd.config.reading_child``: the files of the settings in force, as they are now."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hostd.config.reading_child import read
from hostd.domain.profile import Settings
from hostd.domain.settings_changes import SettingsRead

PROFILE = "{name: a, variants: [{backend: llamacpp, path: /m.gguf}]}"


def test_reads_the_same_file_again(load_files: Callable[..., Settings]) -> None:
    """Nothing differs where nothing was changed; what was, is told beside the new settings."""
    old = load_files("", a=PROFILE)
    assert SettingsRead(old) == read(old)
    new = load_files("memory: {reserve: {ram: 5GiB}}", a=PROFILE)
    found = read(old)
    assert isinstance(found, SettingsRead)
    assert (new, ["memory.reserve.ram"]) == (found.settings, [each.key for each in found.changes])


def test_addresses_of_the_command_line_stay(load_files: Callable[..., Settings]) -> None:
    """Whatever the file says of them."""
    old = replace(load_files(), listen=("127.0.0.1:7",), listen_by_option=True)
    load_files("server: {listen: '127.0.0.1:8'}")
    assert SettingsRead(old) == read(old)


def test_a_file_that_is_gone_is_a_problem(load_files: Callable[..., Settings], tmp_path: Path) -> None:
    """It is not passed over for another one, with other models; and so is each mistake in one that is there."""
    old = load_files("")
    (tmp_path / "hostd.yaml").write_text("x: 1\ny: 2\n")
    assert [1, 2] == [each.line for each in read(old)]  # type: ignore[union-attr]  # problems
    (tmp_path / "hostd.yaml").unlink()
    (gone,) = read(old)  # type: ignore[misc]  # one problem
    assert str(tmp_path / "hostd.yaml") == gone.file
