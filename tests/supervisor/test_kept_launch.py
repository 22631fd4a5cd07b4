"""Two launches with the same digest make the same engine."""

from dataclasses import replace
from pathlib import Path

import pytest

from hostd.backends.contract import Endpoint, Launch
from hostd.supervisor.kept_launch import address_of, launch_digest

AT = Endpoint("http://127.0.0.1:8123", "alpha")


def test_the_address_is_a_socket_or_a_port() -> None:
    """As the engine was told it."""
    assert ("8123", "/run/a.sock") == (address_of(AT), address_of(replace(AT, socket="/run/a.sock")))


def test_words_variables_and_files_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag, a variable of the owner's, a program or weights that were replaced; but no variable of the daemon's own."""
    program, weights = tmp_path / "engine", tmp_path / "weights"
    program.write_text("one")
    weights.write_bytes(b"w" * (1 << 20) + b"1")
    launch = Launch((str(program), "-m", str(weights)), {"PATH": "/bin", "KEY": "k"}, AT, "/health", 1)
    monkeypatch.setenv("PATH", "/bin")
    first = launch_digest(launch)
    assert first == launch_digest(replace(launch))
    monkeypatch.setenv("PATH", "/usr/bin")
    assert first == launch_digest(replace(launch, env={"PATH": "/usr/bin", "KEY": "k"}))
    others = [
        launch_digest(replace(launch, argv=(*launch.argv, "-np", "2"))),
        launch_digest(replace(launch, env={"PATH": "/usr/bin", "KEY": "other"})),
        launch_digest(replace(launch, env={"PATH": "/usr/bin", "KEY": "k"}, devices={"CUDA_VISIBLE_DEVICES": "1"})),
    ]
    program.write_text("two")
    others.append(launch_digest(replace(launch, env={"PATH": "/usr/bin", "KEY": "k"})))
    program.write_text("one")
    weights.write_bytes(b"w" * (1 << 20) + b"22")
    others.append(launch_digest(replace(launch, env={"PATH": "/usr/bin", "KEY": "k"})))
    assert 6 == len({first, *others})
