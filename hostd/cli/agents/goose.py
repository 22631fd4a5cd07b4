"""goose, which speaks OpenAI's chat completions."""

from hostd.cli.agents.agent_program import AgentCommand, AgentProgram, ModelAddress


def command(model: ModelAddress, _folder: str) -> AgentCommand:
    """Return a command whose variables come before the user's ``config.yaml`` and keyring."""
    environment = {
        "GOOSE_PROVIDER": "openai",
        "GOOSE_MODEL": model.model,
        "OPENAI_HOST": model.url,
        "OPENAI_BASE_PATH": "v1/chat/completions",
        "OPENAI_API_KEY": model.told_key,
    }
    if model.context is not None:
        environment["GOOSE_CONTEXT_LIMIT"] = str(model.context)
    return AgentCommand(environment, unset=("OPENAI_BASE_URL",))


GOOSE = AgentProgram(
    name="goose",
    title="goose",
    executable="goose",
    install="brew install block-goose-cli",
    command=command,
)
