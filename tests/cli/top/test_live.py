"""``hostd top`` in a pseudo terminal, before a daemon that has recorded what it tells."""

import signal
from threading import Event

from tests.cli.recorded import Daemon
from tests.cli.top.conftest import PATH
from tests.cli.top.terminal import shown
from tests.cli.top.test_frame import SCREENS


def expected(size: str) -> list[str]:
    """Return the lines of a screen that was looked at."""
    return (SCREENS / f"{size}.txt").read_text("utf-8").rstrip("\n").split("\n")


def test_fills_the_terminal(daemon: Daemon, over: Event) -> None:
    """At 80 by 24, after a change of its size at 200 by 50; keys sort and filter; q leaves it as it was."""
    with shown(daemon.url, 80, 24) as terminal:
        terminal.wait(lambda lines: lines == expected("80x24"))
        terminal.resize(200, 50)
        terminal.wait(lambda lines: lines == expected("200x50"))
        terminal.press("ss")
        lines = terminal.wait(lambda lines: lines[-1].startswith("by queue"))
        assert "qwen-coder" == lines[5].split()[0]
        terminal.press("/gem")
        lines = terminal.wait(lambda lines: lines[-1].startswith("/gem_"))
        assert ["gemma", "REQUEST"] == [line.split()[0] for line in lines[5:7]]
        terminal.press("\x1b")
        terminal.wait(lambda lines: lines[-1].startswith("by queue"))
        terminal.press("q")
        assert 0 == terminal.left()


def test_outlives_the_daemon(daemon: Daemon, over: Event) -> None:
    """It says that the daemon has ended, shows what it knew, and goes on when there is one again; Ctrl-C leaves, too."""
    with shown(daemon.url, 80, 24) as terminal:
        terminal.wait(lambda lines: lines == expected("80x24"))
        telling = daemon.answers[PATH]
        daemon.refuse(PATH, 503, "the daemon shuts down", "closing")
        over.set()
        lines = terminal.wait(lambda lines: "the daemon shuts down (trying again)" in lines[0])
        assert any(line.startswith("qwen-coder") for line in lines)
        over.clear()
        daemon.answers[PATH] = telling
        terminal.wait(lambda lines: lines == expected("80x24"))
        # The terminal makes a signal of Ctrl-C, for the program in its foreground.
        terminal.process.send_signal(signal.SIGINT)
        assert 0 == terminal.left()


def test_a_signal_leaves_the_terminal_as_it_was(daemon: Daemon, over: Event) -> None:
    """As when the window is closed or the session ends."""
    with shown(daemon.url, 80, 24) as terminal:
        terminal.wait(lambda lines: lines == expected("80x24"))
        terminal.process.send_signal(signal.SIGTERM)
        assert 128 + signal.SIGTERM == terminal.left()
