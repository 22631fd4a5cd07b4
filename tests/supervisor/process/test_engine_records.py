"""Records of engines are written whole, and read without trust."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from hostd.supervisor.process.engine_records import EngineRecord, KeptLaunch, path_of, read_all, remove, write

KEPT = KeptLaunch("/run/engine.sock", "secret", "digest", "llamacpp:a.gguf", "/state/output-1", {"cache-ram": 7})
RECORD = EngineRecord(7, "123", "boot", "mark-1", 6, "122", "llama-server", "chat")


def test_a_record_reads_as_it_was_written(tmp_path: Path) -> None:
    """And its draft is gone."""
    write(tmp_path, RECORD)
    assert [(path_of(tmp_path, 7), RECORD)] == list(read_all(tmp_path))
    assert [path_of(tmp_path, 7)] == list(tmp_path.iterdir())


def test_what_the_next_daemon_needs_is_read_as_it_was_written(tmp_path: Path) -> None:
    """In a file that nobody else can read; its key is shown nowhere."""
    record = replace(RECORD, kept=KEPT)
    write(tmp_path, record)
    assert [(path_of(tmp_path, 7), record)] == list(read_all(tmp_path))
    assert 0o600 == path_of(tmp_path, 7).stat().st_mode & 0o777
    assert "secret" not in repr(record)


@pytest.mark.parametrize("changes", [{"key": 1}, {"address": None}, {"shares": {"cache-ram": "7"}}, {"more": 1}])
def test_a_record_that_makes_no_sense_is_removed(changes: dict[str, object], tmp_path: Path) -> None:
    """Nothing is done by halves with what was written by something else."""
    told = asdict(replace(RECORD, kept=KEPT))
    path_of(tmp_path, 7).write_text(json.dumps(told | {"kept": told["kept"] | changes}))
    assert [] == list(read_all(tmp_path))
    assert [] == list(tmp_path.iterdir())


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    """Only what is named like a record is read or removed."""
    (tmp_path / "notes.json").write_text("{")
    (tmp_path / "notes.tmp").write_text("")
    assert [] == list(read_all(tmp_path))
    assert 2 == len(list(tmp_path.iterdir()))


def test_a_folder_that_is_missing_cannot_take_a_record(tmp_path: Path) -> None:
    """The caller is told; to remove what is not there is no error."""
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "none", RECORD)
    remove(path_of(tmp_path / "none", 7))


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Somebody else's file is no record of ours."""
    write(tmp_path, RECORD)
    other = tmp_path / "other"
    path_of(tmp_path, 7).rename(other)
    path_of(tmp_path, 7).symlink_to(other)
    assert [] == list(read_all(tmp_path))
    assert other.exists()
