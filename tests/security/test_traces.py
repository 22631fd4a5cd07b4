"""What is written down and shown: no prompt, no answer, no key, nothing that forges a line or drives a terminal."""

import json
import os
import stat
import time
from pathlib import Path

import pytest

from tests.journeys.host import until
from tests.security.conftest import SECRETS, Keyed, Target
from tests.security.wire import request, send

SAID = "xq7-what-was-said-xq7"
ANSWERED = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/api/chat", "/api/generate")
FORGED = '\x1b[2J\x1b]0;owned\x07\r\n{"level": "info", "event": "forged"}\u202e\x9b31m'


def _files(folder: Path) -> dict[str, bytes]:
    """Return what hostd has written: its state and its log."""
    kept = [path for path in (folder / "state").rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in (*kept, folder / "serve.log")}


def test_what_is_said_is_kept_nowhere(target: Target) -> None:
    """R31: captures of prompts are on by default in llama-swap and others.

    After answers, refusals, failures and broken bodies the words are in no file, log, decision, counter or status.
    """
    said = [{"role": "user", "content": SAID}]
    for path in ANSWERED:
        for model in ("seen", "chat", "hostile", "nobody"):
            body = {"model": model, "messages": said, "prompt": SAID, "input": SAID, "max_tokens": 2, "stream": False}
            target.host.post(path, body, {"x-hostd-session": "of-a-test"})
        target.host.post(path, f'{{"model": "chat", "messages": "{SAID}'.encode())
        target.host.post(path, {"model": "chat", "messages": said, "tools": SAID, "prompt": SAID, "grammar": SAID})
    until(lambda: len(target.host.get("/hostd/v1/requests?last=5").json["past"]) == 5)
    time.sleep(0.3)  # the records' thread writes what it has gathered
    assert [] == [name for name, content in _files(target.folder).items() if SAID.encode() in content]
    for path in (
        "/hostd/v1/why?last=5000",
        "/hostd/v1/requests?last=500",
        "/metrics",
        "/hostd/v1/status",
        "/hostd/v1/models/chat/logs?lines=all",
    ):
        assert SAID.encode() not in target.host.get(path).body, path


def test_no_secret_is_written_down(target: Target, keyed: Keyed) -> None:
    """R31: the owner's environment and clients' keys, the wrong ones too, are in no file of hostd's and no answer."""
    wrong = "sk-wrong-xq8"
    for headers in ({"Authorization": f"Bearer {wrong}"}, {"X-Api-Key": wrong}, {"Cookie": wrong}):
        send(keyed.address, request("POST", "/v1/chat/completions", headers, b"{}"))
        send(keyed.address, request("GET", f"/v1/models?key={wrong}", headers))
        send(keyed.address, b"GET / HTTP/9\r\nAuthorization: " + wrong.encode() + b"\r\n\r\n")
    assert [] == [name for name, content in _files(keyed.folder).items() if wrong.encode() in content]
    held = b"".join(
        [
            *_files(target.folder).values(),
            *(target.host.get(path).body for path in ("/hostd/v1/models/chat", "/hostd/v1/plan")),
        ]
    )
    assert not any(secret.encode() in held for secret in SECRETS.values())


def test_a_client_forges_no_line_of_the_log(target: Target) -> None:
    """R27, log injection (llama.cpp's test_log_injection.py).

    Names, headers and paths with line ends, escapes and marks that turn text around. Every line of the log is one JSON object
    of ours, and none holds such a character.
    """
    for name in (FORGED, "x\ny", "\u2028"):
        target.host.post("/v1/chat/completions", {"model": name, "messages": []})
        target.host.post("/api/show", {"model": name})
    for path in ("/%1b%5b2J%0d%0aforged", "/hostd/v1/models/%1b%5b2J/load", "/hostd/v1/why?model=%1b%0aforged"):
        send(target.address, request("GET", path))
    for header in ("x-request-id", "x-hostd-client", "x-hostd-session", "User-Agent", "Origin"):
        send(
            target.address,
            request("POST", "/v1/chat/completions", {header: "a\x1b[2J\u202eb\x0bc"}, b'{"model": "seen"}'),
        )
    send(target.address, b"GET /\x1b[2J HTTP/1.1\r\nHost: \x1b]0;x\x07\r\n\r\n")
    lines = target.host.output.read_bytes().decode("utf-8").split("\n")
    for line in filter(None, lines):
        assert "event" in json.loads(line)
        assert line.replace("\t", "").isprintable(), line
    assert "forged" not in {json.loads(line)["event"] for line in filter(None, lines)}


@pytest.mark.parametrize(
    "verb", [("ps",), ("ls",), ("show", "seen"), ("why",), ("queue",), ("logs", "chat"), ("requests", "--last", "50")]
)
def test_no_verb_drives_the_terminal(target: Target, verb: tuple[str, ...]) -> None:
    """R27, terminal escapes: what clients call themselves and their requests is shown, not acted upon."""
    headers = {"x-hostd-client": "a\x1b]0;x\x07\u202eb", "x-request-id": "id\x1b[2J"}
    send(
        target.address,
        request(
            "POST",
            "/v1/chat/completions",
            headers,
            b'{"model": "seen", "messages": [{"role": "user", "content": "x"}]}',
        ),
    )
    shown = target.host.cli(*verb)
    assert 0 == shown.returncode, shown.stderr
    text = (shown.stdout + shown.stderr).replace("\n", "").replace("\t", "")
    assert text.isprintable(), ascii(text)


def test_files_are_their_users_alone(target: Target) -> None:
    """R29 and the audit of this project's own state (folder 0755, records 0644).

    Names of models and clients were anybody's to read.
    """
    kept = target.folder / "state/hostd"
    # The mode of an engine's socket is the engine's; its folder is closed.
    found = [path for path in (kept, *kept.rglob("*")) if not path.is_socket()]
    modes = {str(path.relative_to(kept)): stat.S_IMODE(path.lstat().st_mode) for path in found}
    assert {} == {name: oct(mode) for name, mode in modes.items() if mode & 0o077}
    assert {"ledger.sqlite"} <= set(modes)
    assert kept.stat().st_uid == os.geteuid()


def test_health_and_counters_tell_little(target: Target, keyed: Keyed) -> None:
    """R35: pages that need no key show no path, no key, no command; with keys the counters, which name models, take one."""
    for path in ("/", "/healthz", "/readyz", "/metrics"):
        body = target.host.get(path).body.decode()
        assert not any(
            word in body for word in (str(target.folder), ".gguf", "--host", "/tmp", "/home", *SECRETS.values())
        ), path
    assert 401 == send(keyed.address, request("GET", "/metrics")).status
    assert 200 == send(keyed.address, request("GET", "/healthz")).status
    assert len(send(keyed.address, request("GET", "/healthz")).body) < 100
