"""Remarks on keys."""

from collections.abc import Callable
from pathlib import Path

from hostd.domain.profile import Settings

Load = Callable[..., Settings]
HEAD = "name: p\nvariants: [{backend: llamacpp, path: x}]\n"


def _notes(settings: Settings, folder: Path) -> list[str]:
    return [note.replace(f"{folder}/model_profiles/", "").replace(f"{folder}/", "") for note in settings.notes]


def test_a_secret_flag_is_remarked_on(load_files: Load, tmp_path: Path) -> None:
    """The owner should know where it may be read; the value itself is in no note."""
    text = HEAD + "args: {threads: 2, key: '${env:MY_KEY}'}"
    (note,) = _notes(load_files("", {"MY_KEY": "sk-0123456789"}, p=text), tmp_path)
    assert note.startswith("p.yaml:3:20: args.key comes from the environment")
    assert "sk-0123456789" not in note


def test_every_variant_is_served(load_files: Load) -> None:
    """Of each engine and provider that can be written."""
    text = """name: p
variants:
- {backend: llamacpp, hf: a/b, file: f}
- {backend: vllm, hf: a/b, tensor_parallel: auto}
- {backend: mlx, hf: a/b}
- {backend: ollama, tag: t}
- {backend: openai, url: 'http://h/v1'}
- {backend: cloud, provider: google, model: m}
- {backend: cloud, provider: anthropic, model: m}
"""
    assert () == load_files(p=text).notes


def test_a_key_in_the_open_is_remarked_on(load_files: Load, tmp_path: Path) -> None:
    """Profiles are copied and shared; a key from the environment is not in them."""
    text = "name: p\nvariants: [{backend: cloud, provider: xai, model: m, api_key: %s}]"
    assert () == load_files("", {"K": "sk-1"}, p=text % "'${env:K}'").notes
    (note,) = _notes(load_files(p=text % "sk-open-123456"), tmp_path)
    assert "p.yaml:2:63: variants[0].api_key stands in this file" in note
    assert "sk-open" not in note


def test_everything_else_has_effect(load_files: Load) -> None:
    """What works is not remarked on."""
    host = """
server: {listen: 'unix:/x'}
keys: {file: k.yaml}
memory: {reserve: {ram: 4GiB}}
limits: {max_queue: 1}
warm: {preload: false}
roles: {r: {use: [p], require: [tools]}}
backends: {llamacpp: {command: [x]}, vllm: {command: [x]}, ollama: {command: [x]}, mlx: {command: [x]}}
"""
    rest = """
slots: 1
context: 8
kv_type: q8_0
args: {threads: 1}
privacy: local
capabilities: {tools: true}
price: {input: 1}
warm: {pinned: true, windows: [sat 1:00-2:00]}
"""
    assert () == load_files(host, p=HEAD + rest).notes
