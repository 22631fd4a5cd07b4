"""Web pages stay out; programs on this machine and pages that the owner lets in come in."""

import pytest
from multidict import CIMultiDict

from hostd.domain.errors import RequestError
from hostd.domain.server_settings import ServerSettings
from hostd.gateway.http.origin_check import OriginCheck

HOME = ("127.0.0.1:11435", "unix:/run/hostd.sock")
OPENED = ServerSettings(hosts=("box.example", "*.ts.net"), origins=("https://chat.example", "vscode-webview://*"))
CROSS = {"Host": "localhost", "Sec-Fetch-Site": "cross-site"}


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1:11435", "localhost", "LOCALHOST:80", "[::1]:11435", "127.0.0.1", "localhost."),
        *("hostd.localhost", "host.docker.internal:11435", "host.containers.internal"),
    ],
)
def test_lets_local_names_in(host: str) -> None:
    """Any name that loopback has will do, with or without a port, and what containers call this machine."""
    check = OriginCheck(HOME)
    assert [None, None] == [check.check({"Host": host}) for _ in range(2)]


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "evil.example:11435",
            "127.0.0.1.evil.example",
            "192.168.1.2",
            "ai",
            "models",
            "evil.internal",
        ),
        *("2130706433", "0", "127.1", "box.example", "a.ts.net"),
    ],
)
def test_keeps_rebound_names_out(host: str) -> None:
    """A name that another site has pointed at this machine is refused; even a bare word can be had by somebody."""
    with pytest.raises(RequestError, match=r"this server is not called .*'server.hosts'") as caught:
        OriginCheck(HOME).check({"Host": host})
    assert (403, "host_not_allowed") == (caught.value.status, caught.value.code)


@pytest.mark.parametrize("host", ["", "[::1", "local host", "127.0.0.1:evil.example", "a@127.0.0.1", "\u017focalhost"])
def test_what_is_no_host_is_refused(host: str) -> None:
    """As RFC 9112 has it: 400."""
    with pytest.raises(RequestError) as caught:
        OriginCheck(HOME).check({"Host": host})
    assert (400, "bad_host") == (caught.value.status, caught.value.code)


def test_declared_names_are_let_in() -> None:
    """A proxy may pass on the name under which it is reached."""
    check = OriginCheck(HOME, OPENED)
    for host in ("box.example:443", "a.ts.net", "localhost"):
        check.check({"Host": host})
    with pytest.raises(RequestError):
        check.check({"Host": "ts.net.evil.example"})


@pytest.mark.parametrize("listen", ["0.0.0.0:11435", "192.168.1.2:11435"])
def test_the_host_is_checked_wherever_it_listens(listen: str) -> None:
    """An address of its own is a name of its own; every other one must be declared."""
    check = OriginCheck((listen,))
    check.check({"Host": listen})
    with pytest.raises(RequestError):
        check.check({"Host": "workstation.lan"})


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "http://127.0.0.1", "https://[::1]:8443", "tauri://localhost"]
)
def test_lets_local_pages_in(origin: str) -> None:
    """A page that this machine serves may use its models."""
    assert origin == OriginCheck(HOME).check({"Host": "localhost", "Origin": origin})


@pytest.mark.parametrize("origin", ["https://chat.example", "vscode-webview://1a2b3c"])
def test_lets_declared_pages_in(origin: str) -> None:
    """Desktop programs have schemes of their own."""
    assert origin == OriginCheck(HOME, OPENED).check({"Host": "localhost", "Origin": origin})
    with pytest.raises(RequestError):
        OriginCheck(HOME).check({"Host": "localhost", "Origin": origin})


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "https://evil.example",
            "null",
            "http://localhost.evil.example",
            "file://",
            "",
            "http://[",
            "http://[x]",
            "http://\u2100",
        ),
        *("http://localhost:1@evil.example", "http://[::1]evil.example", "chrome-extension://abc"),
    ],
)
def test_keeps_other_pages_out(origin: str) -> None:
    """A page cannot hide where it comes from, and what is no origin is none of ours."""
    with pytest.raises(RequestError, match=r"may not use this server.*'server.origins'") as caught:
        OriginCheck(HOME).check({"Host": "localhost", "Origin": origin})
    assert 403 == caught.value.status


def test_two_origins_are_none() -> None:
    """One of them would be a lie."""
    headers = CIMultiDict([("Host", "localhost"), ("Origin", "http://localhost"), ("Origin", "https://evil.example")])
    with pytest.raises(RequestError):
        OriginCheck(HOME).check(headers)


def test_a_page_of_a_declared_host_may_use_it_under_that_name_only() -> None:
    """What a proxy shows under a declared name is this server's own page; its neighbours under a pattern are not."""
    check = OriginCheck(HOME, OPENED)
    page = {"Origin": "https://mine.ts.net"}
    assert "https://mine.ts.net" == check.check({"Host": "mine.ts.net", **page})
    for host in ("yours.ts.net", "localhost"):
        with pytest.raises(RequestError):
            check.check({"Host": host, **page})


@pytest.mark.parametrize(
    "more", [{"Sec-Fetch-Mode": "no-cors"}, {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, {}]
)
def test_pages_elsewhere_embed_nothing(more: dict[str, str]) -> None:
    """A browser sends no Origin for a picture or a script, but says that another site asks."""
    with pytest.raises(RequestError) as caught:
        OriginCheck(HOME).check(CROSS | more)
    assert (403, "origin_not_allowed") == (caught.value.status, caught.value.code)


@pytest.mark.parametrize(
    "headers",
    [
        CROSS | {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
        {"Host": "localhost", "Sec-Fetch-Site": "same-origin"},
        {"Host": "localhost", "Sec-Fetch-Site": "none"},
    ],
)
def test_a_person_may_follow_a_link(headers: dict[str, str]) -> None:
    """And type an address."""
    assert OriginCheck(HOME).check(headers) is None


def test_a_form_is_no_link() -> None:
    """A page elsewhere may submit one, and something on the way may have taken its Origin away."""
    followed = {"Host": "localhost", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    with pytest.raises(RequestError, match="other sites"):
        OriginCheck(HOME).check(followed, method="POST")


def test_a_socket_has_no_name() -> None:
    """At a unix socket the Host says nothing; a page that a proxy lets through still has its origin."""
    check = OriginCheck(HOME)
    assert check.check({"Host": "any.name"}, by_name=False) is None
    with pytest.raises(RequestError):
        check.check({"Host": "any.name", "Origin": "https://any.name"}, by_name=False)


def test_a_message_holds_no_long_text() -> None:
    """What a stranger sends is not echoed whole."""
    with pytest.raises(RequestError) as caught:
        OriginCheck(HOME).check({"Host": "localhost", "Origin": "x" * 8000})
    assert len(caught.value.message) < 500
