"""What a build says of itself in its help."""

import sys
from pathlib import Path

import pytest

from hostd.backends.llamacpp.help_page import HelpPages, is_executable, listens_on_sockets, variables

HELP = """
----- common params -----

-h,    --help, --usage                  print usage and exit
-t,    --threads N                      number of CPU threads to use (default: -1)
                                        (env: LLAMA_ARG_THREADS)
-hft,  --hf-token TOKEN                 Hugging Face access token (default: value from HF_TOKEN
                                        environment variable)
                                        (env: HF_TOKEN)
--chat-template JINJA_TEMPLATE          set custom jinja chat template, see also --jinja (env: LLAMA_ARG_CHAT_TEMPLATE)
--grammar GRAMMAR                       BNF-like grammar to constrain generations
--host HOST                             ip address to listen, or bind to an UNIX socket if the address ends
                                        with .sock (default: 127.0.0.1)
                                        (env: LLAMA_ARG_HOST)
"""


def test_the_help_names_the_variables() -> None:
    """Beside the flag or on a line below it; a flag without one has none of its neighbour's."""
    expected = {
        **dict.fromkeys(("t", "threads"), "LLAMA_ARG_THREADS"),
        **dict.fromkeys(("hft", "hf-token"), "HF_TOKEN"),
        "host": "LLAMA_ARG_HOST",
        "chat-template": "LLAMA_ARG_CHAT_TEMPLATE",
    }
    assert expected == variables(HELP)
    assert {} == variables("")


@pytest.mark.parametrize(
    ("text", "knows"),
    [
        ("bind to an UNIX socket if the address ends with .sock", True),
        (HELP, True),
        ("ip address to listen", False),
        ("", False),
    ],
)
def test_the_help_tells_of_sockets(text: str, knows: bool) -> None:
    """However its lines are broken."""
    assert knows is listens_on_sockets(text)


def test_a_build_is_asked_once(tmp_path: Path) -> None:
    """And again after an update; a program of another name is never run."""
    count = tmp_path / "count"
    for name in ("llama-server", "other"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho x >> {count}\necho help\n")
        (tmp_path / name).chmod(0o755)
    pages, env = HelpPages(), {"PATH": "/bin:/usr/bin"}
    assert "" == pages.of((str(tmp_path / "other"),), env)
    assert not count.exists()
    program = (str(tmp_path / "llama-server"),)
    assert ["help\n", "help\n"] == [pages.of(program, env) for _ in range(2)]
    assert 1 == len(count.read_text().split())


def test_scripts_are_told_from_programs(tmp_path: Path) -> None:
    """A script may lead anywhere."""
    (tmp_path / "script").write_text("#!/bin/sh\n")
    assert is_executable(str(Path(sys.executable).resolve()))
    assert not is_executable(str(tmp_path / "script"))
    assert not is_executable(str(tmp_path / "none"))
