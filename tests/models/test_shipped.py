"""Models that ship with a profile are known without a network."""

import json
from pathlib import Path

import pytest

from hostd.models.header import Format
from hostd.models.shipped import shipped_header, shipped_profiles


def test_the_shipped_profiles_are_where_they_are_looked_for() -> None:
    """Beside the package in a checkout, inside it where it is installed."""
    assert (shipped_profiles() / "qwen3.5-9b.yaml").is_file()


def test_inside_the_package_they_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the wheel lays them out."""
    (tmp_path / "model_profiles").mkdir()
    monkeypatch.setattr("hostd.models.shipped._PACKAGE", tmp_path)
    assert tmp_path / "model_profiles" == shipped_profiles()


def test_a_shipped_model_is_known_by_its_file() -> None:
    """Whatever its profile is called: the shape, the size, and where both are from."""
    header = shipped_header("unsloth/Qwen3.5-9B-GGUF", "Qwen3.5-9B-Q4_K_M.gguf")
    assert header is not None
    assert (Format.GGUF, None, 32, 5_680_000_000) == (
        header.format,
        header.path,
        len(header.shape.layers),
        header.total_bytes,
    )
    assert "that ship with hostd" in header.notes[0]


def test_another_quantisation_is_not_known() -> None:
    """Its numbers would be wrong."""
    assert None is shipped_header("unsloth/Qwen3.5-9B-GGUF", "Qwen3.5-9B-Q8_0.gguf")


def test_every_set_of_numbers_can_be_read(tmp_path: Path) -> None:
    """Each is found by the repository and the file that it names; an empty folder has none."""
    for path in (shipped_profiles() / "shapes").glob("*.json"):
        document = json.loads(path.read_text("utf-8"))
        header = shipped_header(document["hf"], document["file"])
        assert header is not None
        assert path.stem == header.name
    assert None is shipped_header("a/b", "c.gguf", tmp_path)
