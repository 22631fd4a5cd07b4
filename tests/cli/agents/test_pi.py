"""How pi is told of a model."""

import json

from hostd.cli.agents.agent_program import ModelAddress
from hostd.cli.agents.pi import command


def test_an_extension_adds_a_provider() -> None:
    """The provider and the model are chosen by arguments."""
    made = command(ModelAddress("http://127.0.0.1:1", "org/coder", 65_536), "/folder")
    ((path, script),) = made.files.items()
    assert ("--extension", path, "--provider", "hostd", "--model", "org/coder") == made.arguments
    said = json.loads(script[script.index(", {") + 2 : script.rindex(")")])
    assert "http://127.0.0.1:1/v1" == said["baseUrl"]
    assert (65_536, 16_384) == (said["models"][0]["contextWindow"], said["models"][0]["maxTokens"])


def test_an_unknown_context_is_a_usual_one() -> None:
    """It has to be told some."""
    (script,) = command(ModelAddress("", "x"), "/folder").files.values()
    assert '"contextWindow": 32768' in script


def test_the_extension_reads_a_key_from_a_variable() -> None:
    """It does not stand in the script."""
    made = command(ModelAddress("", "x", key="secret"), "/folder")
    (script,) = made.files.values()
    assert ("secret" not in script, {"HOSTD_API_KEY": "secret"}) == (True, made.environment)
    assert script.endswith(", {apiKey: process.env.HOSTD_API_KEY}));\n")
