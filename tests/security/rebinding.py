"""A name that leads elsewhere after the page has come from it, and the page that makes use of that in a real browser.

A resolver that changes its mind would take a name server and a minute of the browser's cache. To the browser it is the same when
one port gives out the page first, and then passes every connection on to the daemon as it is.
"""

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PAGE = "/page.html"
PATIENCE = 120.0


@dataclass
class Relay:
    """A port that leads to *daemon*, but for the page; *met* is what browsers asked there, with the status of each answer."""

    daemon: tuple[str, int]
    page: str = ""
    port: int = 0
    met: list[tuple[str, int]] = field(default_factory=list)

    def serve(self, client: socket.socket) -> None:
        """Answer or pass on one connection, until either side ends it."""
        with client, suppress(OSError):
            client.settimeout(PATIENCE)
            while head := _read_head(client):
                asked = head.split(b"\r\n", 1)[0].decode("latin-1").rpartition(" ")[0]
                if asked == f"GET {PAGE}":
                    body = self.page.encode()
                    client.sendall(
                        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s"
                        % (len(body), body)
                    )
                    continue
                with socket.create_connection(self.daemon, PATIENCE) as onward:
                    onward.sendall(_closing(head))
                    threading.Thread(target=_copy, args=(client, onward), daemon=True).start()
                    block = onward.recv(65536)
                    self.met.append((asked, int(block.split(b" ", 2)[1]) if block else 0))
                    while block:
                        client.sendall(block)
                        block = onward.recv(65536)
                return


def _read_head(client: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        block = client.recv(65536)
        if not block:
            return b""
        head += block
    return head


def _closing(head: bytes) -> bytes:
    """Return *head* with what ends the connection after one answer, so that each answer is its request's."""
    return head.replace(b"Connection: keep-alive", b"Connection: close")


def _copy(client: socket.socket, onward: socket.socket) -> None:
    with suppress(OSError):
        while block := client.recv(65536):
            onward.sendall(block)


@contextmanager
def relay(daemon: str) -> Iterator[Relay]:
    """Lead a port of this machine to *daemon* while the block lasts."""
    host, _, port = daemon.rpartition(":")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made = Relay((host, int(port)), port=listening.getsockname()[1])

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=made.serve, args=(listening.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield made
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)


_SCRIPT = """
const base = BASE, found = {};
const done = (kind, said) => { found[kind] = String(said).slice(0, 200); };
const settled = (kind, start, limit = 3000) => new Promise(end => {
    const say = said => { done(kind, said); end(); };
    setTimeout(() => say('silence'), limit);
    try { start(say); } catch (error) { say(error); }
});
const url = (kind, path) => base + path + '?kind=' + kind;
const chat = JSON.stringify({model: 'seen', messages: [{role: 'user', content: 'hello'}], max_tokens: 1});
const read = (kind, path, how) => settled(kind, say => fetch(url(kind, path), how)
    .then(async answer => say(answer.type + ' ' + answer.status + ' ' + (await answer.text()).slice(0, 40)), say));
const loads = (kind, tag, path) => settled(kind, say => {
    const made = document.createElement(tag);
    made.onload = () => say('loaded'); made.onerror = () => say('error');
    made.src = url(kind, path);
    document.body.append(made);
});
const form = (kind, path, type) => settled(kind, say => {
    const [frame, made, field] = ['iframe', 'form', 'textarea'].map(tag => document.createElement(tag));
    frame.name = kind;
    frame.onload = () => { try { say('frame ' + frame.contentDocument.body.textContent.slice(0, 40)); } catch (e) { say(e); } };
    made.action = url(kind, path); made.method = 'POST'; made.enctype = type; made.target = kind;
    field.name = chat.slice(0, -1) + ', "x": "'; field.value = '"}'; made.append(field);
    document.body.append(frame, made); made.submit();
});
(async () => {
    const json = {'Content-Type': 'application/json'};
    await Promise.all([
        read('get', '/hostd/v1/status'), read('blind-get', '/hostd/v1/status', {mode: 'no-cors'}),
        read('post', '/v1/chat/completions', {method: 'POST', body: chat, headers: json}),
        read('simple-post', '/v1/chat/completions', {method: 'POST', body: chat}),
        read('blind-post', '/hostd/v1/models/seen/unload', {method: 'POST', body: chat, mode: 'no-cors'}),
        read('keyed', '/v1/models', {headers: {Authorization: 'Bearer x'}, credentials: 'include'}),
        read('delete', '/api/delete', {method: 'DELETE'}),
        settled('beacon', say => say(navigator.sendBeacon(url('beacon', '/hostd/v1/models/seen/unload'), chat))),
        settled('events', say => { const from = new EventSource(url('events', '/hostd/v1/models/chat/logs'));
            from.onopen = () => say('open'); from.onerror = () => { from.close(); say('error'); }; }),
        settled('socket', say => { const to = new WebSocket(url('socket', '/v1/responses').replace('http', 'ws'));
            to.onopen = () => say('open'); to.onerror = () => say('error'); }),
        loads('picture', 'img', '/v1/models'), loads('script', 'script', '/v1/models'),
        loads('frame', 'iframe', '/hostd/v1/status'), form('text-form', '/v1/chat/completions', 'text/plain'),
        form('form', '/hostd/v1/models/seen/unload', 'application/x-www-form-urlencoded'),
    ]);
    document.body.innerHTML = ''; document.body.append(JSON.stringify(found));
})();
"""
KINDS = frozenset(
    {
        *(
            "get",
            "blind-get",
            "post",
            "simple-post",
            "blind-post",
            "keyed",
            "delete",
            "beacon",
            "events",
            "socket",
            "picture",
        ),
        *("script", "frame", "text-form", "form"),
    }
)
"""Ways of a page to have a request sent."""


def page(base: str) -> str:
    """Return a page that asks *base*, an origin, in every way of `KINDS`, and shows what it learned as JSON."""
    return f"<!doctype html><meta charset=utf-8><body><script>{_SCRIPT.replace('BASE', json.dumps(base), 1)}</script>"


def shown_by(url: str, folder: Path) -> dict[str, str]:
    """Return what the page at *url* shows in the end, in a browser for which `evil.test` is this machine."""
    assert BROWSER is not None
    argv = [
        *(
            BROWSER,
            "--headless",
            "--disable-gpu",
            f"--user-data-dir={folder}",
            "--host-resolver-rules=MAP evil.test 127.0.0.1",
        ),
        # What browsers of their own do about local networks is not to hide what hostd does.
        "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests,PrivateNetworkAccessSendPreflights",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
        *("--virtual-time-budget=20000", "--dump-dom", url),
    ]
    shown = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    found: dict[str, str] = json.loads(shown[shown.index("{") : shown.rindex("}") + 1])
    return found
