"""Pages that a browser on this machine shows: by a name that they rebind, and with requests that need no permission."""

import pytest

from scripts.references.http import routes
from tests.security.conftest import Target
from tests.security.wire import request, send

REBOUND = (
    "evil.test",
    "evil.test:80",
    "localhost.evil.test",
    "127.0.0.1.evil.test",
    "ai",
    "2130706433",
    "0x7f000001",
    "0.0.0.0",
)
MALFORMED = (
    "localhost/@evil.test",
    "127.0.0.1:evil.test",
    "[::1",
    "local host",
    "a@127.0.0.1",
    "127.0.0.1:99999",
    "localhost?",
    "",
)
ROUTES = [(method, path.replace("{name}", "chat")) for method, path, _ in routes()]


@pytest.mark.parametrize("name", REBOUND)
def test_a_rebound_name_reaches_nothing(target: Target, name: str) -> None:
    """R1, CVE-2024-28224 (Ollama): a site that points its own name at 127.0.0.1 had the whole API. Here every route refuses it."""
    statuses = {path: send(target.address, request(method, path, host=name)).status for method, path in ROUTES}
    assert dict.fromkeys(statuses, 403) == statuses


def test_names_of_this_machine_are_served(target: Target) -> None:
    """R1: the check is no reason to write an odd address."""
    names = ("localhost", "127.0.0.1", "[::1]:1", "localhost:8080", "host.docker.internal", "anything.localhost")
    assert dict.fromkeys(names, 200) == {
        name: send(target.address, request("GET", "/healthz", host=name)).status for name in names
    }


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_host_is_refused(target: Target, name: str) -> None:
    """R4, CVE-2026-48710 (Starlette's "BadHost"): a Host that changed which path was judged.

    It is read by one pattern, or refused.
    """
    assert send(target.address, request("GET", "/hostd/v1/status", host=name)).status in {400, 403}


@pytest.mark.parametrize("where", [0, 1], ids=["port", "unix socket"])
@pytest.mark.parametrize(
    "origin", ["http://evil.test", "null", "https://localhost.evil.test", "file://", "http://[", "http://a@b"]
)
def test_a_page_elsewhere_is_refused_on_every_route(target: Target, origin: str, where: int) -> None:
    """R2, CVE-2026-2611 (MLflow) and CVE-2026-25253 (OpenClaw): one path without the check was enough.

    No answer lets a page read it.
    """
    address = target.addresses[where]
    for method, path in (*ROUTES, ("GET", "/nothing"), ("PUT", "/v1/models"), ("TRACE", "/")):
        reply = send(address, request(method, path, {"Origin": origin}))
        assert 403 == reply.status, (method, path)
        assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_form_changes_nothing(target: Target, kind: str) -> None:
    """R25, CVE-2024-3135 (LocalAI, CSRF): a form of another site is sent without asking first. It unloads and starts nothing."""
    before = target.host.row("chat")
    for path in ("/hostd/v1/models/chat/unload", "/v1/chat/completions", "/api/generate", "/hostd/v1/models/seen/load"):
        body = b'{"model": "chat", "prompt": "="}'
        page = {"Content-Type": kind, "Origin": "http://evil.test", "Sec-Fetch-Site": "cross-site"}
        assert 403 == send(target.address, request("POST", path, page, body)).status
        # Privacy settings and sandboxes hide where a page comes from, as `null`; some proxies take the header away.
        assert 403 == send(target.address, request("POST", path, page | {"Origin": "null"}, body)).status
        del page["Origin"]
        assert 403 == send(target.address, request("POST", path, page | {"Sec-Fetch-Mode": "navigate"}, body)).status
    after = target.host.row("chat")
    assert (before["state"], before["pid"], before["since"]) == (after["state"], after["pid"], after["since"])


def test_nothing_can_be_embedded_or_taken_for_a_page(target: Target) -> None:
    """R25, GHSA-ghx4-cgxw-7h9p (LocalAI, XSS).

    A picture, script or frame of another site gets nothing, and no answer is guessed to be HTML.
    """
    for path in ("/", "/v1/models", "/metrics", "/hostd/v1/models/chat/logs", "/<script>alert(1)</script>"):
        reply = send(target.address, request("GET", path))
        assert ("nosniff", "same-origin") == (
            reply.headers["x-content-type-options"],
            reply.headers["cross-origin-resource-policy"],
        )
        assert not reply.headers["content-type"].startswith("text/html")
        embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
        assert 403 == send(target.address, request("GET", path, embedded)).status


def test_a_preflight_gives_a_stranger_no_permission(target: Target) -> None:
    """R2, llama.cpp's default CORS: any Origin was reflected, with credentials. Here none is, and credentials are never allowed."""
    asks = {
        "Origin": "http://evil.test",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Private-Network": "true",
    }
    reply = send(target.address, request("OPTIONS", "/v1/chat/completions", asks))
    assert 403 == reply.status
    own = send(target.address, request("OPTIONS", "/v1/chat/completions", asks | {"Origin": "http://localhost:3000"}))
    assert "http://localhost:3000" == own.headers["access-control-allow-origin"]
    for answer in (reply, own):
        assert "access-control-allow-credentials" not in answer.headers
