"""A hub on this machine: Hugging Face's routes, Ollama's registry, the store that both redirect to, and all of their faults."""

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hostd.models.locations import ModelLocations

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = "owner/model-GGUF"


@dataclass
class Hub:
    """What the hub has and does. *files* are a repository's; *blobs* and *manifests* are the registry's.

    *faults* maps a part of a method and path to what goes wrong there, *turns* to what goes wrong there one request after the
    other. *listing* is what the tree answers instead of what it should; *found* is what a search finds; *commit* is what headers
    name. *xet* are the digests of files that Xet stores at *cas*. *seen* is every request, as method, path and headers, and
    *peers* where they came from. *gate* holds back a body after its first bytes until it is set.
    """

    url: str = ""
    store: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    turns: dict[str, list[str]] = field(default_factory=dict)
    xet: dict[str, str] = field(default_factory=dict)
    cas: str = ""
    commit: str = COMMIT
    listing: bytes | None = None
    found: tuple[str, ...] = ()
    gate: threading.Event = field(default_factory=threading.Event)
    held: threading.Event = field(default_factory=threading.Event)
    peers: set[tuple[str, int]] = field(default_factory=set)
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def locations(self, cache: Path) -> ModelLocations:
        """Return locations that lead here, with *cache* for all folders."""
        return ModelLocations(
            headers=cache / "headers", hub_cache=cache / "hub", hub=self.url, registry=self.url, hub_token="hf_secret"
        )

    def ranges(self) -> list[str]:
        """Return the ranges that were asked of the place where weights are stored."""
        return [headers["range"] for _, path, headers in self.seen if path.startswith("/store") and "range" in headers]

    def add_blob(self, content: bytes) -> str:
        """Put a blob into the registry and return its digest."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs[digest] = content
        return digest

    def add_model(self, name: str, tag: str, **layers: bytes) -> None:
        """Put a model into the registry: its layers by kind."""
        listed = [self._layer(f"application/vnd.ollama.image.{kind}", content) for kind, content in layers.items()]
        config = self._layer("application/vnd.docker.container.image.v1+json", b'{"model_format": "gguf"}')
        self.manifests[f"{name}/{tag}"] = {"schemaVersion": 2, "config": config, "layers": listed}

    def _layer(self, media: str, content: bytes) -> dict[str, Any]:
        return {"mediaType": media, "digest": self.add_blob(content), "size": len(content)}


def git_name(content: bytes) -> str:
    """Return what git calls a file with that content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def is_large(name: str) -> bool:
    """Return whether a hub keeps a file of that name apart from the repository."""
    return name.endswith((".gguf", ".safetensors", ".bin"))


def entry(name: str, content: bytes) -> dict[str, Any]:
    """Return what the hub's list says of a file."""
    told: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": git_name(content)}
    if is_large(name):
        told["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
    return told


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_CONNECT(self) -> None:
        """Refuse to be a proxy for what is encrypted."""
        self.hub.seen.append((self.command, self.path, {}))
        self.send_error(403)

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer by route, or by fault."""
        hub, path = self.hub, re.sub(r"^http://[^/]+", "", self.path.partition("?")[0])  # as a proxy is asked
        hub.peers.add(self.client_address)
        hub.seen.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
        here = f"{self.command} {path}"
        fault = next((fault for part, fault in hub.faults.items() if part in here), "")
        fault = next((turns.pop(0) for part, turns in hub.turns.items() if part in here and turns), fault)
        if fault and self._fail(fault, path):
            return
        if path.startswith("/store/"):
            self._part(self._content(path.removeprefix("/store/")), fault)
        elif path == "/api/models":
            self._reply(200, json.dumps([{"id": name, "modelId": name} for name in hub.found]).encode())
        elif path == f"/api/models/{REPO}/xet-read-token/{COMMIT}":
            ticket = {"accessToken": "xet", "exp": int(time.time()) + 3600, "casUrl": hub.cas}
            self._reply(200, json.dumps(ticket).encode())
        elif path.startswith(f"/api/models/{REPO}/"):
            self._listing(path)
        elif match := re.fullmatch(rf"/{REPO}/resolve/[^/]+/(.+)", path):
            self._resolve(match[1])
        elif match := re.fullmatch(r"/v2/library/([^/]+)/manifests/([^/]+)", path):
            manifest = hub.manifests.get(f"{match[1]}/{match[2]}")
            self._reply(200, json.dumps(manifest).encode()) if manifest else self._reply(404)
        elif match := re.fullmatch(r"/v2/library/[^/]+/blobs/(.+)", path):
            self._reply(307, headers={"location": f"{hub.store}/store/{match[1]}?signature=x"})
        else:
            self._reply(404)

    def _content(self, name: str) -> bytes:
        return self.hub.blobs.get(name) or self.hub.files[name]

    def _listing(self, path: str) -> None:
        if "/revision/" in path:
            siblings = [entry(name, data) for name, data in self.hub.files.items()]
            self._reply(200, json.dumps({"sha": COMMIT, "siblings": siblings}).encode())
        elif self.hub.listing is not None:
            self._reply(200, self.hub.listing)
        else:
            entries = [{"type": "file", "path": name, "size": len(data)} for name, data in self.hub.files.items()]
            self._reply(200, json.dumps(entries).encode())

    def _resolve(self, name: str) -> None:
        content = self.hub.files.get(name)
        if content is None:
            self._reply(404)
        elif not is_large(name):
            self._part(content, "", {"etag": f'"{git_name(content)}"', "x-repo-commit": self.hub.commit})
        else:
            etag = f'"{hashlib.sha256(content).hexdigest()}"'
            told = {"x-linked-etag": etag, "x-linked-size": str(len(content)), "x-repo-commit": self.hub.commit}
            if name in self.hub.xet:
                tickets = f"{self.hub.url}/api/models/{REPO}/xet-read-token/{COMMIT}"
                told |= {"x-xet-hash": self.hub.xet[name], "link": f'<{tickets}>; rel="xet-auth"'}
            self._reply(302, headers={"location": f"{self.hub.store}/store/{name}?signature=x", **told})

    def _part(self, content: bytes, fault: str, told: dict[str, str] | None = None) -> None:
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        etag = f'"{hashlib.md5(content).hexdigest()}"'
        changed = self.headers.get("if-range", etag) != etag
        if fault.startswith(("cut", "hold")):
            self._begin(content, int(span[1]) if span else 0, fault, etag)
            return
        if span is None or fault == "no ranges" or changed:
            self._reply(200, content, {"etag": etag, **(told or {})})
            return
        first, last = int(span[1]), min(int(span[2] or len(content)), len(content) - 1)
        if first > last:
            self._reply(416, headers={"content-range": f"bytes */{len(content)}"})
            return
        which = f"bytes {first}-{last}/{len(content)}"
        match fault:
            case "other range":
                which = f"bytes {first + 1}-{last}/{len(content)}"
            case "no content-range":
                which = ""
            case "lying size":
                which = f"bytes {first}-{last}/{len(content) + 7}"
            case "growing":
                which = f"bytes {first}-{last}/{len(content) + first}"
            case _:
                pass
        body = content[first : last + 1]
        if fault == "broken off":
            self._send(206, {"content-range": which, "content-length": str(len(body))}, body[: len(body) // 2])
            self.close_connection = True
        else:
            self.close_connection = fault == "last"  # which a client of the next request does not know yet
            self._reply(206, body, {"content-range": which, "etag": etag} if which else {})

    def _begin(self, content: bytes, first: int, fault: str, etag: str) -> None:
        """Send a file from byte *first*, so many bytes of it; then hang up, or wait for the gate."""
        kind, count = fault.split()
        told = {"content-range": f"bytes {first}-{len(content) - 1}/{len(content)}"} if first else {}
        told |= {"content-length": str(len(content) - first), "etag": etag}
        self._send(206 if first else 200, told, content[first : first + int(count)])
        if kind == "hold":
            self.hub.held.set()
            self.hub.gate.wait(30)
            self.wfile.write(content[first + int(count) :])
        self.close_connection = True

    def _fail(self, fault: str, path: str) -> bool:
        match fault.split():
            case ["status", number]:
                self._reply(int(number), headers={"retry-after": "7"})
            case ["html"]:
                self._reply(200, b"<html>log in</html>", {"content-type": "text/html; charset=utf-8"})
            case ["gzip"]:
                self._reply(200, b"\x1f\x8b", {"content-encoding": "gzip"})
            case ["circle"]:
                self._reply(302, headers={"location": path})
            case ["maze"]:
                self._reply(302, headers={"location": path + "x"})
            case ["nowhere"]:
                self._reply(302)
            case ["code", number, word]:
                self._reply(int(number), headers={"x-error-code": word})
            case ["etag", *words]:
                self._reply(200, headers={"etag": f'"{" ".join(words)}"', "x-repo-commit": self.hub.commit})
            case ["long"]:
                self._send(200, {"transfer-encoding": "chunked"}, b"400000\r\n" + bytes(0x400000) + b"\r\n" * 1000)
                self.close_connection = True
            case ["away", url]:
                self._reply(302, headers={"location": url})
            case ["hang"]:
                self.hub.released.wait(30)
                self.close_connection = True
            case ["drip"]:
                self._send(200, {"content-length": "100000"}, b"x")
                while not self.hub.released.wait(0.01):
                    self.wfile.write(b"x")
                self.close_connection = True
            case ["drop"]:
                self.close_connection = True
            case ["endless"]:
                self._send(200, {"transfer-encoding": "chunked"}, b"4\r\nGGUF\r\n" * 2 + b"0\r\n\r\n")
            case _:
                return False
        return True

    def _reply(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self._send(
            status, {"content-length": str(len(body)), **(headers or {})}, body if self.command == "GET" else b""
        )

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what these tests are about."""


@contextmanager
def serve() -> Iterator[Hub]:
    """Run a hub and its store, on two ports, while the block lasts."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    servers = [_Server(("127.0.0.1", 0), handler) for _ in range(2)]
    threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in servers]
    for thread in threads:
        thread.start()
    hub.url, hub.store = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    try:
        yield hub
    finally:
        hub.released.set()
        hub.gate.set()
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join(5)
