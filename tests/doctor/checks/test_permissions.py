"""The check of keys and of the state folder."""

from pathlib import Path

import pytest

from hostd.doctor.checks.permissions import PathFacts, check, gather, judge
from hostd.domain.profile import Profile, Settings, Variant
from tests.doctor.machine import machine, only, write


def with_key(path: Path) -> Settings:
    """Return a cloud model that reads its key in *path*."""
    variant = Variant("cloud", provider="openai", model="gpt-4o", key_file=str(path))
    return Settings(profiles={"gpt": Profile("gpt", (variant,))})


@pytest.mark.parametrize(
    ("mode", "status"), [(0o600, "ok"), (0o400, "ok"), (0o640, "fail"), (0o644, "fail"), (None, "fail")]
)
def test_a_key_is_for_its_owner_alone(tmp_path: Path, mode: int | None, status: str) -> None:
    """One that others may use is not used at all, so it is a failure."""
    key = tmp_path / "openai.key"
    if mode is not None:
        write(key, "sk-1").chmod(mode)
    found = only(check(machine(tmp_path, settings=with_key(key))))
    assert status == found.status
    if status == "fail":
        assert f"chmod 600 {key}" in found.remedy
        assert "'gpt'" in found.why


def test_the_state_folder_and_its_files(tmp_path: Path) -> None:
    """Closed to others, both; a folder that is not there yet is made so."""
    state = tmp_path / "state"
    assert "ok" == only(judge(gather((), state), {}, "ann")).status
    write(state / "ledger.sqlite", "").chmod(0o644)
    state.chmod(0o755)
    folder, file = judge(gather((), state), {}, "ann")
    assert ("warn", f"chmod 700 {state}") == (folder.status, folder.remedy)
    assert ("warn", f"chmod 600 {state}/ledger.sqlite") == (file.status, file.remedy)
    state.chmod(0o700)
    (state / "ledger.sqlite").chmod(0o600)
    assert "ok" == only(judge(gather((), state), {}, "ann")).status


def test_what_belongs_to_root_after_a_start_with_sudo() -> None:
    """The remedy gives it back."""
    facts = PathFacts("/home/ann/.local/state/hostd", "folder", 0o700, ours=False, usable=False)
    found = only(judge((facts,), {}, "ann"))
    assert ("fail", "sudo chown -R ann /home/ann/.local/state/hostd") == (found.status, found.remedy)


def test_what_this_user_may_not_use() -> None:
    """Its own folder, which it has closed to itself, and a key of another's."""
    folder = only(judge((PathFacts("/state", "folder", 0o500, usable=False),), {}, "ann"))
    key = only(judge((PathFacts("/key", "key", 0o600, ours=False, usable=False),), {"/key": "gpt"}, "ann"))
    assert ("fail", "chmod u+rwX /state") == (folder.status, folder.remedy)
    assert "this user may not read /key" == key.what
