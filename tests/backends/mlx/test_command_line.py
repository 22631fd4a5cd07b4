"""The words for ``mlx_lm.server``, and where its Python is looked for."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.backends.mlx import command_line as mlx
from hostd.domain.errors import EngineError
from hostd.domain.profile import Flag, Profile
from hostd.planning.footprint.mlx_serving import MlxServing
from hostd.planning.warm_set.load_option import LoadOption


def flags(profile: Profile) -> dict[str, str]:
    """Return hostd's flags for *profile* by name."""
    words = iter(mlx.arguments(profile))
    return {word.removeprefix("--"): next(words) for word in words}


def test_flags_and_plan_agree() -> None:
    """Both come from one place, which bounds everything that the server would leave open."""
    profile = Profile("m", (), context=2048, slots=4)
    assert {
        "context": "2048",
        "cache-limit": str(512 << 20),
        "decode-concurrency": "4",
        "prompt-concurrency": "4",
        "prefill-step-size": "512",
        "prompt-cache-size": "10",
        "prompt-cache-bytes": str(512 << 20),
    } == flags(profile)
    assert MlxServing(
        context=2048,
        slots=4,
        prompts=4,
        prefill_step=512,
        prompt_cache_bytes=4 << 30,
        cache_limit=64 << 20,
        elastic_prompts=True,
        elastic_buffers=448 << 20,
    ) == mlx.serving(profile)


def test_caches_take_the_shares_that_the_plan_has_given() -> None:
    """Past prompts and freed buffers; none where nothing is left."""
    option = LoadOption(0, "mlx", shares={"prompt-cache-bytes": 7 << 20, "cache-limit": 1 << 20})
    words = list(mlx.arguments(Profile("m", ()), option))
    found = dict(zip(words[::2], words[1::2], strict=True))
    assert (str(7 << 20), str(65 << 20)) == (found["--prompt-cache-bytes"], found["--cache-limit"])
    owners = Profile("m", (), args={"prompt-cache-bytes": 9})
    words = list(mlx.arguments(owners, replace(option, shares={})))
    found = dict(zip(words[::2], words[1::2], strict=True))
    assert ("9", str(64 << 20)) == (found["--prompt-cache-bytes"], found["--cache-limit"])


def test_the_owner_may_change_what_is_estimated() -> None:
    """And the plan follows."""
    args: dict[str, Flag] = {"prefill-step-size": 128, "prompt-cache-size": 3, "prompt-cache-bytes": 1 << 20}
    planned = mlx.serving(Profile("m", (), slots=20, args=args | {"prompt-concurrency": 2}))
    assert (128, 3, 1 << 20, 2) == (
        planned.prefill_step,
        planned.prompt_cache_entries,
        planned.prompt_cache_bytes,
        planned.prompts,
    )
    assert 8 == mlx.serving(Profile("m", (), slots=20)).prompts


def test_the_python_comes_from_the_command_or_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configured one that cannot be followed is never replaced silently."""
    script = tmp_path / "mlx_lm.server"
    script.write_text(f"#!{sys.executable}\n", encoding="utf-8")
    script.chmod(0o755)
    assert sys.executable == mlx.python_of((str(script),))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sys.executable == mlx.python_of(())
    with pytest.raises(EngineError, match=r"correct backends\.mlx\.command"):
        mlx.python_of(("no-such-server",))


def test_a_command_that_the_launcher_cannot_replace_is_refused() -> None:
    """A module that a Python is to run is the server's; another program is something else."""
    assert sys.executable == mlx.python_of((sys.executable, "-m", "mlx_lm.server"))
    with pytest.raises(EngineError, match="neither mlx_lm"):
        mlx.python_of((sys.executable, "engine.py"))


@pytest.mark.skipif(importlib.util.find_spec("mlx_lm") is not None, reason="this Python has mlx-lm itself")
def test_without_any_the_owner_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the words of a shell."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"pip install 'hostd\[mlx\]'"):
        mlx.python_of(())


def test_what_is_loaded_beside_a_model_is_counted(tmp_path: Path) -> None:
    """Drafting takes one request at a time; adapters that cannot be found promise nothing."""
    (tmp_path / "adapters.safetensors").write_bytes(bytes(70))
    found = mlx.serving(Profile("m", (), slots=4, args={"draft-model": "small", "adapter-path": str(tmp_path)}))
    assert ("small", 1, 70, ()) == (found.draft_model, found.slots, found.adapter_bytes, found.unreckoned)
    assert ("adapter-path",) == mlx.serving(Profile("m", (), args={"adapter-path": "/not/here"})).unreckoned
