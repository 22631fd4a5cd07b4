"""Steps are shown before they are taken, change nothing silently, and a command that fails ends them with its own words."""

import stat
from pathlib import Path

import pytest

from hostd.service.steps import RemoveFile, RunCommand, ServiceError, WriteFile, described, differences, run_steps


def test_shows_what_would_be_done() -> None:
    """A file with its content, commands as one would type them."""
    steps = (WriteFile(Path("/a/b"), "x=1\n\ny=2\n"), RemoveFile(Path("/c")), RunCommand(("true", "--really")))
    assert ["# /a/b", "    x=1", "", "    y=2", "$ rm /c", "$ true --really"] == list(described(steps))


def test_tells_what_would_be_overwritten(tmp_path: Path) -> None:
    """A file that is missing or the same is no difference; one that was changed is shown line by line."""
    step = WriteFile(tmp_path / "unit", "a\nb\n")
    assert "" == differences([step])
    run_steps([step])
    assert "" == differences([step])
    (tmp_path / "unit").write_text("a\nmine\n")
    assert {"-mine", "+b"} <= set(differences([step]).splitlines())


def test_takes_steps_in_order(tmp_path: Path) -> None:
    """Files can be read by all users, folders are made, what is gone already is removed again."""
    file = tmp_path / "new" / "unit"
    run_steps([WriteFile(file, "x"), RunCommand(("cp", str(file), f"{file}.copy")), RemoveFile(tmp_path / "none")])
    assert (0o644, ["unit", "unit.copy"]) == (
        stat.S_IMODE(file.stat().st_mode),
        sorted(p.name for p in file.parent.iterdir()),
    )
    run_steps([RemoveFile(file)])
    assert not file.exists()


def test_a_command_that_fails_ends_it(tmp_path: Path) -> None:
    """What it printed is told, and nothing is done after it; an optional one may fail, or be missing."""
    after = WriteFile(tmp_path / "after", "")
    run_steps([RunCommand(("false",), optional=True), RunCommand(("no-such-program",), optional=True)])
    with pytest.raises(ServiceError, match=f"cat {tmp_path}/none failed: .+"):
        run_steps([RunCommand(("cat", str(tmp_path / "none"))), after])
    assert not after.path.exists()
