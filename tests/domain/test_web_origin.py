"""Hosts and origins are read strictly, and patterns allow what they say and no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.web_origin import (
    HostPatterns,
    OriginPattern,
    WebOrigin,
    host_pattern,
    is_loopback_host,
    parse_host,
    parse_origin,
)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("127.0.0.1:11435", ("127.0.0.1", 11435)),
        ("LOCALHOST", ("localhost", None)),
        ("localhost.:80", ("localhost", 80)),
        ("[::1]:11435", ("[::1]", 11435)),
        ("[0:0:0:0:0:0:0:1]", ("[::1]", None)),
        ("my_box.lan", ("my_box.lan", None)),
        ("xn--bcher-kva.example:0", ("xn--bcher-kva.example", 0)),
    ],
)
def test_reads_hosts(text: str, host: tuple[str, int | None]) -> None:
    """Names, addresses of both families, with and without a port; the closing dot of a full name is no part of it."""
    assert host == parse_host(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ".", "..", "a..b", "-a", "a-", "[::1", "::1", "[::1]evil.example", "[x]", "[::1]:", "a:", "a:b"),
        *(
            "127.0.0.1:evil.example",
            "a:99999",
            "a:123456",
            "local host",
            "a,b",
            "a@b",
            "a/b",
            "a#b",
            "a?b",
            "a\tb",
            "a\x00b",
        ),
        *("\u017focalhost", "\u2100", "a" * 300, "a." * 200, "*", "*.a", "a\\b", "http://a"),
    ],
)
def test_everything_else_is_no_host(text: str) -> None:
    """A lenient parser would see a host in each, not always the same one."""
    assert parse_host(text) is None


@pytest.mark.slow
@given(st.text(max_size=40))
def test_no_text_breaks_the_parsers(text: str) -> None:
    """Headers are strangers' words: each is a host, an origin, or none."""
    for value in (text, f"http://{text}", f"{text}://localhost", f"[{text}]"):
        parse_host(value)
        parse_origin(value)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://localhost:3000", WebOrigin("http", "localhost", 3000)),
        ("https://chat.example:443", WebOrigin("https", "chat.example")),
        ("https://chat.example:80", WebOrigin("https", "chat.example", 80)),
        ("HTTP://[::1]", WebOrigin("http", "[::1]")),
        ("app://obsidian.md", WebOrigin("app", "obsidian.md")),
        ("chrome-extension://abcdefghijklmnop", WebOrigin("chrome-extension", "abcdefghijklmnop")),
        ("file://", WebOrigin("file", "")),
    ],
)
def test_reads_origins(text: str, origin: WebOrigin) -> None:
    """A scheme, a host, and a port where it is not the scheme's own."""
    assert origin == parse_origin(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "null",
            "",
            "localhost",
            "//localhost",
            "http://",
            "http://[",
            "http://[::1",
            "http://localhost/",
            "http://a/b",
        ),
        *(
            "http://localhost:1@evil.example",
            "http://localhost@evil.example",
            "http://evil.example\\@localhost",
            "1http://a",
        ),
        "http://a http://b",
    ],
)
def test_everything_else_is_no_origin(text: str) -> None:
    """Browsers send no such thing."""
    assert parse_origin(text) is None


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_knows_loopback(host: str) -> None:
    """Names that browsers do not look up, and addresses that lead nowhere else."""
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host", ["localhost.example", "127.1", "2130706433", "0", "0.0.0.0", "192.168.1.2", "[::]", "ai"]
)
def test_knows_what_is_not_loopback(host: str) -> None:
    """Short forms of addresses are names to some resolvers; browsers write them out."""
    assert not is_loopback_host(host)


def test_host_patterns() -> None:
    """A name stands for itself, a star for every name below one."""
    patterns = HostPatterns(["Box.Example", "*.ts.net", "192.168.1.2"])
    assert all(patterns.match(host) for host in ("box.example", "a.ts.net", "a.b.ts.net", "192.168.1.2"))
    assert not any(patterns.match(host) for host in ("ts.net", "evilts.net", "a.box.example", "box.example.evil", ""))
    assert not HostPatterns([]).match("a")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://box.example", "write its name alone"),
        ("box.example/x", "write its name alone"),
        ("box.example:80", "leave it out"),
        ("a.*.b", "write a name"),
        ("*", "write a name"),
        ("", "write a name"),
    ],
)
def test_refuses_host_patterns(text: str, said: str) -> None:
    """With what to write instead."""
    with pytest.raises(ValueError, match=said):
        host_pattern(text)


@pytest.mark.parametrize(
    ("pattern", "allowed", "refused"),
    [
        (
            "https://chat.example",
            ["https://chat.example", "https://chat.example:443"],
            ["http://chat.example", "https://chat.example:8443"],
        ),
        ("http://box.lan:*", ["http://box.lan", "http://box.lan:3000"], ["https://box.lan", "http://a.box.lan"]),
        ("http://box.lan:3000", ["http://box.lan:3000"], ["http://box.lan"]),
        ("https://*.example", ["https://a.example", "https://a.b.example"], ["https://example", "https://evilexample"]),
        ("vscode-webview://*", ["vscode-webview://1a2b", "vscode-webview://x"], ["vscode-webview2://x", "app://x"]),
        ("app://obsidian.md", ["app://obsidian.md"], ["app://obsidian.md.evil", "app://x"]),
        ("file://", ["file://"], ["file://host"]),
    ],
)
def test_origin_patterns(pattern: str, allowed: list[str], refused: list[str]) -> None:
    """Each lets in what it says."""
    made = OriginPattern(pattern)
    assert [True] * len(allowed) == [made.match(origin) for text in allowed if (origin := parse_origin(text))]
    assert not any(made.match(origin) for text in refused if (origin := parse_origin(text)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("*", "write SCHEME://HOST"),
        ("chat.example", "write SCHEME://HOST"),
        ("null", "write SCHEME://HOST"),
        ("https://*", "every web page"),
        ("http://*:*", "every web page"),
        ("https://chat.example/path", "has no path"),
        ("https://", "has no path"),
        ("https://a*b", "has no path"),
    ],
)
def test_refuses_origin_patterns(text: str, said: str) -> None:
    """What is no origin, and what would open the server to the web."""
    with pytest.raises(ValueError, match=said):
        OriginPattern(text)
