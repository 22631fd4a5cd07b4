"""Records of engines are written whole, and read without trust."""

from pathlib import Path

import pytest

from hostd.supervisor.process.engine_records import EngineRecord, path_of, read_all, remove, write

RECORD = EngineRecord(7, "123", "boot", "mark-1", 6, "122", "llama-server", "chat")


def test_a_record_reads_as_it_was_written(tmp_path: Path) -> None:
    """And its draft is gone."""
    write(tmp_path, RECORD)
    assert [(path_of(tmp_path, 7), RECORD)] == list(read_all(tmp_path))
    assert [path_of(tmp_path, 7)] == list(tmp_path.iterdir())


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
