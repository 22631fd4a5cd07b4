"""The agents' programs that `hostd launch` knows."""

from hostd.cli.agents.aider import AIDER
from hostd.cli.agents.claude import CLAUDE
from hostd.cli.agents.codex import CODEX
from hostd.cli.agents.goose import GOOSE
from hostd.cli.agents.opencode import OPENCODE
from hostd.cli.agents.pi import PI
from hostd.cli.agents.qwen import QWEN

AGENTS = {agent.name: agent for agent in (CLAUDE, CODEX, OPENCODE, AIDER, QWEN, PI, GOOSE)}
"""By the name that is typed."""
