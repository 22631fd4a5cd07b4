"""The shape of a variant."""

from collections.abc import Callable

import pytest

from hostd.domain.profile import Settings, Variant

Load = Callable[..., Settings]
Problems = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("{backend: llamacpp, path: /m.gguf}", Variant("llamacpp", path="/m.gguf")),
        ("{backend: llamacpp, hf: a/b, file: m.gguf}", Variant("llamacpp", hf="a/b", file="m.gguf")),
        ("{backend: mlx, hf: a/b}", Variant("mlx", hf="a/b")),
        ("{backend: vllm, hf: a/b, tensor_parallel: auto}", Variant("vllm", hf="a/b", tensor_parallel="auto")),
        ("{backend: vllm, path: /m, tensor_parallel: 2}", Variant("vllm", path="/m", tensor_parallel=2)),
        ("{backend: ollama, tag: 'q:9b'}", Variant("ollama", tag="q:9b")),
        ("{backend: ollama, tag: 'q:9b', url: 'http://h:1'}", Variant("ollama", tag="q:9b", url="http://h:1")),
        ("{backend: openai, url: 'http://h/v1', model: m}", Variant("openai", url="http://h/v1", model="m")),
        (
            "{backend: cloud, provider: zai, model: m, api_key: k}",
            Variant("cloud", provider="zai", model="m", api_key="k"),
        ),
        (
            "{backend: cloud, provider: p, model: m, url: 'https://h/v1', key_file: /k}",
            Variant("cloud", provider="p", model="m", url="https://h/v1", key_file="/k"),
        ),
    ],
)
def test_each_backend_has_its_keys(load_files: Load, text: str, meant: Variant) -> None:
    """The contract's variants are accepted and mean what they say."""
    assert (meant,) == load_files(p=f"name: p\nvariants: [{text}]").profiles["p"].variants


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "{backend: lamacpp, path: x}",
            "2:22: variants[0].backend: unknown backend 'lamacpp'; did you mean 'llamacpp'?",
        ),
        ("{path: x}", "2:12: variants[0]: the key 'backend' is missing; choose from llamacpp, mlx, vllm"),
        ("{backend: llamacpp}", "2:12: variants[0]: backend llamacpp needs 'path'"),
        ("{backend: llamacpp, hf: a/b}", "2:12: variants[0]: 'hf' and 'file' go together"),
        ("{backend: mlx}", "2:12: variants[0]: backend mlx needs 'hf' or 'path'"),
        ("{backend: vllm}", "2:12: variants[0]: backend vllm needs 'hf' or 'path'"),
        ("{backend: ollama}", "2:12: variants[0]: the key 'tag' is missing"),
        ("{backend: openai, model: m}", "2:12: variants[0]: the key 'url' is missing"),
        ("{backend: cloud, provider: p}", "2:12: variants[0]: the key 'model' is missing"),
        (
            "{backend: cloud, provider: opnai, model: m}",
            "2:12: variants[0]: the provider 'opnai' is not known: write its 'url', or did you mean 'openai'?",
        ),
        (
            "{backend: cloud, provider: p, model: m, url: 'http://h/v1'}",
            "2:12: variants[0]: 'http://h/v1' is not encrypted, so the key",
        ),
        (
            "{backend: cloud, provider: xai, model: m, api_key: k, key_file: f}",
            "2:12: variants[0]: 'api_key' and 'key_file' are two places for one key",
        ),
        ("{backend: llamacpp, path: x, tag: y}", "2:41: 'tag' belongs to ollama, not to backend llamacpp, whose keys"),
        ("{backend: llamacpp, path: x, pth: y}", "2:41: unknown key 'pth'; did you mean 'path'?"),
        ("{backend: vllm, hf: a/b, tensor_parallel: 0}", "2:54: variants[0].tensor_parallel: 0 is neither auto nor"),
        ("x", "2:12: variants[0]: expected a mapping, not 'x'"),
    ],
)
def test_mistakes_are_told_at_their_place(problems: Problems, text: str, problem: str) -> None:
    """A missing key is reported at the variant, an unknown one at the key."""
    [line] = problems(p=f"name: p\nvariants: [{text}]")
    assert f"p.yaml:{problem}" == line[: len(f"p.yaml:{problem}")]


def test_an_engine_that_a_package_adds_has_any_keys(
    load_files: Load, problems: Problems, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name is known by its entry point alone, and so is that of its command; a name without one is a mistake."""
    monkeypatch.setattr("hostd.config.variants.registered", lambda: ("tenth",))
    monkeypatch.setattr("hostd.config.host_file.registered", lambda: ("tenth",))
    host = "backends: {tenth: {command: [x, y]}}"
    settings = load_files(host, p="name: p\nvariants: [{backend: tenth, model: m, url: 'http://h'}]")
    assert (Variant("tenth", model="m", url="http://h"),) == settings.profiles["p"].variants
    assert {"tenth": ("x", "y")} == settings.commands
    [line] = problems("backends: {eleventh: {command: [x]}}", p="name: p\nvariants: [{backend: tenth, model: m}]")
    assert line.startswith("hostd.yaml:1:12: unknown key 'eleventh'")
    [line] = problems("", p="name: p\nvariants: [{backend: tent, model: m}]")
    assert line.endswith("unknown backend 'tent'; did you mean 'tenth'?")
    [line] = problems("", p="name: p\nvariants: [{backend: tenth, mode: m}]")
    assert line.endswith("unknown key 'mode'; did you mean 'model'?")
