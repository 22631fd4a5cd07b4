"""``hostd logs``."""

import json
import signal
import subprocess
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from threading import Event

from tests.cli.recorded import Daemon, Ran

PATH = "GET /hostd/v1/models/tiny/logs?lines="


def test_the_last_lines_are_printed(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """A hundred lines are asked for unless another number is."""
    daemon.on(PATH + "100&follow=0", "one\ntwo\n")
    daemon.on(PATH + "1&follow=0", "two\n")
    assert Ran(0, "one\ntwo\n", "") == hostd("logs", "tiny", "--url", daemon.url)
    assert Ran(0, "two\n", "") == hostd("logs", "tiny", "-n", "1", "--url", daemon.url)


def test_json_is_one_object_a_line(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """Programs get each line as an object of its own, so that following works for them too."""
    daemon.on(PATH + "100&follow=0", 'say "hi"\nbye')
    ran = hostd("logs", "tiny", "--json", "--url", daemon.url)
    assert [{"line": 'say "hi"'}, {"line": "bye"}] == [json.loads(line) for line in ran.out.splitlines()]


def test_following_ends_with_ctrl_c(daemon: Daemon, process: Callable[..., subprocess.Popen[str]]) -> None:
    """Lines are printed as they come; Ctrl-C ends it without a word and with exit code 130."""
    over = Event()

    def stream(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"first\n")
        handler.wfile.flush()
        assert over.wait(10)

    daemon.answers[PATH + "5&follow=1"] = stream
    child = process("logs", "tiny", "-f", "-n", "5", "--url", daemon.url)
    try:
        assert child.stdout is not None
        assert "first\n" == child.stdout.readline()
        child.send_signal(signal.SIGINT)
        assert ("", "") == child.communicate(timeout=10)
        assert 130 == child.returncode
    finally:
        over.set()


def test_a_reader_that_leaves_ends_it_quietly(daemon: Daemon, process: Callable[..., subprocess.Popen[str]]) -> None:
    """When the pipe's other end closes, as `head` does, there is no complaint."""
    daemon.on(PATH + "100&follow=0", "x" * 100 + "\n" + "y\n" * 100_000)
    child = process("logs", "tiny", "--url", daemon.url)
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.readline()
    child.stdout.close()
    assert "" == child.stderr.read()
    assert 1 == child.wait(timeout=10)
