"""What a launch would do, as a shell reads it."""

import subprocess
from pathlib import Path

from hostd.cli.agents import shell_script
from hostd.cli.agents.agent_program import AgentCommand


def test_a_shell_does_what_is_printed(tmp_path: Path) -> None:
    """Variables, files and arguments with spaces and quotes arrive as they are."""
    folder = tmp_path / "a folder"
    file = str(folder / "it's")
    command = AgentCommand({"A": "it's $HOME"}, unset=("B",), arguments=("-c", "two words"), files={file: "{'$B'}"})
    written = shell_script.script(command, "show", ['"quoted"'], str(folder))
    shown = 'show() { printf "%s|" "$A" "${B-unset}" "$@"; cat "$FILE"; }\n'
    ran = subprocess.run(
        ["sh", "-c", shown + written], env={"B": "b", "FILE": file}, capture_output=True, text=True, check=True
    )
    assert "it's $HOME|unset|-c|two words|\"quoted\"|{'$B'}\n" == ran.stdout
    assert 0o700 == folder.stat().st_mode & 0o777
