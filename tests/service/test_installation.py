"""The service runs the program that installs it, where the service can see it, and finds what the owner's shell finds."""

import sys
from pathlib import Path

import pytest

from hostd.service.installation import hidden_part, own_program, search_path, shipped


def test_runs_the_program_that_was_called(tmp_path: Path) -> None:
    """By the path that was called, links included; a module by its interpreter."""
    script, link = tmp_path / "hostd-1.0", tmp_path / "hostd"
    script.touch()
    link.symlink_to(script)
    assert (str(link),) == own_program(str(link))
    assert (sys.executable, "-m", "hostd") == own_program(str(tmp_path / "hostd" / "__main__.py"))
    assert (sys.executable, "-m", "hostd") == own_program("-c")


@pytest.mark.parametrize("folder", ["/home/me/.venv", "/root/.pyenv/versions/3", "/tmp/x", "/run/user/1/x"])
def test_says_what_a_system_service_does_not_see(folder: str) -> None:
    """Program, environment, interpreter and package are all looked at."""
    seen, package = ("/opt/hostd/bin/hostd",), Path("/opt/hostd/lib/hostd")
    assert hidden_part(seen, ("/opt/hostd", "/usr"), package) is None
    assert folder == hidden_part((folder,), ("/opt/hostd", "/usr"), package)
    assert folder == hidden_part(seen, ("/opt/hostd", folder), package)
    assert folder == hidden_part(seen, ("/opt/hostd", "/usr"), Path(folder))


def test_the_search_path_has_only_folders_that_are_there(tmp_path: Path) -> None:
    """Relative folders and missing ones are left out, and none is there twice."""
    assert f"{tmp_path}:/usr" == search_path({"PATH": f"{tmp_path}:bin:/usr:{tmp_path}:/no/such:"})
    assert search_path({})


def test_every_file_ships() -> None:
    """What the service is made of is found from an installed hostd and from its sources."""
    for name in ("system/hostd.service", "user/hostd.service", "hostd.socket", "hostd.sysusers.conf"):
        assert shipped("systemd", name)
    assert shipped("launchd", "agent.plist") != shipped("launchd", "daemon.plist")
