"""Codex, which speaks OpenAI's Responses API."""

import json

from hostd.cli.agents.agent_program import KEY_VARIABLE, AgentCommand, AgentProgram, ModelAddress


def command(model: ModelAddress, _folder: str) -> AgentCommand:
    """Return a command that overrides the provider and the model of the user's ``config.toml`` for this run."""
    settings: dict[str, str | int] = {
        "model_provider": "hostd",
        "model_providers.hostd.name": "hostd",
        "model_providers.hostd.base_url": model.openai_url,
        "model_providers.hostd.wire_api": "responses",
        "model": model.model,
    }
    if model.context is not None:
        settings["model_context_window"] = model.context
    environment: dict[str, str] = {}
    if model.key is not None:
        settings["model_providers.hostd.env_key"] = KEY_VARIABLE
        environment[KEY_VARIABLE] = model.key
    # Text in JSON is text in TOML.
    overrides = [f"{key}={json.dumps(value)}" for key, value in settings.items()]
    return AgentCommand(environment, arguments=tuple(word for override in overrides for word in ("-c", override)))


CODEX = AgentProgram(
    name="codex",
    title="Codex",
    executable="codex",
    install="npm install -g @openai/codex",
    command=command,
    opening_tokens=10_000,
)
