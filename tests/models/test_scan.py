"""What is on this machine is found wherever a program put it, and one broken file hides no other."""

import os
from pathlib import Path

from hostd.domain.ticket import Task
from hostd.models.header import Format
from hostd.models.locations import ModelLocations
from hostd.models.reference import FileReference, HubReference, OllamaReference
from hostd.models.scan import LocalModel, pulled, scan
from tests.models import weights
from tests.models.test_huggingface import cache
from tests.models.test_ollama import put


def locations(root: Path) -> ModelLocations:
    """Return locations below one folder, none of which need exist."""
    return ModelLocations(
        headers=root / "headers",
        hub_cache=root / "hub",
        ollama_stores=(root / "ollama", root / "none"),
        lm_studio=(root / "lmstudio",),
        folders=(root / "models",),
    )


def file(path: Path, content: bytes) -> Path:
    """Write a file and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_an_empty_machine_has_an_empty_shelf(tmp_path: Path) -> None:
    """Places that do not exist are no trouble."""
    assert [] == scan(locations(tmp_path))


def test_every_place_is_looked_at(tmp_path: Path) -> None:
    """Each model has a name, says who keeps it, and can be opened again by its reference."""
    where = locations(tmp_path)
    put(tmp_path / "ollama", OllamaReference("q", "9b"), model=weights.gguf())
    studio = file(tmp_path / "lmstudio/owner/repo/s.gguf", weights.gguf(architecture="qwen2"))
    cache(where, {"h-Q4_0.gguf": weights.gguf(vocabulary=7)})
    plain = weights.checkpoint(tmp_path / "models/deep/er/Qwen", quantization={"bits": 4})
    other = file(tmp_path / "elsewhere/o.gguf", weights.gguf(vocabulary=9))
    entries = scan(where, (tmp_path / "elsewhere",))
    assert [
        ("q:9b", "Ollama", OllamaReference("q", "9b"), Format.GGUF, "llama"),
        ("s", "LM Studio", FileReference(studio), Format.GGUF, "qwen2"),
        ("h-Q4_0", "the Hugging Face cache", HubReference("owner/model-GGUF", "h-Q4_0.gguf"), Format.GGUF, "llama"),
        ("Qwen", str(tmp_path / "models"), FileReference(plain), Format.MLX, "qwen2"),
        ("o", str(tmp_path / "elsewhere"), FileReference(other), Format.GGUF, "llama"),
    ] == [(each.name, each.found_in, each.reference, each.format, each.architecture) for each in entries]
    assert all(each.bytes > 0 and each.trouble is None for each in entries)


def test_a_repository_of_the_cache_is_one_model_by_name(tmp_path: Path) -> None:
    """A checkpoint's reference is the repository itself."""
    where = locations(tmp_path)
    cache(where, weights.checkpoint_files(2))
    (entry,) = scan(where)
    assert ("owner/model-GGUF", HubReference("owner/model-GGUF"), Format.SAFETENSORS) == (
        entry.name,
        entry.reference,
        entry.format,
    )


def test_a_broken_file_has_a_reason_and_the_rest_is_there(tmp_path: Path) -> None:
    """The owner learns what to download again."""
    folder = tmp_path / "models"
    file(folder / "a.gguf", b"<html>")
    file(folder / "b.gguf", weights.gguf())
    file(folder / "c-00001-of-00002.gguf", weights.split_gguf(2)[0])
    file(folder / "d-00009-of-00002.gguf", b"")
    file(folder / "e/config.json", b"{}")
    file(folder / "e/model.safetensors", b"")
    (folder / "f.gguf").symlink_to("nowhere")
    put(tmp_path / "ollama", OllamaReference("broken"))
    entries = {entry.name: entry for entry in scan(locations(tmp_path))}
    assert {"b"} == {name for name, entry in entries.items() if entry.header}
    assert {"a", "b", "c-00001-of-00002", "d-00009-of-00002", "e", "f", "broken:latest"} == set(entries)
    assert all(entry.trouble for name, entry in entries.items() if name != "b")


def test_a_file_that_two_programs_share_is_listed_once(tmp_path: Path) -> None:
    """Links do not multiply models, and links in a circle do not go on for ever."""
    path = file(tmp_path / "models/m.gguf", weights.gguf())
    (tmp_path / "models/again.gguf").symlink_to(path)
    (tmp_path / "models/loop").symlink_to(tmp_path / "models")
    assert 1 == len(scan(locations(tmp_path), (tmp_path / "models",)))


def test_a_model_on_another_disk_is_found_through_its_link(tmp_path: Path) -> None:
    """People link folders from where there is room."""
    file(tmp_path / "disk/m.gguf", weights.gguf())
    (tmp_path / "models").mkdir()
    (tmp_path / "models/disk").symlink_to(tmp_path / "disk")
    assert ["m"] == [entry.name for entry in scan(locations(tmp_path))]


def test_parts_are_one_entry(tmp_path: Path) -> None:
    """A split model is listed by its first part, with the bytes of all."""
    parts = weights.split_gguf(2)
    for number, part in enumerate(parts, start=1):
        file(tmp_path / f"models/m-0000{number}-of-00002.gguf", part)
    (entry,) = scan(locations(tmp_path))
    assert ("m-00001-of-00002", sum(map(len, parts))) == (entry.name, entry.bytes)


def test_towers_and_models_that_make_no_text_are_told_apart(tmp_path: Path) -> None:
    """None of them can chat."""
    folder = tmp_path / "models"
    file(folder / "mmproj-m.gguf", weights.gguf(architecture="clip", vocabulary=0))
    file(folder / "m.gguf", weights.gguf())
    file(folder / "bert.gguf", weights.gguf(architecture="bert"))
    file(folder / "pooled.gguf", weights.gguf(architecture="qwen3", keys={"qwen3.pooling_type": 3}))
    file(folder / "ranks.gguf", weights.gguf(architecture="bert", keys={"bert.pooling_type": 4}))
    file(folder / "decides.gguf", weights.gguf(keys={"llama.decision.type": "kev"}))
    file(folder / "Qwen3-Embedding-0.6B.gguf", weights.gguf(architecture="qwen3"))
    entries = scan(locations(tmp_path))
    assert ["mmproj-m"] == [entry.name for entry in entries if entry.is_projector]
    of_task = {task: [entry.name for entry in entries if entry.task is task] for task in Task}
    assert ["Qwen3-Embedding-0.6B", "bert", "pooled"] == of_task[Task.EMBEDDINGS]
    assert (["ranks"], ["decides"]) == (of_task[Task.RERANK], of_task[Task.DECISIONS])


def test_hidden_and_deep_folders_are_passed_over(tmp_path: Path) -> None:
    """Downloads in progress and whole disks are not scanned."""
    file(tmp_path / "models/.cache/m.gguf", weights.gguf())
    file(tmp_path / "models" / "/".join("abcdefgh") / "m.gguf", weights.gguf())
    assert [] == scan(locations(tmp_path))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """What is no file is a trouble, at once."""
    (tmp_path / "models").mkdir()
    os.mkfifo(tmp_path / "models/p.gguf")
    assert ["not a regular file" in (entry.trouble or "") for entry in scan(locations(tmp_path))] == [True]


def test_a_model_prints_as_a_line(tmp_path: Path) -> None:
    """What it is, or what is wrong with it."""
    reference = FileReference(tmp_path)
    assert "<LocalModel m (LM Studio): cut off>" == repr(
        LocalModel("m", "LM Studio", reference, tmp_path, trouble="cut off")
    )


def test_what_was_pulled_is_what_lies_in_the_stores(tmp_path: Path) -> None:
    """Not what is in other folders, and no header is read for it."""
    where = locations(tmp_path)
    assert [] == pulled(where)
    put(tmp_path / "ollama", OllamaReference("q", "9b"), model=b"no model at all")
    cache(where, {"h-Q4_0.gguf": b"none either"})
    file(tmp_path / "models/m.gguf", weights.gguf())
    assert [OllamaReference("q", "9b"), HubReference("owner/model-GGUF", "h-Q4_0.gguf")] == pulled(where)
