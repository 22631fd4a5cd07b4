"""Keys at the door: what opens nothing, before anything is read."""

import ast
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hostd.cli.exits import Code
from scripts.references.http import routes
from tests.journeys.host import environment_for, profile, write_files
from tests.security.conftest import Keyed, Target, needs_root
from tests.security.wire import request, send

GATE = Path(__file__).parents[2] / "hostd"
OPEN = {"/", "/healthz", "/readyz"}
ROUTES = [(method, path.replace("{name}", "chat")) for method, path, _ in routes()]


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_every_route_wants_a_key(keyed: Keyed) -> None:
    """R5, GO-2025-4251 (Ollama): hundreds of thousands of servers were anybody's.

    Without a key 401, and no model is named in it.
    """
    for method, path in (*ROUTES, ("GET", "/nothing"), ("PUT", "/v1/models")):
        reply = send(keyed.address, request(method, path))
        assert path in OPEN or path.startswith("/dashboard/") or 401 == reply.status, (method, path)
        assert b"chat.gguf" not in reply.body


def test_a_clients_key_steers_nothing(keyed: Keyed) -> None:
    """R5: models were pulled and deleted by anybody who could ask them. A key for inference opens nothing under /hostd/."""
    below = [(method, path) for method, path in ROUTES if path.startswith("/hostd/")]
    assert {403} == {send(keyed.address, request(*each, _bearer(keyed.inference))).status for each in below}
    assert 200 == send(keyed.address, request("GET", "/hostd/v1/status", _bearer(keyed.admin))).status


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_the_network_is_not_served_without_keys(tmp_path: Path, address: str) -> None:
    """R5: such an address ends the start with 78 and a sentence that says what is missing."""
    config = write_files(tmp_path, profile("chat"), server={"listen": address})
    argv = [sys.executable, "-m", "hostd", "serve", "--config", str(config)]
    ended = subprocess.run(argv, env=environment_for(tmp_path), capture_output=True, text=True, timeout=60, check=False)
    assert Code.BAD_CONFIG == ended.returncode
    assert "keys" in ended.stderr


@pytest.mark.parametrize(
    "path",
    [
        *(
            "//hostd/v1/status",
            "/v1/../hostd/v1/status",
            "/healthz/../hostd/v1/status",
            "/hostd%2fv1/status",
            "/./hostd/v1/status",
        ),
        *(
            "/hostd/v1/status?/healthz",
            "/hostd/v1/status#/healthz",
            "http://localhost/hostd/v1/status",
            "/hostd/v1/status%00",
        ),
        *(
            "/HOSTD/v1/status",
            "/hostd/v1/status;/healthz",
            "/healthz%2f..%2fhostd%2fv1%2fstatus",
            "/v1/hostd/v1/status",
        ),
    ],
)
def test_another_spelling_opens_nothing(keyed: Keyed, path: str) -> None:
    """R4, CVE-2026-48710 (BadHost): the path that was judged was not the one that was answered.

    None of these is, with and without a Host that says otherwise.
    """
    for host in ("localhost", "localhost/healthz?", "127.0.0.1"):
        assert send(keyed.address, request("GET", path, host=host)).status in {400, 401, 403, 404}


@pytest.mark.parametrize(
    "key", ["' OR '1'='1", "x' UNION SELECT name FROM keys --", "%", "*", "\x00", "a" * 4000, "ü€", "Bearer"]
)
def test_no_text_is_a_key(keyed: Keyed, key: str) -> None:
    """R23, CVE-2026-42208 (LiteLLM): the key was put into a query before anybody was known.

    It is hashed, and looked up in memory.
    """
    for header in (_bearer(key), {"x-api-key": key}, {"Authorization": key}):
        assert send(keyed.address, request("GET", "/v1/models", header)).status in {400, 401}


def test_no_query_is_on_the_way_of_a_key() -> None:
    """R23: what judges keys knows no database."""
    for module in ("key_file.py", "owner_key.py", "gateway/http/key_ring.py", "gateway/http/auth.py"):
        names = {name for node in ast.walk(ast.parse((GATE / module).read_text("utf-8"))) for name in _imported(node)}
        assert not names & {"sqlite3", "hostd.telemetry"}


def _imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {each.name for each in node.names}
    return {node.module or ""} if isinstance(node, ast.ImportFrom) else set()


def test_a_body_is_not_read_for_a_stranger(keyed: Keyed) -> None:
    """R16, CVE-2025-48956 (vLLM): work before the key. The refusal of 30 MB comes while none of them has been sent."""
    head = request("POST", "/v1/chat/completions", {"Content-Length": "31457280"} | _bearer("wrong"))
    began = time.monotonic()
    assert 401 == send(keyed.address, head).status
    assert time.monotonic() - began < 10


def test_keys_are_compared_in_constant_time() -> None:
    """R16, CVE-2025-59425 (vLLM): how long a comparison took told how much of a key was right.

    `==` compares no key and no hash here.
    """
    for module in (
        "gateway/http/key_ring.py",
        "backends/launchers/vllm_guard.py",
        "backends/launchers/mlx_server/answering.py",
    ):
        tree = ast.parse((GATE / module).read_text("utf-8"))
        assert any(isinstance(node, ast.Attribute) and node.attr == "compare_digest" for node in ast.walk(tree)), module
        compared = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Compare)]
        assert [] == [
            each for each in compared if "digest" in each and "is not None" not in each and "is None" not in each
        ]


def test_the_owners_own_key_is_the_owners(keyed: Keyed) -> None:
    """R29: a token made at the start, 0600, by which the verbs of its user work, and nobody else's."""
    found = [path for path in (keyed.folder / "state").rglob("*key*") if path.is_file()]
    assert [0o600] * len(found) == [stat.S_IMODE(path.stat().st_mode) for path in found]
    assert found
    assert 0 == keyed.host.cli("ps", "--json").returncode


def test_the_socket_is_its_users_alone(target: Target) -> None:
    """R28: a socket that other users could write to was as open as a port."""
    assert 0o600 == stat.S_IMODE(target.socket.stat().st_mode)


@needs_root
def test_another_user_cannot_use_the_socket(target: Target) -> None:
    """R28, R29: the file system keeps other users of this machine out, also of the folder of the state and of its files."""
    for folder in target.folder.parents:
        # What pytest made is closed to others already; only the socket's own mode is to count.
        if folder.stat().st_uid == os.geteuid() and "pytest" in folder.name:
            folder.chmod(0o755)
    target.folder.chmod(0o755)
    script = (
        "import os, socket, sys\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "try: socket.socket(socket.AF_UNIX).connect(sys.argv[1])\n"
        "except PermissionError: print('refused')\n"
        "for path in sys.argv[2:]:\n"
        "    try: os.listdir(path) if os.path.isdir(path) else open(path, 'rb')\n"
        "    except PermissionError: print('closed')\n"
    )
    kept = target.folder / "state/hostd"
    argv = [sys.executable, "-S", "-c", script, str(target.socket), str(kept), str(kept / "ledger.sqlite")]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert ["refused", "closed", "closed"] == ran.stdout.split(), ran.stderr


def test_loopback_is_all_that_is_opened_by_itself(tmp_path: Path) -> None:
    """R28: without a word of the owner's, 127.0.0.1 and ::1 are listened on and nothing that another machine reaches."""
    shown = subprocess.run(
        [sys.executable, "-m", "hostd", "config", "show", "--json"],
        env=environment_for(tmp_path) | {"HOSTD_CONFIG": str(write_files(tmp_path))},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "0.0.0.0" not in shown.stdout
    assert "127.0.0.1:11435" in shown.stdout
