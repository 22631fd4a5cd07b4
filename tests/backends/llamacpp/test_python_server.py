"""The flags and the habits of llama-cpp-python's server."""

import sys
from pathlib import Path

import pytest

from hostd.backends.llamacpp import python_server
from hostd.domain.errors import EngineError
from hostd.domain.profile import Capabilities, Flag, Profile
from hostd.domain.reason import ExitClass


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file that passes for a text model."""
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF" + bytes(64))
    return path


def flags(profile: Profile, path: Path) -> dict[str, str]:
    """Return the flags for *profile* by name."""
    words = python_server.arguments(profile, path, 4711)
    return dict(word.removeprefix("--").split("=", 1) for word in words)


def test_a_stream_is_never_cut_by_the_next_request(model: Path) -> None:
    """The server's own default would end a running answer as if it were complete."""
    seen = flags(Profile("m", (), context=2048, slots=4), model)
    assert "false" == seen["interrupt_requests"]
    assert ("2048", "127.0.0.1", "4711", "m") == (seen["n_ctx"], seen["host"], seen["port"], seen["model_alias"])


def test_a_model_keeps_its_own_context(model: Path) -> None:
    """Without a declared context the server is told to take the model's, not its own default of 2048."""
    assert "0" == flags(Profile("m", ()), model)["n_ctx"]


def test_a_quantised_cache_brings_flash_attention(model: Path) -> None:
    """``q8_0`` is type 8, for keys and values, and needs flash attention."""
    seen = flags(Profile("m", (), kv_type="q8_0"), model)
    assert ("8", "8", "true") == (seen["type_k"], seen["type_v"], seen["flash_attn"])


def test_an_unknown_cache_type_is_refused(model: Path) -> None:
    """The error lists the types that exist."""
    with pytest.raises(EngineError, match="kv_type 'q9' is unknown; use f32, f16"):
        flags(Profile("m", (), kv_type="q9"), model)


@pytest.mark.parametrize(
    ("name", "value", "own", "text"),
    [
        ("ubatch-size", 256, "n_ubatch", "256"),
        ("n-gpu-layers", 0, "n_gpu_layers", "0"),
        ("flash-attn", "on", "flash_attn", "true"),
        ("use_mmap", False, "use_mmap", "false"),
        ("rope-freq-base", 1e6, "rope_freq_base", "1000000.0"),
    ],
)
def test_flags_of_llama_server_are_translated(model: Path, name: str, value: Flag, own: str, text: str) -> None:
    """A profile's ``args`` are written for llama-server; the common ones mean the same here."""
    assert text == flags(Profile("m", (), args={name: value}), model)[own]


def test_embeddings_need_a_model_that_pools(model: Path) -> None:
    """One vector per token is not what an embeddings request asks for."""
    with pytest.raises(EngineError, match="install llama-server"):
        flags(Profile("m", (), capabilities=Capabilities(embeddings=True)), model)


def test_a_developer_speaks_as_the_system() -> None:
    """The role that this server does not know is renamed, and nothing else is touched."""
    body = {"messages": [{"role": "developer", "content": "x"}, {"role": "user", "content": "y"}], "seed": 1}
    expected = {"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "y"}], "seed": 1}
    assert expected == python_server.adapt(body)


def test_a_bias_for_a_word_is_dropped() -> None:
    """Only numbers of tokens can be biased here."""
    assert {"logit_bias": {"7": -1}} == python_server.adapt({"logit_bias": {"foo": 0, "7": -1}})


@pytest.mark.parametrize("body", [{}, {"messages": "x"}, {"messages": [1, {"role": "user"}]}, {"logit_bias": {"7": 1}}])
def test_other_bodies_pass_untouched(body: dict[str, object]) -> None:
    """Whatever needs no change is not written again, however odd it is."""
    assert python_server.adapt(body) is None


@pytest.fixture
def python(tmp_path: Path) -> tuple[str, ...]:
    """A Python that would import a llama_cpp whose server has two settings."""
    package = tmp_path / "llama_cpp"
    (package / "server").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit(3)")
    (package / "server" / "settings.py").write_text("class A:\n    n_ubatch: int = Field()\n    flash_attn: bool = 0\n")
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\ncd {tmp_path} && exec {sys.executable} "$@"\n')
    program.chmod(0o755)
    return (str(program), "-m", python_server.MODULE)


def test_flags_are_known_from_the_servers_source(python: tuple[str, ...]) -> None:
    """It is not imported, for that takes a second; its refusal is in its own words."""
    python_server.check(python, Profile("m", (), args={"ubatch-size": 1, "flash-attn": True}))
    with pytest.raises(EngineError, match="error: unrecognized arguments: --bogus; correct") as raised:
        python_server.check(python, Profile("m", (), args={"bogus": 1}))
    assert ExitClass.BAD_FLAG == raised.value.exit_class


def test_a_server_whose_source_is_not_found_is_trusted() -> None:
    """Its start will tell."""
    python_server.check(("/bin/false", "-m", python_server.MODULE), Profile("m", (), args={"bogus": 1}))
