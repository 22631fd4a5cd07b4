"""Which programs are run, how each is given its task without a person, and what the scripted model says to all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).parents[3]
INSTALLED = ROOT / ".agents"
"""Where scripts/agents installs them."""

FILE, CONTENT = "hello.txt", "Hello from a scripted model."
TASK = f"Write the file {FILE} with one line: {CONTENT}"
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
    """An agent's program: the *arguments* that give it the task and let it work, and what it takes to be left alone."""

    __test__ = False

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


PROGRAMS = {
    program.name: program
    for program in (
        TestedProgram("claude", ("-p", TASK, "--allowedTools", "Bash")),
        TestedProgram("codex", ("exec", "--skip-git-repo-check", "--sandbox", "danger-full-access", TASK)),
        TestedProgram(
            "opencode", ("run", TASK), {"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"}
        ),
        TestedProgram("qwen", ("--yolo", TASK), {"QWEN_CODE_NO_RELAUNCH": "1"}),
        TestedProgram(
            "aider",
            ("--message", TASK, "--yes-always", "--no-git", "--edit-format", "whole", "--no-check-update", FILE),
            {"AIDER_ANALYTICS": "false"},
        ),
    )
}
