"""OpenCode, which speaks OpenAI's chat completions."""

import json

from hostd.cli.agents.agent_program import AgentCommand, AgentProgram, ModelAddress

_PROVIDER = "hostd"


def command(model: ModelAddress, _folder: str) -> AgentCommand:
    """Return a command with a configuration that is merged over the user's own, for titles as well."""
    served: dict[str, object] = {"name": model.model, "tool_call": True}
    if model.context is not None:
        served["limit"] = {"context": model.context, "output": model.output_tokens}
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "hostd",
        "options": {"baseURL": model.openai_url, "apiKey": model.told_key},
        "models": {model.model: served},
    }
    name = f"{_PROVIDER}/{model.model}"
    config = {"provider": {_PROVIDER: provider}, "model": name, "small_model": name}
    return AgentCommand({"OPENCODE_CONFIG_CONTENT": json.dumps(config)})


OPENCODE = AgentProgram(
    name="opencode",
    title="OpenCode",
    executable="opencode",
    install="npm install -g opencode-ai",
    command=command,
    opening_tokens=8_000,
)
