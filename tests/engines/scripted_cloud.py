"""A cloud provider without models: OpenAI's wire format over real TLS, with faults on demand.

    python scripted_cloud.py --port 8443 --key sk-1 --certificate localhost.pem

Requests without the key are refused as OpenAI refuses them. POST /script sets what happens to the next requests: ``status`` (with
``body`` and ``headers``) answers with an error, ``delay`` waits so many seconds first, on every route, and ``cut_after`` closes a
stream after so many chunks. GET /seen tells what was asked.
"""

import argparse
import json
import ssl
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]
WORDS = ("The", " sky", " is", " blue", ".")
PROMPT_TOKENS = 1000
USAGE = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": len(WORDS), "total_tokens": PROMPT_TOKENS + len(WORDS)}
_CONTROL = ("/script", "/seen")


class Provider(ThreadingHTTPServer):
    """The server, what it was told to do, and what it was asked."""

    daemon_threads = True

    def __init__(self, port: int, key: str) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.key = key
        self.script: Json = {}
        self.seen: list[Json] = []


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Provider

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Tell what was asked, or list the models."""
        if self.path == "/seen":
            self._send(200, {"requests": self.server.seen})
        elif self._admitted({}) and self.path == "/v1/models":
            self._send(200, {"object": "list", "data": [{"id": "big-1", "object": "model", "owned_by": "scripted"}]})

    def do_POST(self) -> None:
        """Take a script, or answer a request."""
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if self.path == "/script":
            self.server.script = body
            self._send(200, {})
        elif self._admitted(body):
            if self.path == "/v1/embeddings":
                vectors = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
                usage = {"prompt_tokens": 8, "total_tokens": 8}
                self._send(200, {"object": "list", "data": vectors, "model": body["model"], "usage": usage})
            elif body.get("stream"):
                self._stream(body)
            else:
                message: Json = {"role": "assistant", "content": "".join(WORDS), "refusal": None, "annotations": []}
                choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
                self._send(200, {**_head("chat.completion", body), "choices": [choice], "usage": USAGE})

    def _admitted(self, body: Json) -> bool:
        """Note the request; return whether it is to be answered, having refused it otherwise."""
        script, given = self.server.script, self.headers.get("Authorization", "")
        self.server.seen.append({"method": self.command, "path": self.path, "key": given, "body": body})
        time.sleep(script.get("delay", 0))
        if given != f"Bearer {self.server.key}":
            said = f"Incorrect API key provided: {given.removeprefix('Bearer ')}."
            self._error(401, said, "invalid_request_error", "invalid_api_key")
        elif (status := script.get("status")) is not None and self.command == "POST":
            default = {"error": {"message": "no", "type": "server_error", "param": None, "code": None}}
            self._send(status, script.get("body", default), script.get("headers", {}))
        elif self.path.startswith("/v1/"):
            return True
        else:
            self._error(404, f"Invalid URL ({self.command} {self.path})", "invalid_request_error", None)
        return False

    def _stream(self, body: Json) -> None:
        self._head(200, {"Content-Type": "text/event-stream; charset=utf-8", "Transfer-Encoding": "chunked"})
        sums = bool((body.get("stream_options") or {}).get("include_usage"))
        no_sums: Json = {"usage": None} if sums else {}
        head = _head("chat.completion.chunk", body)

        def choice(delta: Json, finish: str | None = None) -> Json:
            return {
                **head,
                "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
                **no_sums,
            }

        chunks = [choice({"role": "assistant", "content": "", "refusal": None})]
        chunks += [choice({"content": word}) for word in WORDS]
        chunks += [choice({}, "stop"), *([{**head, "choices": [], "usage": USAGE}] if sums else [])]
        for number, chunk in enumerate(chunks):
            if number == self.server.script.get("cut_after"):
                self.close_connection = True
                return
            self._chunk(f"data: {json.dumps(chunk)}\n\n")
        self._chunk("data: [DONE]\n\n")
        self._chunk("")

    def _chunk(self, text: str) -> None:
        self.wfile.write(f"{len(text.encode()):x}\r\n{text}\r\n".encode())

    def _error(self, status: int, message: str, kind: str, code: str | None) -> None:
        self._send(status, {"error": {"message": message, "type": kind, "param": None, "code": code}})

    def _send(self, status: int, document: Any, headers: Json | None = None) -> None:
        body = json.dumps(document).encode()
        self._head(status, {"Content-Type": "application/json", "Content-Length": str(len(body))} | (headers or {}))
        self.wfile.write(body)

    def _head(self, status: int, headers: Json) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _head(kind: str, body: Json) -> Json:
    return {
        "id": "chatcmpl-1",
        "object": kind,
        "created": 1,
        "model": f"{body['model']}-2026-01-01",
        "service_tier": "default",
        "system_fingerprint": "fp_1",
    }


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--certificate", required=True)
    given = parser.parse_args()
    provider = Provider(given.port, given.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(given.certificate)
    # The handshake belongs to the connection's own thread: a client that stalls must not keep others out.
    provider.socket = context.wrap_socket(provider.socket, server_side=True, do_handshake_on_connect=False)
    provider.serve_forever()


if __name__ == "__main__":
    main()
