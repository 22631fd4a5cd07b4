"""A model is read the same way from whatever holds its files."""

from pathlib import Path

import pytest

from hostd.models.errors import ModelNotFound
from hostd.models.local import LocalFolder
from hostd.models.read import read_checkpoint, read_gguf_parts, read_model
from tests.models import weights


def folder(path: Path, **files: bytes) -> LocalFolder:
    """Return a folder with files; ``_`` in a name stands for a dot."""
    for name, content in files.items():
        (path / name.replace("_", ".")).write_bytes(content)
    return LocalFolder(path, name="owner/model", label="a place")


def test_a_choice_leaves_a_note(tmp_path: Path) -> None:
    """A reference to a folder is answered with the file that was chosen."""
    place = folder(tmp_path, a_gguf=weights.gguf(), b_gguf=weights.gguf())
    assert ("a place holds 2 models in GGUF; a.gguf was taken, name another file to have that",) == read_model(
        place
    ).notes
    assert () == read_model(place, "b.gguf").notes


def test_a_model_can_be_called_otherwise_than_its_file(tmp_path: Path) -> None:
    """A store that names files by digests has names of its own."""
    header = read_gguf_parts(folder(tmp_path, blob=weights.gguf()), ["blob"], name="q:9b")
    assert ("q:9b", "a place") == (header.name, header.source)


def test_a_projector_has_its_own_shape(tmp_path: Path) -> None:
    """It counts beside the model, not in it."""
    tower = weights.gguf(architecture="clip", vocabulary=0)
    header = read_gguf_parts(folder(tmp_path, m_gguf=weights.gguf(), t_gguf=tower), ["m.gguf"], "t.gguf")
    assert (0, 256, len(tower)) == (
        header.shape.projector,
        header.projector and header.projector.projector,
        header.projector and header.projector.file_bytes,
    )


def test_a_checkpoint_is_named_after_its_place(tmp_path: Path) -> None:
    """Its files are all called model."""
    weights.checkpoint(tmp_path)
    header = read_checkpoint(folder(tmp_path))
    assert ("owner/model", "a place, config.json and model.safetensors") == (header.name, header.source)


def test_weights_without_a_configuration_say_what_to_add(tmp_path: Path) -> None:
    """Tensors alone do not say what they are."""
    (tmp_path / "model.safetensors").write_bytes(weights.safetensors())
    with pytest.raises(ModelNotFound, match=r"weights and no config\.json, which says what they are; add it"):
        read_model(folder(tmp_path))
