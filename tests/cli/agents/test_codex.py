"""How Codex is told of a model."""

import tomllib

from hostd.cli.agents.agent_program import ModelAddress
from hostd.cli.agents.codex import command


def test_overrides_name_a_provider_of_their_own() -> None:
    """Each override is TOML, names with odd letters included; nothing is written to a file."""
    made = command(ModelAddress("http://127.0.0.1:1", 'org/a"b', 65_536), "")
    assert {"-c"} == set(made.arguments[::2])
    said = tomllib.loads("\n".join(made.arguments[1::2]))
    provider = {"name": "hostd", "base_url": "http://127.0.0.1:1/v1", "wire_api": "responses"}
    assert {"hostd": provider} == said["model_providers"]
    assert ("hostd", 'org/a"b', 65_536) == (said["model_provider"], said["model"], said["model_context_window"])
    assert not made.files


def test_an_unknown_context_is_not_said() -> None:
    """It keeps its own idea then."""
    assert not any("context" in word for word in command(ModelAddress("", "x"), "").arguments)


def test_a_key_is_named_by_its_variable() -> None:
    """Where the daemon asks for none, no variable has to be there."""
    made = command(ModelAddress("", "x", key="secret"), "")
    assert 'model_providers.hostd.env_key="HOSTD_API_KEY"' in made.arguments
    assert {"HOSTD_API_KEY": "secret"} == made.environment
    assert not any("env_key" in word for word in command(ModelAddress("", "x"), "").arguments)
