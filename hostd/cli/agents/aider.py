"""aider, which speaks OpenAI's chat completions."""

import json

from hostd.cli.agents.agent_program import AgentCommand, AgentProgram, ModelAddress


def command(model: ModelAddress, folder: str) -> AgentCommand:
    """Return a command with one model for edits and for summaries; context and key stand in files."""
    name = f"openai/{model.model}"
    # Its user's .env comes before variables, and this file before both and .aider.conf.yml.
    variables = f"{folder}/variables.env"
    files = {variables: f"AIDER_OPENAI_API_KEY='{model.told_key}'\n"}
    arguments = ["--env-file", variables, "--openai-api-base", model.openai_url]
    # Without metadata it warns of a model that it does not know, and offers to open a page about it.
    arguments += ["--model", name, "--weak-model", name, "--no-show-model-warnings"]
    if model.context is None:
        return AgentCommand(arguments=tuple(arguments), files=files)
    path = f"{folder}/models.json"
    output = model.output_tokens
    limits = {"max_input_tokens": model.context, "max_output_tokens": output, "max_tokens": output}
    prices = {"input_cost_per_token": 0, "output_cost_per_token": 0}
    metadata = {name: limits | prices | {"litellm_provider": "openai", "mode": "chat"}}
    arguments += ["--model-metadata-file", path]
    return AgentCommand(arguments=tuple(arguments), files=files | {path: json.dumps(metadata)})


AIDER = AgentProgram(
    name="aider",
    title="aider",
    executable="aider",
    install="uv tool install --python 3.12 aider-chat",
    command=command,
    opening_tokens=1_000,
)
