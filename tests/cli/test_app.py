"""What holds for every verb."""

from collections.abc import Callable

import pytest

from hostd import __version__
from tests.cli.recorded import Daemon, Ran

VERBS = (
    "serve",
    "init",
    "inventory",
    "plan",
    "ps",
    "ls",
    "show",
    "load",
    "unload",
    "pull",
    "probe",
    "chat",
    "keys",
    "launch",
    "queue",
    "requests",
    "cost",
    "report",
    "why",
    "events",
    "top",
    "logs",
    "reload",
    "simulate",
    "doctor",
    "config",
    "service",
    "version",
)


def test_help_lists_every_verb(hostd: Callable[..., Ran]) -> None:
    """The verbs are all there, each with its sentence."""
    ran = hostd("--help")
    assert 0 == ran.code
    commands = ran.out.strip().split("\n\n")[-1].splitlines()[1:]
    assert sorted(VERBS) == sorted(line.split()[0] for line in commands)
    assert not any("..." in line for line in commands)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(hostd: Callable[..., Ran], verb: str) -> None:
    """Each verb has a help page."""
    ran = hostd(verb, "--help")
    assert (0, "") == (ran.code, ran.err)
    assert f"hostd {verb}" in ran.out


@pytest.mark.parametrize(
    ("typo", "nearest"),
    [("lod", "'load'"), ("verison", "'version'"), ("chta", "'chat'"), ("hsow", "'show'"), ("confg", "'config'")],
)
def test_a_typo_names_the_nearest_verb(hostd: Callable[..., Ran], typo: str, nearest: str) -> None:
    """A verb that does not exist is a usage error that names one that does."""
    ran = hostd(typo)
    assert (2, "") == (ran.code, ran.out)
    assert f"'{typo}'" in ran.err
    assert nearest in ran.err


def test_a_wrong_option_is_a_usage_error(hostd: Callable[..., Ran]) -> None:
    """An option that does not exist names the nearest that does."""
    ran = hostd("ps", "--jsn")
    assert (2, "") == (ran.code, ran.out)
    assert "--json" in ran.err


def test_a_missing_model_is_a_usage_error(hostd: Callable[..., Ran]) -> None:
    """A verb that needs a model says so."""
    ran = hostd("load")
    assert (2, "") == (ran.code, ran.out)
    assert "MODEL" in ran.err


def test_the_version_is_an_option_too(hostd: Callable[..., Ran]) -> None:
    """``--version`` before a verb prints the version and nothing else."""
    assert Ran(0, f"hostd {__version__}\n", "") == hostd("--version", "ps")


@pytest.mark.parametrize("verb", ["ps", "ls", "show x", "load x", "unload x", "chat x hi", "queue", "logs x"])
def test_every_verb_without_a_daemon_exits_with_3(hostd: Callable[..., Ran], verb: str) -> None:
    """Whatever is asked of a daemon that is not there, the answer is how to start it."""
    ran = hostd(*verb.split(), "--url", "127.0.0.1:1")
    assert (3, "") == (ran.code, ran.out)
    assert "hostd: no hostd answers at http://127.0.0.1:1 (connection refused); start it with: hostd serve" in ran.err


def test_no_permission_exits_with_4(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """A daemon that wants a key is told from one that is broken."""
    daemon.refuse("GET /hostd/v1/status", 401, "this host asks for a key", "invalid_api_key")
    assert Ran(4, "", "hostd: this host asks for a key\n") == hostd("ps", "--url", daemon.url)
