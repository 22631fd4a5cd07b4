"""Bad input is refused in clear words and disturbs no other request."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.host import Host, environment_for, profile, serving, write_files


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon with one good model and two that cannot be loaded, one of them with a fallback."""
    folder = tmp_path_factory.mktemp("bad")
    text = folder / "notes.gguf"
    text.write_text("these are notes", "utf-8")
    absent = profile("absent", fallback=["good"])
    absent["variants"] = [{"backend": "llamacpp", "path": str(folder / "absent.gguf")}]
    notes = profile("notes")
    notes["variants"] = [{"backend": "llamacpp", "path": str(text)}]
    odd = profile("odd", args={"no-such-flag": True})
    with serving(folder, profile("good"), absent, notes, odd) as running:
        yield running


def test_boot_ends_although_some_models_cannot_load(host: Host) -> None:
    """/readyz is 200, and names those that failed."""
    ready = host.get("/readyz").json
    assert ("degraded", ["absent", "notes", "odd"]) == (ready["status"], sorted(ready["failed"]))


def test_missing_file_goes_to_the_fallback(host: Host) -> None:
    """A model whose file is missing is answered for by its fallback."""
    reply = host.chat("absent")
    assert (200, "good", "fallback:load_failed") == (
        reply.status,
        reply.headers["x-hostd-model"],
        reply.headers["x-hostd-route"],
    )


def test_missing_file_is_named(host: Host) -> None:
    """`ps` tells which file is missing."""
    assert "absent.gguf" in host.row("absent")["last_error"]


def test_no_gguf(host: Host) -> None:
    """A file that is no model is called what it is, with 503 and a time to come back."""
    reply = host.chat("notes")
    assert (503, "load_failed") == (reply.status, reply.json["error"]["code"])
    assert "notes.gguf is a text" in reply.json["error"]["message"]
    assert 1 <= int(reply.headers["Retry-After"]) <= 60


def test_bad_flag(host: Host) -> None:
    """A flag that the engine does not know is shown as the engine said it, and is not tried again and again."""
    row = host.row("odd")
    assert "no-such-flag" in row["last_error"]
    assert ("failed", 1) == (row["state"], row["restarts"])


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(b"x" * 40_000_000, 413, "request_too_large", id="40 MB"),
        pytest.param(b'{"model": "good", ', 400, "bad_json", id="invalid JSON"),
        pytest.param(b"[" * 100_000, 400, "bad_json", id="nested"),
        pytest.param(b'{"model": "goood", "messages": []}', 404, "model_not_found", id="unknown model"),
        pytest.param(b"{}", 400, "no_model", id="no model"),
    ],
)
def test_bad_body(host: Host, body: bytes, status: int, code: str) -> None:
    """A body that cannot be served is refused in OpenAI's shape, and the next one is served."""
    try:
        reply = host.post("/v1/chat/completions", body)
    except OSError:
        pytest.fail("the connection was cut instead of an answer given")
    assert (status, code) == (reply.status, reply.json["error"]["code"])
    assert 200 == host.chat("good").status


def test_too_long_a_prompt(host: Host) -> None:
    """A prompt beyond the context is an error of its own, never cut short."""
    reply = host.chat("good", "word " * 5000)
    assert (400, "context_length_exceeded") == (reply.status, reply.json["error"]["code"])


def _serve(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "hostd", "serve", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, env=environment_for(folder), timeout=60, check=False)


def test_port_in_use(tmp_path: Path) -> None:
    """A port that is taken ends the daemon with 1 and the name of the program that has it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = _serve(tmp_path, "--config", str(write_files(tmp_path, profile("one"))), "--listen", address)
    assert 1 == ended.returncode
    assert f"cannot listen on {address}: it is in use by python" in ended.stderr


def test_two_profiles_of_one_name(tmp_path: Path) -> None:
    """Two profiles of one name are a configuration error that names both files."""
    files = write_files(tmp_path, profile("twin"), profile("twin"))
    ended = _serve(tmp_path, "--config", str(files))
    assert 78 == ended.returncode
    assert ("0.yaml" in ended.stderr, "1.yaml" in ended.stderr) == (True, True)


def test_schema_is_json(tmp_path: Path) -> None:
    """The schema of the files is printed as JSON."""
    argv = [sys.executable, "-m", "hostd", "config", "schema"]
    ran = subprocess.run(argv, capture_output=True, text=True, env=environment_for(tmp_path), timeout=60, check=True)
    assert "$defs" in json.loads(ran.stdout)
