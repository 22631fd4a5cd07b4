"""Files of saved slots, and what makes them unfit for an engine."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.supervisor.conversations import files
from hostd.supervisor.conversations.files import SavedSlot, file_name

CONTENT = b"".join(bytes([number % 251]) * 4096 for number in range(600))
SLOT = SavedSlot(file_name("m", "build", "c"), "m", "build", "c", "p", 9, 0, 0, used=1.0)


def sealed(folder: Path, slot: SavedSlot = SLOT) -> SavedSlot:
    """Return a slot whose file an engine has written with a wide mode."""
    draft = folder / "draft.part"
    draft.write_bytes(CONTENT)
    draft.chmod(0o644)
    return files.seal(folder, draft.name, slot)


def test_a_sealed_file(tmp_path: Path) -> None:
    """Is its user's alone, is found again, and is sound."""
    saved = sealed(tmp_path)
    assert [saved] == files.read_all(tmp_path)
    assert len(CONTENT) == saved.size
    assert {f"{SLOT.name}.kv": 0o600, f"{SLOT.name}.json": 0o600} == {
        path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()
    }
    assert files.is_sound(tmp_path, saved)


@pytest.mark.parametrize("at", [0, 5000, len(CONTENT) // 2 // 65536 * 65536, len(CONTENT) - 1])
def test_changed_bytes(tmp_path: Path, at: int) -> None:
    """Are seen wherever a sample lies, at both ends first of all."""
    saved = sealed(tmp_path)
    path = tmp_path / f"{SLOT.name}.kv"
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    step = max(65536, len(CONTENT) // 16)
    sampled = at % step < 65536 or at >= len(CONTENT) - 65536
    assert sampled is not files.is_sound(tmp_path, saved)


def test_a_cut_or_missing_file_is_unsound(tmp_path: Path) -> None:
    """As is a link in its place."""
    saved = sealed(tmp_path)
    path = tmp_path / f"{SLOT.name}.kv"
    os.truncate(path, 1000)
    assert not files.is_sound(tmp_path, saved)
    path.unlink()
    assert not files.is_sound(tmp_path, saved)
    (tmp_path / "other").write_bytes(CONTENT)
    path.symlink_to(tmp_path / "other")
    assert not files.is_sound(tmp_path, saved)


def test_what_is_no_pair_is_deleted(tmp_path: Path) -> None:
    """Drafts of an engine that was killed, files without a manifest, manifests without a file, or that cannot be read."""
    saved = sealed(tmp_path)
    (tmp_path / "draft.12-1.part").write_bytes(b"half")
    (tmp_path / "alone.kv").write_bytes(b"x")
    (tmp_path / "gone.json").write_text(json.dumps({"name": "gone"}))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "broken.kv").write_bytes(b"x")
    assert [saved] == files.read_all(tmp_path)
    assert {f"{SLOT.name}.kv", f"{SLOT.name}.json"} == {path.name for path in tmp_path.iterdir()}


def test_least_recently_used_first(tmp_path: Path) -> None:
    """Also where the time of the last use was noted later."""
    first = sealed(tmp_path)
    second = sealed(tmp_path, replace(SLOT, name=file_name("m", "build", "d"), conversation="d", used=2.0))
    assert [first, second] == files.read_all(tmp_path)
    files.note_use(tmp_path, later := replace(first, used=3.0))
    assert [second, later] == files.read_all(tmp_path)


def test_there_is_no_folder(tmp_path: Path) -> None:
    """Nothing is kept, and nothing is made."""
    assert [] == files.read_all(tmp_path / "none")
    assert [] == list(tmp_path.iterdir())
