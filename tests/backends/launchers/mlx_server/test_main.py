"""The command line of the launcher."""

import argparse
import sys
from types import ModuleType, SimpleNamespace

import pytest

from hostd.backends.launchers.mlx_server.__main__ import arguments, known, main, tune
from hostd.backends.mlx.command_line import arguments as hostd_says
from hostd.domain.profile import Profile


def test_what_hostd_says_is_understood_and_the_rest_is_the_servers() -> None:
    """Every flag of the widest profile is the launcher's own."""
    said = list(hostd_says(Profile("m", (), context=512, slots=2, kv_type="q4_0")))
    own, rest = arguments(["--served-model-name", "m", *said, "--model", "/m", "--temp", "0.5"])
    assert (512, 1, 4, "m") == (own.context, own.decode_concurrency, own.kv_bits, own.served_model_name)
    assert ["--model", "/m", "--temp", "0.5"] == rest


def test_a_setting_that_a_build_lacks_is_left_out_with_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """It is not passed blindly."""
    own, _ = arguments(["--served-model-name", "m", "--decode-concurrency", "3", "--prompt-cache-size", "5"])
    args = argparse.Namespace(decode_concurrency=32)
    tune(args, own)
    assert argparse.Namespace(decode_concurrency=3) == args
    assert "warning: this mlx-lm does not know --prompt-cache-size, so it was left out\n" == capsys.readouterr().err


def test_what_is_extended_must_be_there() -> None:
    """At any depth."""
    upstream = SimpleNamespace(Handler=SimpleNamespace(run=1))
    assert known(upstream, "Handler.run")
    assert not known(upstream, "Handler.walk")
    assert not known(upstream, "Other.run")


def test_a_release_with_other_insides_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what it lacks, and what to install; and so is a Python without it."""
    for name in ("mlx_lm", "mlx", "mlx.core", "mlx_lm.server"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setattr("importlib.metadata.version", lambda _: "9.9")
    with pytest.raises(SystemExit, match=r"mlx-lm \(9\.9\) has no ModelProvider\.load_default.*pip install"):
        main(["--served-model-name", "m"], "k")
    monkeypatch.setitem(sys.modules, "mlx_lm.server", None)
    with pytest.raises(SystemExit, match="cannot import mlx-lm"):
        main(["--served-model-name", "m"], "k")
