"""How OpenCode is told of a model."""

import json
from typing import Any

from hostd.cli.agents.agent_program import ModelAddress
from hostd.cli.agents.opencode import command


def configured(context: int | None) -> Any:
    """Return the configuration for a model with *context*."""
    return json.loads(
        command(ModelAddress("http://127.0.0.1:1", "org/coder", context), "").environment["OPENCODE_CONFIG_CONTENT"]
    )


def test_a_provider_is_added_and_used_for_all() -> None:
    """Titles, for which it takes a small model, are asked of the same one."""
    config = configured(32_768)
    assert "hostd/org/coder" == config["model"] == config["small_model"]
    provider = config["provider"]["hostd"]
    assert "http://127.0.0.1:1/v1" == provider["options"]["baseURL"]
    assert {"context": 32_768, "output": 8192} == provider["models"]["org/coder"]["limit"]


def test_an_unknown_context_is_no_limit() -> None:
    """Without limits it does not cut conversations."""
    assert "limit" not in configured(None)["provider"]["hostd"]["models"]["org/coder"]
