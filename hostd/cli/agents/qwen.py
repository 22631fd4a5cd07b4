"""Qwen Code, which speaks OpenAI's chat completions."""

import json

from hostd.cli.agents.agent_program import AgentCommand, AgentProgram, ModelAddress


def command(model: ModelAddress, folder: str) -> AgentCommand:
    """Return a command that overrides the user's provider; the context stands in defaults, which their own settings override."""
    environment = {
        "OPENAI_BASE_URL": model.openai_url,
        "OPENAI_API_KEY": model.told_key,
        "OPENAI_MODEL": model.model,
    }
    arguments = ("--auth-type", "openai", "--openai-base-url", model.openai_url, "--model", model.model)
    if model.context is None:
        return AgentCommand(environment, arguments=arguments)
    path = f"{folder}/defaults.json"
    defaults = {"model": {"generationConfig": {"contextWindowSize": model.context}}}
    environment["QWEN_CODE_SYSTEM_DEFAULTS_PATH"] = path
    return AgentCommand(environment, arguments=arguments, files={path: json.dumps(defaults)})


QWEN = AgentProgram(
    name="qwen",
    title="Qwen Code",
    executable="qwen",
    install="npm install -g @qwen-code/qwen-code",
    command=command,
    opening_tokens=19_000,
)
