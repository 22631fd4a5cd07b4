"""Models on disk are read by their headers, and every broken one is a sentence."""

import os
from pathlib import Path

import pytest

from hostd.models.errors import ModelNotFound, ModelUnreadable
from hostd.models.header import Format
from hostd.models.local import LocalFile, LocalFolder, open_checkpoint, open_path
from tests.models import weights


def write(path: Path, content: bytes) -> Path:
    """Write a file and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_gguf_file_is_a_model(tmp_path: Path) -> None:
    """Its shape, its size and its place."""
    path = write(tmp_path / "m.gguf", weights.gguf())
    header = open_path(path)
    assert ("m", Format.GGUF, path, 2) == (header.name, header.format, header.path, len(header.shape.layers))
    assert path.stat().st_size == header.total_bytes == header.shape.file_bytes
    assert f"{tmp_path}, m.gguf" == header.source


@pytest.mark.parametrize("named", [1, 2, 3])
def test_a_split_model_may_be_named_by_any_part(tmp_path: Path, named: int) -> None:
    """All parts together are the model; its place is the first."""
    parts = weights.split_gguf(3)
    paths = [write(tmp_path / f"m-{number:05d}-of-00003.gguf", part) for number, part in enumerate(parts, start=1)]
    header = open_path(paths[named - 1])
    assert (3, paths[0], 3) == (header.shape.parts, header.path, len(header.gguf.tensors if header.gguf else ()))
    assert sum(map(len, parts)) == header.total_bytes


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    """The sentence says which file is not there."""
    write(tmp_path / "m-00001-of-00002.gguf", weights.split_gguf(2)[0])
    with pytest.raises(ModelNotFound, match="m-00002-of-00002"):
        open_path(tmp_path / "m-00001-of-00002.gguf")


def test_parts_of_different_models_do_not_go_together(tmp_path: Path) -> None:
    """Two files that say the same of themselves are not two parts."""
    for number in (1, 2):
        write(tmp_path / f"m-0000{number}-of-00002.gguf", weights.split_gguf(2)[0])
    with pytest.raises(ModelUnreadable, match="part 1 is there twice"):
        open_path(tmp_path / "m-00001-of-00002.gguf")


def test_a_part_that_was_renamed_cannot_find_the_others(tmp_path: Path) -> None:
    """A part alone is not taken for the whole."""
    path = write(tmp_path / "m.gguf", weights.split_gguf(2)[0])
    with pytest.raises(ModelNotFound, match="is one part of 2, and its name"):
        open_path(path)


@pytest.mark.parametrize(("others", "found"), [((), True), (("other.gguf",), False), (("mmproj-2.gguf",), False)])
def test_a_projector_beside_the_only_model_is_its_own(tmp_path: Path, others: tuple[str, ...], found: bool) -> None:
    """Where it could belong to another model, or there are two, none is taken."""
    path = write(tmp_path / "m.gguf", weights.gguf())
    for name in ("mmproj-F16.gguf", *others):
        write(tmp_path / name, weights.gguf(architecture="clip", vocabulary=0))
    assert found is (open_path(path).projector is not None)


def test_a_folder_with_a_configuration_is_a_model(tmp_path: Path) -> None:
    """Numbers come from the configuration, bytes from the tensors."""
    header = open_path(weights.checkpoint(tmp_path / "Qwen"))
    assert ("Qwen", Format.SAFETENSORS, tmp_path / "Qwen") == (header.name, header.format, header.path)
    assert ("qwen2", 2, 12800, 8192) == (
        header.shape.architecture,
        len(header.shape.layers),
        header.shape.tables.token_embedding,
        header.shape.layers[0].dense_bytes,
    )
    assert ("BF16", True) == (header.shape.quantisation, header.total_bytes > header.shape.weight_bytes == 20992)


def test_shards_are_found_by_the_index(tmp_path: Path) -> None:
    """Each file's tensors count."""
    header = open_path(weights.checkpoint(tmp_path / "Qwen", shards=2))
    assert (2, 16384) == (len(header.files), header.shape.weight_bytes)


def test_mlx_is_a_format_of_its_own(tmp_path: Path) -> None:
    """Its checkpoints are served by other engines."""
    header = open_path(weights.checkpoint(tmp_path / "Q-4bit", quantization={"group_size": 64, "bits": 4}))
    assert (Format.MLX, "MLX 4-bit") == (header.format, header.shape.quantisation)


def test_a_single_safetensors_file_finds_its_configuration(tmp_path: Path) -> None:
    """The file may be named instead of its folder."""
    folder = weights.checkpoint(tmp_path / "Qwen")
    assert "qwen2" == open_path(folder / "model.safetensors").shape.architecture


def test_what_cannot_be_looked_at_is_passed_over(tmp_path: Path) -> None:
    """A link that leads to itself, beside the model or in its place, hides no other file."""
    path = write(tmp_path / "m.gguf", weights.gguf())
    (tmp_path / "loop.gguf").symlink_to("loop.gguf")
    assert path == open_path(path).path == open_path(tmp_path).path
    with pytest.raises(ModelUnreadable, match="loop"):
        open_path(tmp_path / "loop.gguf")


def test_weights_one_folder_down_are_found(tmp_path: Path) -> None:
    """A repository keeps each quantisation in a folder of its own."""
    path = write(tmp_path / "Q4_K_M" / "m.gguf", weights.gguf())
    assert path == open_path(tmp_path).path


def test_both_formats_in_a_folder(tmp_path: Path) -> None:
    """GGUF goes first, and the checkpoint can be asked for."""
    folder = weights.checkpoint(tmp_path / "both")
    write(folder / "m.gguf", weights.gguf())
    assert (Format.GGUF, Format.SAFETENSORS) == (open_path(folder).format, open_checkpoint(folder).format)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "holds no model"),
        ({"model.safetensors": weights.safetensors()}, "no config.json"),
        ({"model.safetensors": weights.safetensors()[:60], "config.json": b"{}"}, "cut off"),
        ({"model.safetensors": weights.safetensors(), "config.json": b"["}, "config.json is no JSON"),
        ({"model.safetensors": weights.safetensors(), "config.json": b"{}"}, "has no num_hidden_layers"),
        ({"model.safetensors.index.json": b"{}"}, "has no weight_map"),
        ({"model.safetensors.index.json": b'{"weight_map": {"a": "../../x.safetensors"}}'}, "do not use this model"),
        ({"model.safetensors.index.json": b'{"weight_map": {"a": "x.py"}}'}, "do not use this model"),
        ({"model.safetensors.index.json": b'{"weight_map": {"a": "x.safetensors"}}'}, "lacks x.safetensors"),
        ({"m.gguf": b""}, "an empty file"),
        ({"m.gguf": b"\xff" * 9}, r"begins with b'\xff\xff\xff\xff'"),
        ({"model.safetensors": b"<html>" * 9, "config.json": b"{}"}, "web page"),
        (
            {"model.safetensors": weights.safetensors(), "config.json": b"version https://git-lfs"},
            "is a pointer of Git LFS",
        ),
        ({"model.onnx": b"", "config.json": b"{}"}, "what it holds is an ONNX model"),
        ({"m.gguf": weights.gguf()[:-1]}, "cut short"),
        ({"m.gguf": weights.gguf(architecture="", keys={"x": 1})}, "names no architecture"),
    ],
)
def test_what_is_broken_is_said(tmp_path: Path, files: dict[str, bytes], why: str) -> None:
    """Each way in which a folder is no model has its sentence, with its place."""
    for name, content in files.items():
        write(tmp_path / name, content)
    with pytest.raises(ModelUnreadable) as caught:
        open_path(tmp_path)
    assert why in caught.value.message
    assert str(tmp_path) in caught.value.message


def test_a_configuration_that_is_no_small_file_is_not_read(tmp_path: Path) -> None:
    """A document has a limit."""
    write(tmp_path / "config.json", bytes(100))
    with pytest.raises(ModelUnreadable, match="has 100 bytes, which is too many"):
        LocalFolder(tmp_path).document("config.json", 99)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_file_is_not_opened_for_long(tmp_path: Path, kind: str) -> None:
    """A pipe would wait for ever, and a device has no end."""
    path = tmp_path / "m.gguf"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(ModelUnreadable, match="not a regular file"):
        LocalFile(path).read(0, 1)


@pytest.mark.parametrize("name", ["none.gguf", "none", "none.safetensors"])
def test_what_is_not_there_is_said(tmp_path: Path, name: str) -> None:
    """A mistyped path is told apart from a broken file."""
    with pytest.raises(ModelNotFound, match="there is no file"):
        open_path(tmp_path / name)


def test_little_of_a_large_file_is_read(tmp_path: Path) -> None:
    """The weights stay on the disk: a file of a terabyte opens at once."""
    header = weights.gguf(tensors=0)
    path = write(tmp_path / "m.gguf", header)
    os.truncate(path, 1 << 40)
    assert 1 << 40 == open_path(path).total_bytes


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        ({"tokenizer.ggml.model": "gpt2"}, "a vocabulary"),
        ({"general.type": "adapter"}, "an adapter"),
        ({"general.type": "imatrix"}, "an importance matrix"),
    ],
)
def test_files_that_are_no_models_are_called_by_their_names(tmp_path: Path, keys: dict[str, object], what: str) -> None:
    """Whatever else their headers say."""
    path = write(tmp_path / "m.gguf", weights.gguf(tensors=0, keys=keys))
    with pytest.raises(ModelUnreadable, match=f"this is {what}"):
        open_path(path)


@pytest.mark.parametrize("part", [1, 2])
def test_a_part_alone_says_which_is_missing(tmp_path: Path, part: int) -> None:
    """Whichever of them was named."""
    path = write(tmp_path / f"m-0000{part}-of-00002.gguf", weights.gguf())
    with pytest.raises(ModelNotFound) as caught:
        open_path(path)
    assert f"{path} is one of 2 parts" in caught.value.message
    assert f"m-0000{3 - part}-of-00002.gguf is not beside it" in caught.value.message


def test_what_lies_in_a_models_place_is_recognised(tmp_path: Path) -> None:
    """A pointer of Git LFS, and the page that a hub sends instead."""
    for text, what in (
        (b"version https://git-lfs.github.com/spec/v1\n", "pointer of Git LFS"),
        (b"<!DOCTYPE html>", "web page"),
    ):
        with pytest.raises(ModelUnreadable, match=what):
            open_path(write(tmp_path / "m.gguf", text * 9))
