"""How goose is told of a model."""

from hostd.cli.agents.agent_program import ModelAddress
from hostd.cli.agents.goose import command


def test_variables_name_host_path_and_context() -> None:
    """The host and the path below it are two variables."""
    environment = command(ModelAddress("http://127.0.0.1:1", "coder", 65_536), "").environment
    assert ("http://127.0.0.1:1", "v1/chat/completions") == (
        environment["OPENAI_HOST"],
        environment["OPENAI_BASE_PATH"],
    )
    assert ("coder", "65536") == (environment["GOOSE_MODEL"], environment["GOOSE_CONTEXT_LIMIT"])
    assert "GOOSE_CONTEXT_LIMIT" not in command(ModelAddress("", "coder"), "").environment
