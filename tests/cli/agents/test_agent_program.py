"""What agents' programs are run with."""

from hostd.cli.agents.agent_program import AgentCommand, ModelAddress


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
