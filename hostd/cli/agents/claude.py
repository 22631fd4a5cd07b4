"""Claude Code, which speaks Anthropic's Messages API."""

import json

from hostd.cli.agents.agent_program import AgentCommand, AgentProgram, ModelAddress

_TIERS = ("FABLE", "OPUS", "SONNET", "HAIKU")
_ELSEWHERE = ("ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY")


def command(model: ModelAddress, folder: str) -> AgentCommand:
    """Return a command whose requests of every tier ask for *model*, and whose prompts have beginnings that stay the same."""
    name = model.model
    environment = {
        "ANTHROPIC_BASE_URL": model.url,
        "ANTHROPIC_AUTH_TOKEN": model.told_key,
        "ANTHROPIC_MODEL": name,
        "ANTHROPIC_SMALL_FAST_MODEL": name,
        **{f"ANTHROPIC_DEFAULT_{tier}_MODEL": name for tier in _TIERS},
        "CLAUDE_CODE_SUBAGENT_MODEL": name,
        # Both vary between requests, and each change makes an engine read the whole prompt again.
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
        "CLAUDE_CODE_TOTAL_TOKENS_REMINDER": "off",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    if model.context is not None:
        # It takes a model that it does not know for one of a million tokens.
        environment["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] = str(model.context)
        environment["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = str(model.output_tokens)
    # Variables in its user's settings come before those of the environment, and these before both. They hold a key: as an
    # argument, every user of the machine could read it.
    settings = {"env": environment | dict.fromkeys(_ELSEWHERE, "")}
    path = f"{folder}/settings.json"
    return AgentCommand(
        environment, unset=_ELSEWHERE, arguments=("--settings", path), files={path: json.dumps(settings)}
    )


CLAUDE = AgentProgram(
    name="claude",
    title="Claude Code",
    executable="claude",
    install="npm install -g @anthropic-ai/claude-code",
    command=command,
    opening_tokens=12_000,
)
