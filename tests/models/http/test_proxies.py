"""A proxy is used as the machine's other tools would use it."""

import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from hostd.models.errors import HubUnreachable, ModelUnreadable
from hostd.models.http.client import HubClient
from hostd.models.http.proxies import Proxy, proxy_for


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"https_proxy": "http://p:3128"}, Proxy("p", 3128)),
        ({"HTTPS_PROXY": "p:3128"}, Proxy("p", 3128)),
        ({"ALL_PROXY": "http://p"}, Proxy("p", 80)),
        ({"http_proxy": "http://p:1"}, None),
        ({"https_proxy": "http://p:1", "no_proxy": "example.org, .co"}, None),
        ({"https_proxy": "http://p:1", "no_proxy": "ggingface.co"}, Proxy("p", 1)),
        ({"https_proxy": "http://p:1", "no_proxy": "*"}, None),
        ({"https_proxy": "http://a:b%40@p:1"}, Proxy("p", 1, {"proxy-authorization": "Basic YTpiQA=="})),
    ],
)
def test_the_variables_decide(environ: dict[str, str], expected: Proxy | None) -> None:
    """By scheme, in either case, with exceptions by the end of a name."""
    assert expected == proxy_for("https", "huggingface.co", environ)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_needs_no_proxy(host: str) -> None:
    """A mirror at home is reached directly."""
    assert proxy_for("http", host, {"http_proxy": "http://p:1"}) is None


@pytest.mark.parametrize("proxy", ["socks5://p:1", "https://p:1", "http://", "http://p:x"])
def test_what_is_no_http_proxy_is_said(proxy: str) -> None:
    """Another kind would be passed by in silence otherwise."""
    with pytest.raises(ModelUnreadable, match="names no http proxy"):
        proxy_for("https", "hub", {"https_proxy": proxy})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Run a proxy that notes what it is asked, and set the variables for it."""
    lines: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            lines.append(self.requestline)
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def do_CONNECT(self) -> None:
            lines.append(self.requestline)
            self.send_error(403)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        for scheme in ("http", "https"):
            monkeypatch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        yield lines
        server.shutdown()
        thread.join(5)


def test_a_plain_request_goes_to_the_proxy_whole(asked: list[str]) -> None:
    """The proxy looks up the name; a public hub that redirects is not stopped by the proxy's own address."""
    with HubClient() as web:
        assert b"{}" == web.document("http://hub.invalid/a?b", 9).body
    assert ["GET http://hub.invalid/a?b HTTP/1.1"] == asked


def test_a_private_request_goes_through_a_tunnel(asked: list[str]) -> None:
    """The proxy learns the host, and nothing else; its refusal is said."""
    with HubClient() as web, pytest.raises(HubUnreachable, match=r"cannot be reached.*403"):
        web.document("https://hub.invalid/secret", 9)
    assert ["CONNECT hub.invalid:443"] == [line.rpartition(" ")[0] for line in asked]
