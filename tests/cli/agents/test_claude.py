"""How Claude Code is told of a model."""

import json

from hostd.cli.agents.agent_program import ModelAddress
from hostd.cli.agents.claude import command

URL = "http://127.0.0.1:11435"


def test_every_tier_asks_for_the_same_model() -> None:
    """Whatever it wants a small or a large model for, this one is asked, without /v1 in the address."""
    environment = command(ModelAddress(URL, "coder", 65_536), "").environment
    assert URL == environment["ANTHROPIC_BASE_URL"]
    assert {"coder"} == {value for name, value in environment.items() if "MODEL" in name}
    assert {"ANTHROPIC_MODEL", "ANTHROPIC_DEFAULT_HAIKU_MODEL", "CLAUDE_CODE_SUBAGENT_MODEL"} < set(environment)


def test_prompts_begin_alike() -> None:
    """What would vary at the beginning of its prompts is off."""
    environment = command(ModelAddress(URL, "coder"), "").environment
    assert ("0", "off") == (
        environment["CLAUDE_CODE_ATTRIBUTION_HEADER"],
        environment["CLAUDE_CODE_TOTAL_TOKENS_REMINDER"],
    )


def test_the_context_is_said_where_it_is_known() -> None:
    """It takes a model that it does not know for one of a million tokens."""
    known = command(ModelAddress(URL, "coder", 32_768), "").environment
    assert ("32768", "8192") == (known["CLAUDE_CODE_MAX_CONTEXT_TOKENS"], known["CLAUDE_CODE_MAX_OUTPUT_TOKENS"])
    assert not any("_TOKENS" in name for name in command(ModelAddress(URL, "coder"), "").environment if "MAX" in name)


def test_its_users_settings_do_not_win() -> None:
    """They may hold variables of their own, which only settings of the command line come before."""
    made = command(ModelAddress(URL, "coder"), "/folder")
    option, path = made.arguments
    settings = json.loads(made.files[path])
    assert ("--settings", True) == (option, path.startswith("/folder/"))
    assert made.environment.items() < settings["env"].items()
    assert {""} == {settings["env"][name] for name in made.unset}


def test_keys_of_others_are_kept_from_the_daemon() -> None:
    """A key for Anthropic itself, or a switch to another cloud, would come before the address."""
    assert {"ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_BEDROCK"} < set(command(ModelAddress(URL, "coder"), "").unset)
