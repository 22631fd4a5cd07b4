"""What agents' programs are run with."""

import pytest

from hostd.cli.agents.agent_program import AgentCommand, ModelAddress
from hostd.cli.agents.registry import AGENTS

KEY = "hostd_secret"


def test_an_address_is_written_as_openais_clients_want_it() -> None:
    """Below ``/v1``."""
    assert "http://127.0.0.1:1/v1" == ModelAddress("http://127.0.0.1:1", "x").openai_url


def test_answers_leave_room_for_prompts() -> None:
    """An answer has a quarter of the context, and no more than the program's own limit; without a context nothing is said."""
    sizes = [ModelAddress("", "x", context).output_tokens for context in (8192, 131_072, 1_000_000, None)]
    assert [2048, 32_000, 32_000, None] == sizes


def test_an_environment_is_changed_where_the_command_says_so() -> None:
    """What is unset is gone, what is set wins, and the rest stays."""
    command = AgentCommand({"A": "new"}, unset=("B",))
    assert {"A": "new", "C": "c"} == command.environment_from({"A": "old", "B": "b", "C": "c"})


@pytest.mark.parametrize("context", [65_536, None])
@pytest.mark.parametrize("name", AGENTS)
def test_a_key_is_in_no_argument(name: str, context: int | None) -> None:
    """R33: every user of a machine can read arguments; the key is in variables, or in a file of the launch."""
    made = AGENTS[name].command(ModelAddress("http://127.0.0.1:1", "coder", context, KEY), "/folder")
    assert KEY not in " ".join(made.arguments)
    assert KEY in "".join([*made.environment.values(), *made.files.values()])
    assert KEY not in repr(made)


@pytest.mark.parametrize("name", AGENTS)
def test_a_masked_key_is_nowhere(name: str) -> None:
    """What is printed has a mask in its place."""
    made = AGENTS[name].command(ModelAddress("http://127.0.0.1:1", "coder", 8192, KEY).masked(), "/folder")
    written = " ".join([*made.arguments, *made.environment.values(), *made.files.values()])
    assert (False, True) == (KEY in written, "***" in written)


def test_a_key_is_not_shown_with_its_model() -> None:
    """In a log, say; without one a program gets a placeholder, and nothing is masked."""
    assert KEY not in repr(ModelAddress("", "x", key=KEY))
    bare = ModelAddress("", "x")
    assert ("hostd", bare) == (bare.told_key, bare.masked())
