"""``hostd chat``."""

import io
import json
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from threading import Event

import pytest

from tests.cli.recorded import CHATTY, Daemon, Ran
from tests.cli.terminal import DEADLINE, Terminal

CHAT = "POST /v1/chat/completions"
PIECE = 'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\n'
WHOLE = PIECE + "data: [DONE]\n\n"


@pytest.fixture(autouse=True)
def address(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line finds the daemon by its environment."""
    monkeypatch.setenv("HOSTD_URL", daemon.url)


def test_one_question_prints_the_answer_alone(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """The answer is all that stdout holds; an answer by the model that was asked is not remarked on."""
    daemon.on(CHAT, WHOLE, x_hostd_model="tiny", x_hostd_route="primary")
    assert Ran(0, "Hello\n", "") == hostd("chat", "tiny", "hi")


@pytest.mark.parametrize(
    ("route", "remark"),
    [
        ("primary", "answered by big"),
        ("fallback:queue_timeout", "answered by big instead of tiny (fallback:queue_timeout)"),
    ],
)
def test_another_models_answer_is_remarked_on(
    daemon: Daemon, hostd: Callable[..., Ran], route: str, remark: str
) -> None:
    """An alias and a fallback are told on stderr, the latter with its reason."""
    daemon.on(CHAT, WHOLE, x_hostd_model="big", x_hostd_route=route)
    assert Ran(0, "Hello\n", f"hostd: {remark}\n") == hostd("chat", "tiny", "hi")


def test_standard_input_is_the_question(
    daemon: Daemon, hostd: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is piped in is asked; without a model, the first that chats is."""
    daemon.on("GET /hostd/v1/models", {"models": [CHATTY]})
    daemon.on(CHAT, WHOLE, x_hostd_model="qwen3.5-9b")
    monkeypatch.setattr("sys.stdin", _piped(b"hi there\n"))
    assert Ran(0, "Hello\n", "") == hostd("chat")
    assert [{"role": "user", "content": "hi there"}] == daemon.asked[-1][1]["messages"]


def test_nothing_to_ask_is_a_usage_error(
    daemon: Daemon, hostd: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty input is not sent to a model."""
    monkeypatch.setattr("sys.stdin", _piped(b" \n"))
    ran = hostd("chat", "tiny")
    assert (2, "", []) == (ran.code, ran.out, daemon.asked)
    assert "nothing to ask" in ran.err


def test_json_is_one_object(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """Programs get the answer, who gave it and by which route."""
    daemon.on(CHAT, WHOLE, x_hostd_model="big", x_hostd_route="fallback:crashed")
    expected = {"model": "big", "route": "fallback:crashed", "content": "Hello", "usage": None}
    assert expected == json.loads(hostd("chat", "tiny", "hi", "--json").out)


def test_a_truncated_answer_fails(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """What came is printed, but the exit code says that it is not the whole."""
    daemon.on(CHAT, PIECE)
    ran = hostd("chat", "tiny", "hi")
    assert (1, "Hello\n") == (ran.code, ran.out)
    assert "ended before it was complete" in ran.err


def test_a_full_queue_is_busy(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """A refusal that passes by itself has exit code 75."""
    daemon.refuse(CHAT, 429, "64 requests wait already", "queue_full", retry_after="4")
    assert Ran(75, "", "hostd: 64 requests wait already; try again in 4 s\n") == hostd("chat", "tiny", "hi")


def test_a_talk_keeps_its_history(daemon: Daemon, process: Callable[..., subprocess.Popen[str]]) -> None:
    """On a terminal, each question is sent with what was said before; a failed one is forgotten; /bye ends."""
    daemon.on(CHAT, WHOLE, x_hostd_model="tiny")
    with Terminal() as terminal:
        child = process("chat", "tiny", stdin=terminal.end, stdout=terminal.end, stderr=terminal.end)
        terminal.wait_for(">>> ")
        terminal.write("one\n")
        terminal.wait_for("Hello")
        terminal.wait_for(">>> ")
        daemon.refuse(CHAT, 502, "the engine died", "engine_failed")
        terminal.write("two\n")
        terminal.wait_for("the engine died")
        terminal.wait_for(">>> ")
        daemon.on(CHAT, WHOLE, x_hostd_model="tiny")
        terminal.write("three\n")
        terminal.wait_for("Hello")
        terminal.wait_for(">>> ")
        terminal.write("/bye\n")
        assert 0 == child.wait(timeout=DEADLINE)
    said = [(message["role"], message["content"]) for message in daemon.asked[-1][1]["messages"]]
    assert [("user", "one"), ("assistant", "Hello"), ("user", "three")] == said


def test_ctrl_c_stops_an_answer_and_then_the_talk(
    daemon: Daemon, process: Callable[..., subprocess.Popen[str]]
) -> None:
    """During an answer Ctrl-C hangs up on it and waits for the next question; there, it ends the talk with 130."""
    over = Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(PIECE.encode())
        handler.wfile.flush()
        assert over.wait(DEADLINE)

    daemon.answers[CHAT] = endless
    with Terminal() as terminal:
        child = process("chat", "tiny", stdin=terminal.end, stdout=terminal.end, stderr=terminal.end)
        terminal.wait_for(">>> ")
        terminal.write("one\n")
        terminal.wait_for("Hello")
        child.send_signal(signal.SIGINT)
        terminal.wait_for("hostd: stopped")
        terminal.wait_for(">>> ")
        over.set()
        assert 130 == _interrupted(child)


def _piped(text: bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(text))


def _interrupted(child: subprocess.Popen[str]) -> int:
    """Press Ctrl-C until it is heard: one that comes just before the line editor begins to wait is lost.

    The next one comes so late that a child that ends is not hit by it on its way out.
    """
    for _ in range(10):
        child.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return child.wait(timeout=DEADLINE / 10)
    raise AssertionError("Ctrl-C was never heard")
