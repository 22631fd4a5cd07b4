"""Requests go where they should, carry a credential nowhere else, and come to an end."""

import socket
import time

import pytest

from hostd.models.errors import HubUnreachable, ModelNotFound, ModelUnreadable
from hostd.models.http import client as web_module
from hostd.models.http.client import Credential, HubClient, is_private, origin
from tests.models.hub import REPO, Hub

FILE = f"/{REPO}/resolve/main/m.gguf"
BODY = bytes(range(256)) * 64


@pytest.fixture
def full(hub: Hub) -> Hub:
    """A hub with one file."""
    hub.files["m.gguf"] = BODY
    return hub


def refusal(hub: Hub, fault: str, *, at: str = "store", kind: type[ModelUnreadable] = ModelUnreadable) -> str:
    """Return the sentence for a fault."""
    hub.faults[at] = fault
    with HubClient(patience=1, deadline=20) as web, pytest.raises(kind) as caught:
        web.span(hub.url + FILE, 100, 200)
    return caught.value.message


def test_a_range_is_fetched_through_a_redirect(full: Hub) -> None:
    """The bytes, the size, where they were, and what the hub said on the way all come back."""
    with HubClient() as web:
        answer = web.span(full.url + FILE, 100, 200)
    assert (BODY[100:200], len(BODY)) == (answer.body, answer.size)
    assert answer.url.startswith(full.store)
    assert "x-repo-commit" in answer.facts


def test_a_credential_stays_with_its_origin(full: Hub) -> None:
    """The hub gets the token, and the store that it redirects to does not."""
    with HubClient(Credential(origin(full.url), "Bearer hf_secret")) as web:
        web.span(full.url + FILE, 0, 10)
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
    with HubClient() as web, pytest.raises(ModelUnreadable, match="is no address of a hub"):
        web.span(url, 0, 1)


def test_connections_are_kept_between_requests(full: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pieces through a redirect take two connections."""
    opened: list[int] = []

    def counted(connected: socket.socket) -> bool:
        opened.append(connected.fileno())
        return is_private(connected)

    monkeypatch.setattr(web_module, "is_private", counted)
    with HubClient() as web:
        for first in (0, 100, 200):
            web.span(full.url + FILE, first, first + 50)
    assert (2, 3) == (len(opened), web.ranges)


def test_a_connection_that_was_closed_meanwhile_is_replaced(full: Hub) -> None:
    """A hub may hang up on an idle connection; the next request is sent again on a new one."""
    with HubClient() as web:
        web.document(f"{full.url}/api/models/{REPO}/tree/main", 9999)
        for line in web._lines.values():
            line.connection.sock.shutdown(socket.SHUT_RDWR)
        assert BODY[:10] == web.span(full.url + FILE, 0, 10).body


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("circle", "redirects in a circle"),
        ("maze", "more than 5 times"),
        ("nowhere", "redirects to nowhere"),
        ("away file:///etc/passwd", "is no address of a hub"),
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
    """Each misbehaviour of a server has its sentence."""
    assert why in refusal(full, fault)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("status 503", "answered HTTP 503; try again in 7 s"),
        ("status 429", "try again in 7 s"),
        ("drop", "cannot be reached"),
        ("hang", "did not answer within 1 s"),
        ("broken off", "broke off with 50 B still to come"),
    ],
)
def test_answers_that_may_be_right_another_time_say_so(full: Hub, fault: str, why: str) -> None:
    """What a second try may mend is told apart from what it will not."""
    assert why in refusal(full, fault, kind=HubUnreachable)


def test_a_slow_drip_comes_to_an_end(full: Hub) -> None:
    """A server that sends a byte now and then is cut off at the deadline."""
    full.faults["store"] = "drip"
    begin = time.monotonic()
    with HubClient(patience=5, deadline=0.2) as web, pytest.raises(HubUnreachable, match="too slow"):
        web.span(full.url + FILE, 0, 50_000)
    assert time.monotonic() - begin < 3


def test_a_server_without_ranges_is_read_from_the_start(full: Hub) -> None:
    """The part before the wanted one is dropped, and what comes after it is not fetched."""
    full.faults["store"] = "no ranges"
    with HubClient() as web:
        answer = web.span(full.url + FILE, 100, 200)
    assert (BODY[100:200], len(BODY)) == (answer.body, answer.size)


def test_a_file_that_is_not_there_is_told_apart(full: Hub) -> None:
    """A name that was mistyped is no broken hub."""
    with HubClient() as web, pytest.raises(ModelNotFound, match="check the spelling"):
        web.span(f"{full.url}/{REPO}/resolve/main/other.gguf", 0, 1)


def test_a_range_behind_the_end_says_how_long_the_file_is(full: Hub) -> None:
    """A header that points behind its own file is the file's fault."""
    with HubClient() as web, pytest.raises(ModelUnreadable, match=f"ends after {len(BODY)} bytes"):
        web.span(full.url + FILE, len(BODY), len(BODY) + 10)


def test_nobody_there_is_unreachable() -> None:
    """A refused connection says so."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with HubClient() as web, pytest.raises(HubUnreachable, match="is this machine online"):
        web.span(f"http://127.0.0.1:{port}/x", 0, 1)


def test_a_document_has_a_limit(full: Hub) -> None:
    """A list that goes on for ever is not read for ever, whether or not its length is told."""
    url = f"{full.url}/api/models/{REPO}/tree/main"
    with HubClient() as web:
        with pytest.raises(ModelUnreadable, match="cannot be right"):
            web.document(url, 5)
        full.faults["tree"] = "endless"
        with pytest.raises(ModelUnreadable, match="is longer than 5 B"):
            web.document(url, 5)
        assert b"GGUFGGUF" == web.document(url, 8).body


def test_facts_are_asked_for_without_the_file(full: Hub) -> None:
    """A look at the headers follows no redirect."""
    with HubClient() as web:
        assert str(len(BODY)) == web.facts(full.url + FILE)["x-linked-size"]
    assert [("HEAD", FILE)] == [(method, path) for method, path, _ in full.seen]


def test_no_step_from_https_to_http() -> None:
    """What began in private does not go on in the open."""
    with pytest.raises(ModelUnreadable, match="from https to http"):
        web_module._next("https://hub/a", "http://hub/a")


def test_a_public_hub_cannot_send_us_to_private_addresses(full: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step is refused before a byte is sent: the store sees no request."""
    port = int(full.url.rpartition(":")[2])
    monkeypatch.setattr(web_module, "is_private", lambda connected: port != connected.getpeername()[1])
    with HubClient() as web, pytest.raises(ModelUnreadable, match="which is a private address"):
        web.span(full.url + FILE, 0, 1)
    assert [FILE] == [path for _, path, _ in full.seen]


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("169.254.169.254", True),
        ("100.64.0.1", True),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("8.8.8.8", False),
        ("2606:4700::1111", False),
    ],
)
def test_private_is_what_is_not_on_the_public_internet(address: str, private: bool) -> None:
    """Loopback, local networks, link-local and carrier addresses are private."""

    class Connected(socket.socket):
        def getpeername(self) -> tuple[str, int]:
            return address, 443

    with Connected() as connected:
        assert private is is_private(connected)


def test_a_stream_begins_where_it_is_told(full: Hub) -> None:
    """The whole file without a range, the rest with one; the server's own mark of the content comes along."""
    with HubClient() as web:
        with web.stream(full.url + FILE) as body:
            assert (0, len(BODY), BODY) == (body.first, body.size, b"".join(iter(lambda: body.read(1000), b"")))
            mark = body.validator
        with web.stream(full.url + FILE, 100, mark) as body:
            assert (100, len(BODY), BODY[100:110]) == (body.first, body.size, body.read(10))
    assert mark.startswith('"')


def test_a_stream_whose_content_changed_begins_at_its_beginning(full: Hub) -> None:
    """The condition goes along with the range."""
    with HubClient() as web, web.stream(full.url + FILE, 100, '"other"') as body:
        assert (0, BODY[:10]) == (body.first, body.read(10))


@pytest.mark.parametrize("fault", ["other range", "no content-range"])
def test_a_stream_of_something_else_is_refused(full: Hub, fault: str) -> None:
    """A part that was not asked for is not written where another belongs."""
    full.faults["store"] = fault
    with (
        HubClient() as web,
        pytest.raises(ModelUnreadable, match="such a server cannot be used"),
        web.stream(full.url + FILE, 100),
    ):
        pass
