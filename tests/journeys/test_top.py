"""``hostd top`` before a real daemon, over a restart of it."""

from contextlib import ExitStack
from pathlib import Path

from hostd.supervisor.launch import free_port
from tests.cli.top.terminal import shown
from tests.journeys.host import profile, started, until, write_files


def test_a_model_comes_and_goes(tmp_path: Path) -> None:
    """A load by hand shows, a request, an unload; then the daemon is restarted, and it is shown again."""
    write_files(tmp_path, profile("chat", warm={"preload": False}))
    port = free_port()
    with ExitStack() as stack:
        with started(tmp_path, port=port) as host:
            until(lambda: host.get("/readyz").status == 200)
            terminal = stack.enter_context(shown(host.url, 100, 30))
            terminal.wait(lambda lines: _state(lines) == "cold")
            assert 200 == host.post("/hostd/v1/models/chat/load?wait=1").status
            terminal.wait(
                lambda lines: any(line.startswith("chat ") and "ready" in line and "MiB" in line for line in lines)
            )
            assert 200 == host.chat("chat").status
            terminal.wait(lambda lines: any(line.startswith("answered 200 chat") for line in lines))
            assert 200 == host.post("/hostd/v1/models/chat/unload?wait=1").status
            terminal.wait(lambda lines: _state(lines) == "cold" and any("'chat' is unloaded" in line for line in lines))
        terminal.wait(lambda lines: "trying again" in lines[0] or "has ended" in lines[0])
        with started(tmp_path, port=port):
            terminal.wait(lambda lines: "0/1 models ready" in lines[0])
            terminal.press("q")
            assert 0 == terminal.left()


def _state(lines: list[str]) -> str:
    """Return the state of the model, empty where it is not shown."""
    return next((line.split()[1] for line in lines if line.startswith("chat ")), "")
