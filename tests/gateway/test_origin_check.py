"""Web pages stay out; programs on this machine come in."""

import pytest

from hostd.domain.errors import RequestError
from hostd.gateway.origin_check import OriginCheck

HOME = ("127.0.0.1:11435", "unix:/run/hostd.sock")


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1:11435", "localhost", "LOCALHOST:80", "[::1]:11435", "127.0.0.1"),
        *("models", "models:8080", "hostd.localhost", "host.docker.internal:11435"),
    ],
)
def test_lets_local_names_in(host: str) -> None:
    """Any name that loopback has will do, with or without a port, and any that cannot be had on the internet."""
    OriginCheck(HOME).check({"Host": host})


@pytest.mark.parametrize("host", ["evil.example", "evil.example:11435", "127.0.0.1.evil.example", "192.168.1.2", ""])
def test_keeps_rebound_names_out(host: str) -> None:
    """A name that another site has pointed at this machine is refused."""
    with pytest.raises(RequestError, match="this server is not called") as caught:
        OriginCheck(HOME).check({"Host": host})
    assert (403, "host_not_allowed") == (caught.value.status, caught.value.code)


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1", "https://[::1]:8443"])
def test_lets_local_pages_in(origin: str) -> None:
    """A page that this machine serves may use its models."""
    OriginCheck(HOME).check({"Host": "localhost", "Origin": origin})


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example", "file://", ""])
def test_keeps_other_pages_out(origin: str) -> None:
    """A page cannot hide where it comes from."""
    with pytest.raises(RequestError, match="may not use this server"):
        OriginCheck(HOME).check({"Host": "localhost", "Origin": origin})


@pytest.mark.parametrize("listen", ["0.0.0.0:11435", "192.168.1.2:11435", "myhost:1"])
def test_on_the_network_any_host_will_do(listen: str) -> None:
    """A server that listens on the network is reached by any name; pages from elsewhere are refused."""
    OriginCheck((listen,)).check({"Host": "workstation.lan"})
    with pytest.raises(RequestError):
        OriginCheck((listen,)).check({"Host": "workstation.lan", "Origin": "https://evil.example"})
