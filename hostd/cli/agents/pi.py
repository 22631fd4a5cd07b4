"""pi, which speaks OpenAI's chat completions."""

import json

from hostd.cli.agents.agent_program import PLACEHOLDER_KEY, AgentCommand, AgentProgram, ModelAddress

_PROVIDER = "hostd"
_MOST_OUTPUT = 32_000
_USUAL_CONTEXT = 32_768
"""Tokens that are said of a model whose context is not known: it has to be told some."""


def command(model: ModelAddress, folder: str) -> AgentCommand:
    """Return a command with an extension that adds a provider for this run; nothing is added to the user's models."""
    context = model.context or _USUAL_CONTEXT
    served = {
        "id": model.model,
        "name": model.model,
        "reasoning": False,
        "input": ["text"],
        "cost": dict.fromkeys(("input", "output", "cacheRead", "cacheWrite"), 0),
        "contextWindow": context,
        "maxTokens": min(_MOST_OUTPUT, context // 4),
    }
    provider = {
        "baseUrl": model.openai_url,
        "apiKey": PLACEHOLDER_KEY,
        "api": "openai-completions",
        "models": [served],
    }
    path = f"{folder}/provider.js"
    script = f"export default (pi) => pi.registerProvider({json.dumps(_PROVIDER)}, {json.dumps(provider)});\n"
    arguments = ("--extension", path, "--provider", _PROVIDER, "--model", model.model)
    return AgentCommand(arguments=arguments, files={path: script})


PI = AgentProgram(
    name="pi",
    title="pi",
    executable="pi",
    install="npm install -g @mariozechner/pi-coding-agent",
    command=command,
    opening_tokens=1_500,
)
