"""llama-server's words for a profile, and where the program is looked for."""

import importlib.util
import struct
import sys
from pathlib import Path

import pytest

from hostd.backends.llamacpp import command_line as llamacpp
from hostd.backends.llamacpp.build import LAUNCHER
from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.domain.errors import EngineError
from hostd.domain.profile import Capabilities, Flag, Profile, Variant
from hostd.domain.reason import ExitClass

WHEEL = (sys.executable, "-P", "-u", str(LAUNCHER))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file that passes for a text model."""
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF" + bytes(64))
    return path


@pytest.fixture
def bare_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> set[str]:
    """A host on which only the modules in the returned set, and the programs in *tmp_path*, are installed."""
    installed: set[str] = set()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in installed else None)
    return installed


def words(profile: Profile, path: Path) -> str:
    """Return the flags for *profile*, joined, after the fixed beginning."""
    joined = " ".join(llamacpp.arguments(profile, path, 4711))
    return joined.removeprefix(f"-m {path} --host 127.0.0.1 --port 4711 --alias {profile.name} ")


def test_context_is_what_one_request_may_use(model: Path) -> None:
    """llama-server divides its context among its slots, so it is given that many times as much."""
    assert "-c 8192 -np 4 --metrics" == words(Profile("m", (), context=2048, slots=4), model)


def test_without_a_context_the_model_decides_and_slots_share(model: Path) -> None:
    """No ``-c`` is passed, and one KV cache serves all slots, so that a lone request may use all of it."""
    launch = LlamaCpp((sys.executable,)).launch(
        Profile("m", (), slots=2), Variant("llamacpp", path=str(model)), None, 4711, "k"
    )
    assert "-np 2 --metrics" == words(Profile("m", (), slots=2), model)
    assert "1" == launch.env["LLAMA_ARG_KV_UNIFIED"]


def test_a_quantised_cache_is_asked_for_twice(model: Path) -> None:
    """Keys and values have a type each."""
    assert "-np 1 --metrics -ctk q8_0 -ctv q8_0" == words(Profile("m", (), kv_type="q8_0"), model)


def test_a_text_model_embeds_with_its_last_token(model: Path) -> None:
    """Without a pooling llama-server would answer 400 to every embeddings request."""
    profile = Profile("m", (), capabilities=Capabilities(embeddings=True))
    assert "-np 1 --metrics --embeddings --pooling last" == words(profile, model)


def test_a_model_that_ranks_reads_a_pair_at_once(model: Path) -> None:
    """Its score is that of all tokens."""
    profile = Profile("m", (), context=1024, capabilities=Capabilities(rerank=True))
    assert "-c 1024 -np 1 --metrics --reranking -b 1024 -ub 1024" == words(profile, model)


def test_an_encoder_that_decides_reads_all_at_once(model: Path) -> None:
    """Other kinds read their prompt in batches, as models for text do."""
    profile = Profile("m", (), context=1024, capabilities=Capabilities(decisions=True))
    assert "-c 1024 -np 1 --metrics" == words(profile, model)
    model.write_bytes(b"GGUF" + b"bert.decision.type" + struct.pack("<IQ", 8, 4) + b"laya" + bytes(99))
    assert "-c 1024 -np 1 --metrics -b 1024 -ub 1024" == words(profile, model)


def test_pooling_over_all_tokens_gets_a_batch_that_holds_them(model: Path) -> None:
    """llama-server answers 500 to an input that is longer than its physical batch."""
    profile = Profile("m", (), context=1024, args={"pooling": "mean"}, capabilities=Capabilities(embeddings=True))
    assert "-c 1024 -np 1 --metrics --embeddings -b 1024 -ub 1024 --pooling mean" == words(profile, model)


@pytest.mark.parametrize(
    ("name", "value", "flag"),
    [
        ("ubatch-size", 256, ("--ubatch-size", "256")),
        ("jinja", True, ("--jinja",)),
        ("warmup", False, ("--no-warmup",)),
        ("flash-attn", True, ("--flash-attn", "on")),
        ("flash-attn", False, ("--flash-attn", "off")),
        ("chat-template", "a; rm -rf /", ("--chat-template", "a; rm -rf /")),
    ],
)
def test_args_become_flags(name: str, value: Flag, flag: tuple[str, ...]) -> None:
    """Values are single words, whatever they hold, and YAML's ``on`` does not turn into a bare flag."""
    assert flag == tuple(llamacpp.flags({name: value}))


def test_llamacpp_is_looked_for_in_order(bare_host: set[str], tmp_path: Path) -> None:
    """PATH before the xllamacpp wheel before llama-cpp-python, and the default command means the same as none."""
    bare_host.add("llama_cpp")
    assert (sys.executable, "-P", "-u", "-m", "llama_cpp.server") == llamacpp.locate(())
    bare_host.add("xllamacpp")
    assert WHEEL == llamacpp.locate(("llama-server",))
    (tmp_path / "llama-server").touch(mode=0o755)
    assert (str(tmp_path / "llama-server"),) == llamacpp.locate(())


def test_a_missing_command_is_named() -> None:
    """Nothing else is tried in its place."""
    with pytest.raises(EngineError, match="the command '/no/such/engine' was not found") as caught:
        llamacpp.locate(("/no/such/engine", "--x"))
    assert ExitClass.MISSING_FILE == caught.value.exit_class
