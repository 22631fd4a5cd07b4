"""``hostd serve``, up to the door of the daemon."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hostd.demo import settings_file
from hostd.domain.profile import Settings
from tests.cli.recorded import Ran


@dataclass
class Door(ModuleType):
    """Stands where the daemon's module is, and writes down what it is run with."""

    result: int = 0
    called: list[dict[str, Any]] = field(default_factory=list)

    def run(self, settings: Settings, **options: Any) -> int:
        """Take note instead of serving."""
        self.called.append({"settings": settings} | options)
        return self.result


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    """The daemon's module is replaced for one test."""
    door = Door()
    monkeypatch.setitem(sys.modules, "hostd.daemon", door)
    return door


def test_the_files_reach_the_daemon(door: Door, hostd: Callable[..., Ran], tmp_path: Path) -> None:
    """The named file's settings are served with the usual log."""
    file = tmp_path / "hostd.yaml"
    file.write_text('server: {listen: "127.0.0.1:2"}\n')
    assert Ran(0, "", "") == hostd("serve", "--config", str(file))
    (called,) = door.called
    assert ("127.0.0.1:2",) == called["settings"].listen
    assert ("auto", "info", False) == (called["log_format"], called["log_level"], called["demo"])


def test_addresses_and_log_can_be_chosen(door: Door, hostd: Callable[..., Ran]) -> None:
    """What is given by hand takes the place of what the files say."""
    ran = hostd(
        "serve", "--listen", "127.0.0.1:0", "--listen", "unix:/run/h", "--log-format", "json", "--log-level", "debug"
    )
    (called,) = door.called
    assert 0 == ran.code
    assert ("127.0.0.1:0", "unix:/run/h") == called["settings"].listen
    assert ("json", "debug") == (called["log_format"], called["log_level"])


def test_the_demonstration_brings_its_own_files(door: Door, hostd: Callable[..., Ran]) -> None:
    """The models that come with hostd are served, and the daemon knows that it is a demonstration."""
    hostd("serve", "--demo")
    (called,) = door.called
    assert str(settings_file()) == called["settings"].source
    assert called["demo"]


def test_keys_that_cannot_be_read_are_not_served(door: Door, hostd: Callable[..., Ran], tmp_path: Path) -> None:
    """R5: whoever declares keys relies on them; where there are none yet, nobody is let in, and that is said."""
    file, keys = tmp_path / "hostd.yaml", tmp_path / "k.yaml"
    file.write_text("keys: {file: k.yaml}\n")
    assert "hostd keys create NAME" in hostd("serve", "--config", str(file)).err
    assert str(keys) == door.called[0]["settings"].keys.file
    keys.write_text("keys: [")
    assert (78, 1) == (hostd("serve", "--config", str(file)).code, len(door.called))


def test_the_daemons_result_is_the_exit_code(door: Door, hostd: Callable[..., Ran]) -> None:
    """A daemon that fails makes the verb fail alike."""
    door.result = 1
    assert 1 == hostd("serve").code


def test_bad_files_are_not_served(door: Door, hostd: Callable[..., Ran], tmp_path: Path) -> None:
    """Every problem is told, and nothing is started."""
    file = tmp_path / "hostd.yaml"
    file.write_text("limits: {max_queeu: 1}\nrolls: {}\n")
    ran = hostd("serve", "--config", str(file))
    assert (78, "", []) == (ran.code, ran.out, door.called)
    assert 2 == len(ran.err.splitlines())


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (("--demo", "--config", "x.yaml"), "--demo brings its own configuration"),
        (("--listen", "nowhere"), "--listen: 'nowhere' is no address to listen on"),
        (("--listen", "0.0.0.0:11435"), "--listen: '0.0.0.0:11435' is open to other machines"),
        (("--log-format", "xml"), "--log-format"),
    ],
)
def test_options_that_make_no_sense_are_usage_errors(
    door: Door, hostd: Callable[..., Ran], argv: tuple[str, ...], reason: str
) -> None:
    """What cannot be is refused before anything starts."""
    ran = hostd("serve", *argv)
    assert (2, []) == (ran.code, door.called)
    assert reason in ran.err
