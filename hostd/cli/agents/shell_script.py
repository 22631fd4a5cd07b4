"""What `hostd launch` would do, as lines for a shell."""

import shlex
from collections.abc import Iterator, Sequence

from hostd.cli.agents.agent_program import AgentCommand


def script(command: AgentCommand, executable: str, arguments: Sequence[str], folder: str) -> str:
    """Return lines that set up *command*, with its files in *folder*, and run *executable* with *arguments* after its own."""
    return "\n".join(_lines(command, executable, arguments, folder))


def _lines(command: AgentCommand, executable: str, arguments: Sequence[str], folder: str) -> Iterator[str]:
    if command.files:
        yield f"mkdir -p -m 700 {shlex.quote(folder)}"
    for path, text in command.files.items():
        yield f"cat > {shlex.quote(path)} <<'EOF'\n{text}\nEOF"
    if command.unset:
        yield f"unset {' '.join(command.unset)}"
    for name, value in command.environment.items():
        yield f"export {name}={shlex.quote(value)}"
    yield shlex.join([executable, *command.arguments, *arguments])
