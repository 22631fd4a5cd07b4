"""Addresses that can be served from, and listened on."""

import pytest

from hostd.config.addresses import address, web
from hostd.config.validators import InvalidValue


@pytest.mark.parametrize(
    "where",
    ["127.0.0.1:11435", "0.0.0.0:0", "[::1]:80", "localhost:11435", "my-host.lan:1", "unix:/run/hostd/hostd.sock"],
)
def test_addresses(where: str) -> None:
    """Hosts by number and name with a port, and sockets by absolute path."""
    assert where == address(where)


@pytest.mark.parametrize(
    "where",
    [
        "",
        "127.0.0.1",
        ":80",
        "::1:80",
        "[127.0.0.1]:80",
        "1.2.3:80",
        "a b:80",
        "h:65536",
        "h:x",
        "http://h:80",
        "unix:x",
        "unix:/" + "x" * 103,
        11435,
        None,
        ["h:80"],
    ],
)
def test_bad_addresses(where: object) -> None:
    """What nothing can bind to is refused before anything tries."""
    with pytest.raises(InvalidValue):
        address(where)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1234/v1", "https://api.example.com", "http://[::1]:80/v1"])
def test_servers(url: str) -> None:
    """Addresses of HTTP servers."""
    assert url == web(url)


@pytest.mark.parametrize(
    "url", ["localhost:1234", "ftp://h/", "http://", "http://h:99999/", "http://[::1/", "http://a b/"]
)
def test_no_servers(url: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(InvalidValue, match="write such as http://127"):
        web(url)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    """A secret belongs where it is masked."""
    with pytest.raises(InvalidValue, match="write the key as 'api_key'") as caught:
        web("http://me:hunter2@host/v1")
    assert "hunter2" not in str(caught.value)
