"""Engines: a process of its own for each model, with nothing of the owner's that it does not need, and closed to everybody else."""

import json
import os
import stat
from pathlib import Path

import psutil
import pytest

from tests.security.conftest import SECRETS, Target
from tests.security.wire import request, send


@pytest.fixture
def engine(target: Target) -> psutil.Process:
    """The process of the real engine."""
    assert 200 == target.host.chat("chat", max_tokens=2).status
    return psutil.Process(target.host.row("chat")["pid"])


def _command(engine: psutil.Process) -> list[str]:
    """Return its command line, or that of the process of its family that listens."""
    return next(
        words
        for each in (engine, *engine.children(recursive=True))
        if "--host" in (words := each.cmdline()) or "--port" in words
    )


def _socket(engine: psutil.Process) -> Path:
    words = _command(engine)
    return Path(words[words.index("--host") + 1])


def test_no_secret_of_the_owner_reaches_it(target: Target, engine: psutil.Process) -> None:
    """R33 and R6, CVE-2026-7482 ("Bleeding Llama", Ollama).

    What a crafted model read beyond its bounds were keys of the environment. The engine's environment is made from nothing; no
    process of its family has a key of the owner's, in its environment or its command.
    """
    given = json.dumps(target.host.environment)
    assert SECRETS["HF_TOKEN"] in given
    for process in (engine, *engine.children(recursive=True)):
        held = Path(f"/proc/{process.pid}/environ").read_bytes() + Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert not any(secret.encode() in held for secret in SECRETS.values())
        assert b"PATH=" in held


def test_it_listens_where_nobody_else_can_connect(engine: psutil.Process) -> None:
    """R3: another user took an engine's port before it and heard every prompt. A socket in a folder of mode 0700 is closed."""
    path = _socket(engine)
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert 0o700 == stat.S_IMODE(path.parent.stat().st_mode)
    family = {engine.pid, *(each.pid for each in engine.children(recursive=True))}
    tcp = [each for each in psutil.net_connections("tcp") if each.pid in family and each.status == psutil.CONN_LISTEN]
    assert [] == tcp


def test_it_wants_a_key_that_no_command_line_shows(engine: psutil.Process) -> None:
    """R3: an engine without a key answers to whoever finds it. This one's is new for each launch, and `ps` does not show it."""
    path = _socket(engine)
    for asked in (
        ("POST", "/v1/chat/completions"),
        ("POST", "/completion"),
        ("GET", "/props"),
        ("GET", "/slots"),
        ("POST", "/lora-adapters"),
    ):
        assert send(path, request(*asked, body=b'{"prompt": "x"}')).status in {401, 403, 404, 405, 501}
    assert "--api-key" not in _command(engine)


def test_it_has_no_page_and_lets_no_page_in(engine: psutil.Process) -> None:
    """R3, llama.cpp's default CORS: llama-server reflected any Origin, with credentials, and has a page of its own."""
    for path in ("/", "/index.html", "/health"):
        reply = send(_socket(engine), request("GET", path, {"Origin": "http://evil.test"}))
        assert reply.headers.get("access-control-allow-origin") not in {"*", "http://evil.test"}
        assert b"<html" not in reply.body.lower()


def test_it_is_a_process_of_its_own(target: Target, engine: psutil.Process) -> None:
    """R18, CVE-2025-53630 and others (ggml).

    A model corrupts the memory of what reads it. hostd imports no such reader, and every engine has its own session, so that
    all of it can be ended (R34).
    """
    assert engine.pid != target.host.process.pid
    assert os.getsid(engine.pid) != os.getsid(target.host.process.pid)
    mapped = Path(f"/proc/{target.host.process.pid}/maps").read_text("utf-8")
    assert not any(word in mapped for word in ("ggml", "llama", "torch", "libcuda.so"))


def test_a_harmful_file_is_given_to_no_engine(target: Target) -> None:
    """R18, CVE-2024-23496 and CVE-2025-53630 (llama.cpp).

    Counts in a header that overflow. hostd's bounded reader refuses it first.
    """
    reply = target.host.chat("hostile")
    assert 503 == reply.status
    row = target.host.row("hostile")
    assert row["pid"] is None
    assert "hostile.gguf" in row["last_error"]
    assert "" == target.host.get("/hostd/v1/models/hostile/logs").body.decode()
