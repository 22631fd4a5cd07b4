"""A model file is looked at before an engine is started on it."""

import struct
from pathlib import Path

import pytest

from hostd.backends.llamacpp import gguf_file
from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass


def refusal(path: Path) -> str:
    """Return the sentence with which *path* is refused."""
    with pytest.raises(EngineError) as caught:
        gguf_file.check(path)
    assert ExitClass.MISSING_FILE == caught.value.exit_class
    return caught.value.message


def test_the_size_of_a_model_is_the_sum_of_its_parts(tmp_path: Path) -> None:
    """A split model counts as a whole when its first part is named."""
    for part in (1, 2):
        (tmp_path / f"m-0000{part}-of-00002.gguf").write_bytes(b"GGUF" + bytes(part))
    assert 11 == gguf_file.check(tmp_path / "m-00001-of-00002.gguf")


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    """The missing part of a split model is named."""
    (tmp_path / "m-00001-of-00002.gguf").write_bytes(b"GGUF")
    assert "m-00002-of-00002.gguf" in refusal(tmp_path / "m-00001-of-00002.gguf")


def test_a_later_part_points_to_the_first(tmp_path: Path) -> None:
    """Naming part two is answered with the name of part one."""
    assert "name its first part, m-00001-of-00002.gguf" in refusal(tmp_path / "m-00002-of-00002.gguf")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A missing file is an error that names the path."""
    assert f"there is no file {tmp_path}/none.gguf" in refusal(tmp_path / "none.gguf")


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    """A folder is refused as one."""
    assert "not a regular file" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "seen"),
    [(b"<html>", "is a web page"), (b"", "is an empty file"), (b"\xff\xfe", r"it begins with '\xff\xfe'")],
)
def test_a_file_that_is_no_gguf_is_called_by_its_name(tmp_path: Path, content: bytes, seen: str) -> None:
    """A web page saved as a model, or an empty file, is recognised by its first bytes; of others those are shown."""
    path = tmp_path / "page.gguf"
    path.write_bytes(content)
    assert seen in refusal(path)


@pytest.mark.parametrize(
    ("number", "name"), [(0, "none"), (1, "mean"), (2, "cls"), (3, "last"), (4, "rank"), (9, None)]
)
def test_the_pooling_of_a_model_is_read_from_its_header(tmp_path: Path, number: int, name: str | None) -> None:
    """The key ends in ``.pooling_type``, has type 4 (uint32), and may say something newer than we know."""
    path = tmp_path / "bert.gguf"
    path.write_bytes(b"GGUF" + bytes(99) + b"bert.pooling_type" + struct.pack("<II", 4, number) + bytes(99))
    assert name == gguf_file.pooling(path)


def test_a_model_for_text_names_no_pooling(tmp_path: Path) -> None:
    """Without the key the answer is None, and so it is for the kind of a model that decides."""
    path = tmp_path / "text.gguf"
    path.write_bytes(b"GGUF" + bytes(99))
    assert gguf_file.pooling(path) is None
    assert gguf_file.decision_type(path) is None


def test_the_kind_of_a_model_that_decides_is_read_from_its_header(tmp_path: Path) -> None:
    """The key ends in ``.decision.type`` and has type 8 (text); a length that makes no sense reads no further."""
    path = tmp_path / "decides.gguf"
    for length, kind in ((3, "kev"), (2**40, "kev" + "x" * 61)):
        path.write_bytes(b"GGUF" + b"qwen3.decision.type" + struct.pack("<IQ", 8, length) + b"kev" + b"x" * 99)
        assert kind == gguf_file.decision_type(path)
