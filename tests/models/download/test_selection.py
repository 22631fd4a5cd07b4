"""Weights and texts are taken; pickles, code and names that lead elsewhere are not."""

import json
from pathlib import Path

import pytest

from hostd.models.download.selection import refuse_hostile, select
from hostd.models.errors import ModelNotFound, ModelUnreadable
from hostd.models.local import LocalFolder
from tests.models.weights import checkpoint_files

GGUF = ("m-Q4_K_M.gguf", "m-Q8_0.gguf", "mmproj-F16.gguf", "README.md", "imatrix.gguf")
TEXTS = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "chat_template.jinja",
    "merges.txt",
)


def folder(path: Path, *names: str, **files: bytes) -> LocalFolder:
    """Return a folder with files of these names."""
    for name, content in (dict.fromkeys(names, b"{}") | files).items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return LocalFolder(path, label="the hub")


def test_of_a_repository_the_usual_quantisation_and_its_projector(tmp_path: Path) -> None:
    """What a plan would have read is what a pull takes, and the note says what else there is."""
    selection = select(folder(tmp_path, *GGUF), None)
    assert (("m-Q4_K_M.gguf", "mmproj-F16.gguf"), "m-Q4_K_M.gguf") == (selection.names, selection.first)
    assert "holds 2 models" in selection.notes[0]
    assert "mmproj-F16.gguf" == selection.projector
    assert ("m-Q4_K_M.gguf",) == select(folder(tmp_path), None, projector=False).names


def test_a_named_file_comes_alone_unless_the_projector_is_wanted(tmp_path: Path) -> None:
    """One file was named, and one is taken."""
    place = folder(tmp_path, *GGUF)
    assert ("m-Q8_0.gguf",) == select(place, "m-Q8_0.gguf").names
    assert ("m-Q8_0.gguf", "mmproj-F16.gguf") == select(place, "m-Q8_0.gguf", projector=True).names


def test_all_parts_of_a_split_model_come(tmp_path: Path) -> None:
    """Whichever was named; a part that is missing is named."""
    names = [f"q/m-0000{part}-of-00003.gguf" for part in (1, 2, 3)]
    selection = select(folder(tmp_path, *names), names[1])
    assert (tuple(names), names[0]) == (selection.names, selection.first)
    (tmp_path / names[2]).unlink()
    with pytest.raises(ModelNotFound, match=f"lacks {names[2]}"):
        select(folder(tmp_path), names[0])


def test_a_checkpoint_is_its_weights_and_texts(tmp_path: Path) -> None:
    """Code, pickles, pictures and other formats stay where they are, and it is said what does."""
    taken = (*TEXTS, "additional_chat_templates/tool.jinja", "model.safetensors")
    left = ("modeling_x.py", "pytorch_model.bin", "README.md", "a.png", ".gitattributes", "onnx/model.json", ".x.json")
    selection = select(folder(tmp_path, *taken, *left, "pytorch_model.bin.index.json"), None)
    # A folder here is only looked into where it holds no weights; a repository is listed whole.
    assert set(taken) - {"additional_chat_templates/tool.jinja"} == set(selection.names)
    assert ("", 2) == (selection.first, len(selection.notes))
    assert "Python code was left out (1 files)" in selection.notes[0]
    assert "pickled copies" in selection.notes[1]


def test_a_checkpoint_in_shards_is_what_its_index_names(tmp_path: Path) -> None:
    """All shards, and the index itself."""
    files = checkpoint_files(3)
    assert set(files) == set(select(folder(tmp_path, **files), None).names)
    named = select(folder(tmp_path), "model-00001-of-00003.safetensors").names
    assert {"config.json", "model.safetensors.index.json", "model-00001-of-00003.safetensors"} == set(named)


def test_an_index_names_nothing_outside(tmp_path: Path) -> None:
    """A file that it names is opened by an engine later."""
    index = json.dumps({"weight_map": {"a": "../../x.safetensors"}}).encode()
    files = {"config.json": b"{}", "model.safetensors": b"", "model.safetensors.index.json": index}
    with pytest.raises(ModelUnreadable, match="names files that are no weights"):
        select(folder(tmp_path, **files), None)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "m.ckpt", "weights/a.pth", "a.pkl"])
def test_pickles_alone_are_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    """Loading one runs what is in it."""
    with pytest.raises(ModelUnreadable, match=r"pickled .*can run any code.*GGUF or safetensors"):
        select(folder(tmp_path, name, "config.json"), None)


@pytest.mark.parametrize(
    ("names", "file", "said"),
    [
        ((), None, "holds no model"),
        (("model.safetensors",), None, "no config.json"),
        (GGUF, "m-Q4_K.gguf", "did you mean m-Q4_K_M.gguf"),
        (("zzz.gguf",), "m-Q4_K.gguf", "it has zzz.gguf"),
        ((), "m.gguf", "has no file 'm.gguf'$"),
    ],
)
def test_what_is_not_there(tmp_path: Path, names: tuple[str, ...], file: str | None, said: str) -> None:
    """The sentence names what is."""
    with pytest.raises(ModelNotFound, match=said):
        select(folder(tmp_path, *names), file)


@pytest.mark.parametrize(
    "name", ["nul.gguf", "sub/con.gguf", "COM1.x.gguf", "a./m.gguf", "a /m.gguf", "a" * 181 + "/m.gguf"]
)
def test_names_that_other_systems_cannot_have(tmp_path: Path, name: str) -> None:
    """A cache may be on a disk that is shared."""
    place = folder(tmp_path, name)
    with pytest.raises(ModelUnreadable, match="cannot be the name of a file"):
        select(place, name)


@pytest.mark.parametrize("name", ["../a", "/a", "a//b", "C:\\a", "a\\b", "a\nb", "a\0b", "..", ""])
def test_a_list_with_a_hostile_name_is_refused_whole(name: str) -> None:
    """R8, CVE-2026-119979 (LM Studio: a backslash in a name put a plug-in where it was started).

    Nothing of such a list is downloaded.
    """
    with pytest.raises(ModelUnreadable, match="leads out of its folder"):
        refuse_hostile(["m.gguf", name], "the hub")


def test_ordinary_names_pass() -> None:
    """Also those of other alphabets."""
    refuse_hostile(["m.gguf", "a/b/c.json", "模型.gguf", "a b.png", "..a"], "the hub")
