"""Secret flags go by the environment where the build has a variable for them."""

from pathlib import Path

import pytest

from hostd.backends.llamacpp.build import LAUNCHER
from hostd.backends.llamacpp.help_page import HelpPages
from hostd.backends.llamacpp.secret_flags import moved
from hostd.domain.profile import Profile
from hostd.domain.secret import Secret
from tests.backends.llamacpp.test_help_page import HELP

SECRET = Secret("sk-0123456789", "${env:KEY}")


def profile(**args: str) -> Profile:
    """Return a profile with these flags."""
    return Profile("alpha", (), args={name.replace("_", "-"): value for name, value in args.items()})


def server(folder: Path, name: str = "llama-server") -> tuple[str, ...]:
    """Return a program that prints the help."""
    program = folder / name
    program.write_text(f"#!/bin/sh\ntouch {folder / 'asked'}\ncat <<'END'\n{HELP}\nEND\n")
    program.chmod(0o755)
    return (str(program),)


@pytest.mark.parametrize("program", [None, ("python", "-P", str(LAUNCHER))], ids=["llama-server", "wheel"])
def test_a_secret_moves_into_the_environment(program: tuple[str, ...] | None, tmp_path: Path) -> None:
    """The other flags stay where they are."""
    asked = profile(threads="2", chat_template=SECRET)
    left, variables = moved(program or server(tmp_path), asked, {"PATH": "/bin:/usr/bin"}, HelpPages())
    assert {"threads": "2"} == dict(left.args)
    assert {"LLAMA_ARG_CHAT_TEMPLATE": "sk-0123456789"} == variables


def test_a_flag_without_a_variable_stays(tmp_path: Path) -> None:
    """The engine has to be told somehow."""
    asked = profile(grammar=SECRET)
    assert (asked, {}) == moved(server(tmp_path), asked, {"PATH": "/bin:/usr/bin"}, HelpPages())


@pytest.mark.parametrize(("name", "value"), [("llama-server", "plain"), ("my-server", SECRET)])
def test_nothing_is_run_without_need(name: str, value: str, tmp_path: Path) -> None:
    """Without a secret there is nothing to ask; and a program of another name might begin to serve."""
    asked = profile(chat_template=value)
    assert (asked, {}) == moved(server(tmp_path, name), asked, {"PATH": "/bin:/usr/bin"}, HelpPages())
    assert not (tmp_path / "asked").exists()
