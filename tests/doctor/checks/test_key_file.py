"""The check of the clients' keys."""

from pathlib import Path

import pytest

from hostd.doctor.checks.key_file import KeyFileFacts, check, gather, judge, service_user
from hostd.doctor.context import user_name
from hostd.domain.client_key import ClientKey
from hostd.domain.profile import Settings
from hostd.domain.server_settings import KeySettings
from hostd.key_file import KeyFile
from tests.doctor.machine import machine, only, said, write

NOW = 1_000.0
PATH = "/etc/hostd/keys.yaml"
KEY, PAST = ClientKey("a", bytes(32), 0.0), ClientKey("b", bytes(32), 0.0, expires=NOW)


def facts(mode: int | None = 0o600, **more: object) -> KeyFileFacts:
    """Return a file of ann's with one valid key, of *mode*."""
    return KeyFileFacts(PATH, **{"mode": mode, "owner": "ann", "keys": (KEY,), **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "status", "remedy"),
    [
        (facts(), "ok", ""),
        (facts(keys=(KEY, PAST)), "ok", ""),
        (facts(None), "fail", "hostd keys create NAME"),
        (facts(0o644), "warn", f"chmod 600 {PATH}"),
        (facts(0o660), "fail", f"chmod 600 {PATH}"),
        (facts(owner="root"), "fail", f"sudo chown ann {PATH}"),
        (facts(folder_mode=0o777), "fail", "chmod go-w /etc/hostd"),
        (facts(folder_mode=0o775), "fail", "chmod go-w /etc/hostd"),
        (facts(folder_mode=0o1777), "ok", ""),
        (facts(0o200, readable=False, keys=None), "warn", f"chmod 600 {PATH}"),
        (facts(keys=None, trouble="x:3:1: no YAML"), "fail", f"mend {PATH}, then run: hostd doctor"),
        (facts(keys=()), "fail", "hostd keys create NAME"),
        (facts(keys=(PAST, PAST)), "fail", "hostd keys create NAME"),
    ],
    ids=[
        "sound",
        "one has expired",
        "missing",
        "readable by others",
        "writable by others",
        "another user's",
        "folder open to all",
        "folder open to a group",
        "sticky folder",
        "closed to its own user",
        "unreadable",
        "empty",
        "all have expired",
    ],
)
def test_each_fault_has_its_remedy(found: KeyFileFacts, status: str, remedy: str) -> None:
    """What lets others add a key, or leaves clients without one, is a failure; what only shows names is a warning."""
    assert (status, remedy) == said(judge(found, "ann", "ann", NOW))


def test_the_keys_of_a_service_are_closed_to_who_looks() -> None:
    """That is as it should be: what is in them is seen as the service's user."""
    found = judge(facts(owner="hostd", readable=False, keys=None), "hostd", "ann", NOW)
    assert ("warn", "sudo -u hostd hostd doctor") == said(found)


def test_the_user_of_the_service(tmp_path: Path) -> None:
    """The system unit's, unless the user has one, too; without any, this user."""
    unit = "[Service]\nExecStart=hostd serve\nUser=hostd\n"
    bare = machine(tmp_path / "1")
    system = machine(tmp_path / "2", {"/etc/systemd/system/hostd.service": unit})
    both = machine(tmp_path / "3", {"/etc/systemd/system/hostd.service": unit})
    write(both.home / ".config/systemd/user/hostd.service", unit)
    assert ["ann", "hostd", "ann"] == list(map(service_user, (bare, system, both)))


def test_a_file_is_looked_at_as_it_is(tmp_path: Path) -> None:
    """Its owner, its mode, its keys, and where its syntax breaks off; nothing of it is changed."""
    path = tmp_path / "keys.yaml"
    settings = Settings(keys=KeySettings(str(path)))
    context = machine(tmp_path, settings=settings, user=user_name())
    assert "fail" == only(check(context)).status
    tmp_path.chmod(0o700)
    KeyFile(path).write([KEY])
    assert f"1 valid key in {path}" == only(check(context)).what
    write(path, "keys:\n  a: [\n").chmod(0o640)
    mode, broken = check(context)
    assert ("warn", "fail") == (mode.status, broken.status)
    assert f"{path}:3:1: " in broken.why
    assert 0o640 == path.stat().st_mode & 0o777
    assert 0o700 == gather(str(path)).folder_mode


def test_without_a_file_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    """Clients need no key then."""
    assert "skipped" == only(check(machine(tmp_path))).status
