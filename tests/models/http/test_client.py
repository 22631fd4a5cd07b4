"""Requests go where they should, carry a credential nowhere else, and come to an end."""

import socket
import time
from pathlib import Path

import pytest

from hostd.models.errors import HubUnreachable, ModelNotFound, ModelUnreadable
from hostd.models.http import client as client_module
from hostd.models.http.client import Credential, HubClient, is_loopback, is_private, origin
from tests.models.hub import REPO, Hub

FILE = f"/{REPO}/resolve/main/m.gguf"
BODY = bytes(range(256)) * 64


def without_proxies(patch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    """Set the variables of *environ*, and no other that names a proxy."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        patch.delenv(name, raising=False)
        patch.delenv(name.upper(), raising=False)
    for name, value in environ.items():
        patch.setenv(name, value)


@pytest.fixture
def full(hub: Hub) -> Hub:
    """A hub with one file."""
    hub.files["m.gguf"] = BODY
    return hub


def refusal(hub: Hub, fault: str, *, at: str = "store", kind: type[ModelUnreadable] = ModelUnreadable) -> str:
    """Return the sentence for a fault."""
    hub.faults[at] = fault
    # A busy machine may answer late; only who hangs is waited for in vain.
    with HubClient(patience=1 if fault == "hang" else 10, deadline=20) as client, pytest.raises(kind) as caught:
        client.span(hub.url + FILE, 100, 200)
    return caught.value.message


def test_a_range_is_fetched_through_a_redirect(full: Hub) -> None:
    """The bytes, the size, where they were, and what the hub said on the way all come back."""
    with HubClient() as client:
        answer = client.span(full.url + FILE, 100, 200)
    assert (BODY[100:200], len(BODY)) == (answer.body, answer.size)
    assert answer.url.startswith(full.store)
    assert "x-repo-commit" in answer.headers


def test_a_credential_stays_with_its_origin(full: Hub) -> None:
    """R9, CVE-2025-51471 (Ollama: a registry's answer sent its token to another host).

    The hub gets the token, and the store that it redirects to does not.
    """
    with HubClient(Credential(origin(full.url), "Bearer hf_secret")) as client:
        client.span(full.url + FILE, 0, 10)
    assert [("Bearer hf_secret", FILE)] == [
        (headers["authorization"], path) for _, path, headers in full.seen if "authorization" in headers
    ]
    assert 2 == len(full.seen)


def test_the_same_host_on_another_port_is_another_origin() -> None:
    """Scheme, host and port make an origin; a default port may be written or not."""
    assert origin("https://hub/a") == origin("https://HUB:443/b?c")
    assert origin("https://hub/a") != origin("https://hub:8443/a")
    assert origin("https://hub/a") != origin("http://hub/a")


@pytest.mark.parametrize(
    "url", ["ftp://hub/x", "file:///etc/passwd", "hub/x", "http://", "http://h:x/", "http://h/a b", ""]
)
def test_what_is_no_address_of_a_hub_is_not_asked(url: str) -> None:
    """Only http and https addresses with a host are."""
    with HubClient() as client, pytest.raises(ModelUnreadable, match="is no address of a hub"):
        client.span(url, 0, 1)


def test_connections_are_kept_between_requests(full: Hub) -> None:
    """Three pieces through a redirect take two connections."""
    with HubClient() as client:
        for first in (0, 100, 200):
            client.span(full.url + FILE, first, first + 50)
        assert (2, 3) == (len(full.peers), client.ranges)


def test_a_connection_that_was_closed_meanwhile_is_replaced(full: Hub) -> None:
    """A hub may hang up on an idle connection; the next request is sent again on a new one."""
    full.faults["/store/"] = "last"
    with HubClient() as client:
        for first in (0, 100):
            assert BODY[first : first + 10] == client.span(full.url + FILE, first, first + 10).body


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("circle", "redirects in a circle"),
        ("maze", "more than 5 times"),
        ("nowhere", "answered HTTP 302"),
        ("away file:///etc/passwd", "to what is no address of a hub"),
        ("away http://[", "is no address of a hub"),
        ("status 401", "give HF_TOKEN a token"),
        ("status 418", "is it a hub of models"),
        ("html", "is a web page"),
        ("gzip", "packed as gzip"),
        ("other range", "was asked for bytes 100 to 199 and sent 'bytes 101-199"),
        ("no content-range", "without saying which"),
    ],
)
def test_answers_that_cannot_be_right_are_refused(full: Hub, fault: str, why: str) -> None:
    """R12, CVE-2024-12886 (Ollama: a registry's answer that was packed filled the memory).

    Each misbehaviour of a server has its sentence.
    """
    assert why in refusal(full, fault)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("status 503", "answered HTTP 503; try again in 7 s"),
        ("status 429", "try again in 7 s"),
        ("drop", "cannot be reached"),
        ("hang", "did not answer within 1 s"),
        ("broken off", "broke off after 50 B"),
    ],
)
def test_answers_that_may_be_right_another_time_say_so(full: Hub, fault: str, why: str) -> None:
    """What a second try may mend is told apart from what it will not."""
    assert why in refusal(full, fault, kind=HubUnreachable)


def test_a_slow_drip_comes_to_an_end(full: Hub) -> None:
    """A server that sends a byte now and then is cut off at the deadline."""
    full.faults["store"] = "drip"
    begin = time.monotonic()
    with HubClient(patience=5, deadline=0.2) as client, pytest.raises(HubUnreachable, match="too slow"):
        client.span(full.url + FILE, 0, 50_000)
    assert time.monotonic() - begin < 3


def test_a_server_without_ranges_is_read_from_the_start(full: Hub) -> None:
    """The part before the wanted one is dropped, and what comes after it is not fetched."""
    full.faults["store"] = "no ranges"
    with HubClient() as client:
        answer = client.span(full.url + FILE, 100, 200)
    assert (BODY[100:200], len(BODY)) == (answer.body, answer.size)


def test_a_file_that_is_not_there_is_told_apart(full: Hub) -> None:
    """A name that was mistyped is no broken hub."""
    with HubClient() as client, pytest.raises(ModelNotFound, match="check the spelling"):
        client.span(f"{full.url}/{REPO}/resolve/main/other.gguf", 0, 1)


def test_a_range_behind_the_end_says_how_long_the_file_is(full: Hub) -> None:
    """A header that points behind its own file is the file's fault."""
    with HubClient() as client, pytest.raises(ModelUnreadable, match=f"ends after {len(BODY)} bytes"):
        client.span(full.url + FILE, len(BODY), len(BODY) + 10)


def test_a_closed_port_is_unreachable() -> None:
    """A refused connection says so."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with HubClient() as client, pytest.raises(HubUnreachable, match="is this machine online"):
        client.span(f"http://127.0.0.1:{port}/x", 0, 1)


def test_a_document_has_a_limit(full: Hub) -> None:
    """A list that goes on for ever is not read for ever, whether or not its length is told."""
    url = f"{full.url}/api/models/{REPO}/tree/main"
    with HubClient() as client:
        with pytest.raises(ModelUnreadable, match="cannot be right"):
            client.document(url, 5)
        full.faults["tree"] = "endless"
        with pytest.raises(ModelUnreadable, match="is longer than 5 B"):
            client.document(url, 5)
        assert b"GGUFGGUF" == client.document(url, 8).body


def test_headers_are_asked_for_without_the_file(full: Hub) -> None:
    """A look at the headers follows no redirect."""
    with HubClient() as client:
        assert str(len(BODY)) == client.head(full.url + FILE)["x-linked-size"]
    assert [("HEAD", FILE)] == [(method, path) for method, path, _ in full.seen]


def test_no_step_from_https_to_http(full: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What began encrypted does not go on in the open: the store sees no request."""
    monkeypatch.setattr(
        client_module, "origin", lambda url: ("https" if url.startswith(full.url) else "http", *origin(url)[1:])
    )
    with HubClient() as client, pytest.raises(ModelUnreadable, match="from https to http"):
        client.span(full.url + FILE, 0, 1)
    assert [FILE] == [path for _, path, _ in full.seen]


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]"])
def test_a_link_local_address_is_never_asked(full: Hub, host: str) -> None:
    """R11, CVE-2026-114493 (LocalAI: a redirect led past the check).

    What describes a cloud machine to itself is there, and no hub.
    """
    assert "is a link-local address" in refusal(full, f"away http://{host}/latest", at="/resolve/")


def test_headers_of_the_owners_netrc_do_not_meet_the_token(
    full: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two credentials for one request would be refused, and the store must not get one either."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with HubClient(Credential(origin(full.url), "Bearer hf_secret")) as client:
        client.span(full.url + FILE, 0, 10)
    assert [("Bearer hf_secret")] == [each["authorization"] for _, _, each in full.seen if "authorization" in each]


def test_this_machine_needs_no_proxy(full: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror on loopback is reached directly."""
    without_proxies(monkeypatch, {"http_proxy": "http://127.0.0.1:1"})
    with HubClient() as client:
        assert BODY[:10] == client.span(full.url + FILE, 0, 10).body


@pytest.mark.parametrize(
    ("host", "expected"), [("127.9.9.9", True), ("::1", True), ("localhost", True), ("10.0.0.1", False)]
)
def test_loopback_is_known_by_its_name(host: str, expected: bool) -> None:
    """No name is looked up for it."""
    assert expected is is_loopback(host)


def test_a_plain_request_goes_to_the_proxy_whole(full: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy looks up the name, and gets the owner's name and password for it."""
    without_proxies(monkeypatch, {"http_proxy": full.url.replace("//", "//me:secret@")})
    with HubClient() as client:
        assert len(BODY) == client.span(f"http://hub.invalid{FILE}", 0, 9).size
    _, asked, headers = full.seen[0]
    assert (f"http://hub.invalid{FILE}", "Basic bWU6c2VjcmV0") == (asked, headers["proxy-authorization"])


def test_an_encrypted_request_goes_through_a_tunnel(full: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy learns the host, and nothing else; its refusal is said."""
    without_proxies(monkeypatch, {"https_proxy": full.url})
    with HubClient() as client, pytest.raises(HubUnreachable, match="cannot be reached"):
        client.document("https://hub.invalid/secret", 9)
    assert [("CONNECT", "hub.invalid:443")] == [(method, path) for method, path, _ in full.seen]


@pytest.mark.parametrize(
    ("host", "private"),
    [("10.0.0.1", True), ("127.0.0.2", True), ("fd00::1", True), ("8.8.8.8", False), ("a.lan", False)],
)
def test_private_addresses_are_known(host: str, private: bool) -> None:
    """A name says nothing of where it leads."""
    assert private is is_private(host)
