"""Keys without effect yet."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hostd.domain.profile import Settings

Load = Callable[..., Settings]
HEAD = "name: p\nvariants: [{backend: llamacpp, path: x}]\n"


def _notes(settings: Settings, folder: Path) -> list[str]:
    return [note.replace(f"{folder}/model_profiles/", "").replace(f"{folder}/", "") for note in settings.notes]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("keys: {file: k.yaml}", "1:8: keys.file is not implemented yet; it has no effect"),
        ("backends: {vllm: {command: [x]}}", "1:12: backends.vllm is not implemented yet; it has no effect"),
        ("backends: {ollama: {command: [x]}}", "1:12: backends.ollama is not implemented yet; it has no effect"),
        ("backends: {mlx: {command: [x]}}", "1:12: backends.mlx is not implemented yet; it has no effect"),
    ],
)
def test_notes_about_the_host(load_files: Load, tmp_path: Path, text: str, note: str) -> None:
    """Each stands at its key."""
    assert [f"hostd.yaml:{note}"] == _notes(load_files(text), tmp_path)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("price: {input: 1}", "3:1: price is not implemented yet; it has no effect"),
        (
            "warm: {windows: [{days: sat, from: 1:00, to: 2:00}]}",
            "3:8: warm.windows is not implemented yet; it has no effect",
        ),
    ],
)
def test_notes_about_a_profile(load_files: Load, tmp_path: Path, text: str, note: str) -> None:
    """Each stands at its key."""
    assert [f"p.yaml:{note}"] == _notes(load_files(p=HEAD + text), tmp_path)


def test_notes_about_variants(load_files: Load, tmp_path: Path) -> None:
    """Engines to come, and files that would have to be fetched; a path beside `hf` is enough."""
    text = """name: p
variants:
- {backend: llamacpp, path: x, hf: a/b, file: f}
- {backend: llamacpp, hf: a/b, file: f}
- {backend: vllm, hf: a/b, tensor_parallel: auto}
"""
    unused = "is not implemented yet; this variant will not be used"
    assert [
        f"p.yaml:4:23: variants[1].hf (fetching from a model hub) {unused}",
        f"p.yaml:5:13: variants[2].backend vllm {unused}",
        "p.yaml:5:28: variants[2].tensor_parallel is not implemented yet; it has no effect",
    ] == _notes(load_files(p=text), tmp_path)


def test_everything_else_has_effect(load_files: Load) -> None:
    """What works is not remarked on."""
    host = """
server: {listen: 'unix:/x'}
memory: {reserve: {ram: 4GiB}}
limits: {max_queue: 1}
warm: {preload: false}
roles: {r: {use: [p], require: [tools]}}
backends: {llamacpp: {command: [x]}}
"""
    rest = """
slots: 1
context: 8
kv_type: q8_0
args: {threads: 1}
privacy: local
capabilities: {tools: true}
warm: {pinned: true}
"""
    assert () == load_files(host, p=HEAD + rest).notes
