"""pi, which speaks OpenAI's chat completions."""

import json

from hostd.cli.agents.agent_program import (
    KEY_VARIABLE,
    MOST_OUTPUT,
    PLACEHOLDER_KEY,
    AgentCommand,
    AgentProgram,
    ModelAddress,
)

_PROVIDER = "hostd"


def command(model: ModelAddress, folder: str) -> AgentCommand:
    """Return a command with an extension that adds a provider for this run; nothing is added to the user's models."""
    served = {
        "id": model.model,
        "name": model.model,
        "reasoning": False,
        "input": ["text"],
        "cost": dict.fromkeys(("input", "output", "cacheRead", "cacheWrite"), 0),
        "contextWindow": model.told_context,
        "maxTokens": min(MOST_OUTPUT, model.told_context // 4),
    }
    provider = {
        "baseUrl": model.openai_url,
        "apiKey": PLACEHOLDER_KEY,
        "api": "openai-completions",
        "models": [served],
    }
    path = f"{folder}/provider.js"
    said = json.dumps(provider)
    environment: dict[str, str] = {}
    if model.key is not None:
        said = f"Object.assign({said}, {{apiKey: process.env.{KEY_VARIABLE}}})"
        environment[KEY_VARIABLE] = model.key
    script = f"export default (pi) => pi.registerProvider({json.dumps(_PROVIDER)}, {said});\n"
    arguments = ("--extension", path, "--provider", _PROVIDER, "--model", model.model)
    return AgentCommand(environment, arguments=arguments, files={path: script})


PI = AgentProgram(
    name="pi",
    title="pi",
    executable="pi",
    install="npm install -g @mariozechner/pi-coding-agent",
    command=command,
    opening_tokens=1_500,
)
