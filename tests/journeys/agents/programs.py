"""Which programs are run, how each is given its task without a person, and what the scripted model says to all of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).parents[3]
INSTALLED = ROOT / ".agents"
"""Where scripts/agents installs them."""

FILE, CONTENT = "hello.txt", "Hello from a scripted model."
TASK = f"Write the file {FILE} with one line: {CONTENT}"
_ELSEWHERE = "http://127.0.0.1:9"  # nothing answers there
_SHELL = f"echo '{CONTENT}' > {FILE}"

SCRIPT: Mapping[str, object] = {
    "calls": {
        "Bash": {"command": _SHELL, "description": "Writes the file"},
        "bash": {"command": _SHELL, "description": "Writes the file"},
        "exec_command": {"cmd": _SHELL},
        "run_shell_command": {"command": _SHELL, "is_background": False},
    },
    "answer": f"{FILE}\n```\n{CONTENT}\n```\n",
}
"""What the model is told to do: call the one of these tools that it is offered, or else write the file as aider reads it."""


@dataclass(frozen=True, slots=True)
class TestedProgram:
    """An agent's program: the *arguments* that give it the task and let it work, and what it takes to be left alone.

    *own_settings* are files of its user, by their paths below the home, that name another server and model.
    """

    __test__ = False

    name: str
    arguments: tuple[str, ...]
    own_settings: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def _json(**settings: object) -> str:
    return json.dumps(settings, indent=2)


_PROVIDER = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": f"{_ELSEWHERE}/v1"}, "models": {"other": {}}}
_VARIABLES = {"OPENAI_BASE_URL": f"{_ELSEWHERE}/v1", "OPENAI_API_KEY": "mine", "OPENAI_MODEL": "other"}

PROGRAMS = {
    program.name: program
    for program in (
        TestedProgram(
            "claude",
            ("-p", TASK, "--allowedTools", "Bash"),
            {".claude/settings.json": _json(model="opus[1m]", env={"ANTHROPIC_BASE_URL": _ELSEWHERE})},
        ),
        TestedProgram(
            "codex",
            ("exec", "--skip-git-repo-check", "--sandbox", "danger-full-access", TASK),
            {
                ".codex/config.toml": 'model = "gpt-5"\nmodel_provider = "mine"\n[model_providers.mine]\nname = "mine"\n'
                f'base_url = "{_ELSEWHERE}/v1"\nwire_api = "responses"\n'
            },
        ),
        TestedProgram(
            "opencode",
            ("run", TASK),
            {".config/opencode/opencode.json": _json(model="mine/other", provider={"mine": _PROVIDER})},
            {"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"},
        ),
        TestedProgram(
            "qwen",
            ("--yolo", TASK),
            {
                ".qwen/settings.json": _json(
                    model={"name": "other"},
                    security={"auth": {"selectedType": "anthropic", "baseUrl": _ELSEWHERE}},
                    env=_VARIABLES,
                ),
                ".qwen/.env": f"OPENAI_BASE_URL={_ELSEWHERE}/v1\nOPENAI_MODEL=other\n",
            },
            {"QWEN_CODE_NO_RELAUNCH": "1"},
        ),
        TestedProgram(
            "aider",
            ("--message", TASK, "--yes-always", "--no-git", "--edit-format", "whole", "--no-check-update", FILE),
            {
                ".aider.conf.yml": f"model: openai/other\nweak-model: openai/other\nopenai-api-base: {_ELSEWHERE}/v1\n",
                ".env": f"OPENAI_API_BASE={_ELSEWHERE}/v1\nAIDER_MODEL=openai/other\n",
            },
            {"AIDER_ANALYTICS": "false"},
        ),
        TestedProgram(
            "pi",
            ("-p", TASK),
            {".pi/agent/settings.json": _json(defaultProvider="openai", defaultModel="gpt-5")},
            {"PI_OFFLINE": "1"},
        ),
    )
}
