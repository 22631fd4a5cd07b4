"""A scripted cloud provider as a process, and a daemon that trusts its certificate's authority."""

import json
import select
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hostd.supervisor.launch import free_port
from tests.journeys.host import Host, started, until, write_files

TESTS = Path(__file__).parents[1]
TLS = TESTS / "data" / "tls"
AUTHORITY = TLS / "ca.pem"
KEY = "sk-scripted-0123456789abcdef"
VARIABLE = "SCRIPTED_CLOUD_KEY"


@dataclass
class Provider:
    """A running provider; *url* is what clients call its base url."""

    url: str
    process: subprocess.Popen[bytes]

    def ask(self, path: str, document: object = None) -> Any:
        """Return the provider's answer to a request of the test's own."""
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(self.url.removesuffix("/v1") + path, data)
        context = ssl.create_default_context(cafile=str(AUTHORITY))
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return json.loads(answer.read())

    def script(self, **script: object) -> None:
        """Say what happens to requests from now on."""
        self.ask("/script", script)

    def asked(self) -> list[dict[str, Any]]:
        """Return the requests for answers so far."""
        return [each for each in self.ask("/seen")["requests"] if each["method"] == "POST"]

    def _is_up(self) -> bool:
        try:
            return bool(self.ask("/seen"))
        except OSError:
            return False

    def wait(self) -> None:
        """Return when it answers."""
        until(self._is_up)


@contextmanager
def provider(key: str = KEY, program: str = "scripted_cloud") -> Iterator[Provider]:
    """Run the provider that *program* is, which wants *key*."""
    port = free_port()
    argv = [sys.executable, str(TESTS / "engines" / f"{program}.py"), "--port", str(port), "--key", key]
    process = subprocess.Popen([*argv, "--certificate", str(TLS / "localhost.pem")], stdin=subprocess.DEVNULL)
    try:
        running = Provider(f"https://localhost:{port}/v1", process)
        running.wait()
        yield running
    finally:
        process.kill()
        process.wait()


@contextmanager
def serving_cloud(
    folder: Path, *profiles: Mapping[str, Any], environment: Mapping[str, str] | None = None, **host: Any
) -> Iterator[Host]:
    """Run a daemon with *profiles* that has the provider's key and trusts the authority of its certificate."""
    config = write_files(folder, *profiles, **host)
    given = {"SSL_CERT_FILE": str(AUTHORITY), VARIABLE: KEY} | dict(environment or {})
    with started(folder, "--config", str(config), environment=given) as running:
        until(lambda: running.get("/readyz").status == 200)
        yield running


def cloud(name: str, url: str, **more: Any) -> dict[str, Any]:
    """Return a profile of the provider's model at *url*."""
    variant = {"backend": "cloud", "provider": "scripted", "url": url, "model": "big-1"}
    key = {} if "key_file" in more else {"api_key": f"${{env:{VARIABLE}}}"}
    own = {word: more.pop(word) for word in ("key_file", "provider") if word in more}
    return {"name": name, "variants": [variant | key | own], "price": {"input": 2.0, "output": 8.0}} | more


class _Tunnel(socketserver.StreamRequestHandler):
    """One connection that the proxy forwards to this machine, whatever the host is called."""

    server: "ForwardProxy"

    def handle(self) -> None:
        """Take the head of CONNECT, then copy in both directions."""
        first = self.rfile.readline().split()
        while self.rfile.readline().strip():
            pass
        self.server.told.append(first[1].decode())
        with socket.create_connection(("127.0.0.1", int(first[1].rpartition(b":")[2]))) as there:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with suppress(OSError):
                self._copy(there)

    def _copy(self, there: socket.socket) -> None:
        ends = {there: self.connection, self.connection: there}
        while True:
            for end in select.select(list(ends), [], [])[0]:
                if not (data := end.recv(65536)):
                    return
                ends[end].sendall(data)


class ForwardProxy(socketserver.ThreadingTCPServer):
    """A proxy on this machine that keeps where it was told to connect."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.told: list[str] = []

    @property
    def url(self) -> str:
        """What HTTPS_PROXY is set to."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def forward_proxy() -> Iterator[ForwardProxy]:
    """Run a proxy in a thread."""
    with ForwardProxy() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()
