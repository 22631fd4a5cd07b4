"""A tenth engine, complete: the server when it is run, and the engine that hostd is given for it. This file is all that it takes.

A package would register it with ``[project.entry-points."hostd.backends"]`` and ``tenth = "tenth_engine:Tenth"``.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from hostd.backends.contract import Endpoint, Engine, Launch
from hostd.domain.profile import Profile, Variant
from hostd.planning.warm_set.load_option import LoadOption


class Tenth(Engine):
    """The backend ``tenth``: a parrot, with the bird's name as its model."""

    name = "tenth"

    def __init__(self, command: tuple[str, ...] = ()) -> None:
        self._command = command or (sys.executable, "-P", __file__)

    def accepts(self, variant: Variant) -> str | None:
        """Return why this host cannot serve *variant*, as a sentence for the owner, or None when it can."""
        return None if variant.model else "a parrot needs a name: write it as the variant's model"

    def launch(self, profile: Profile, variant: Variant, option: LoadOption | None, port: int, key: str) -> Launch:  # noqa: ARG002 - a parrot needs no device
        """Return how to start the parrot on loopback *port*."""
        return Launch(
            argv=(*self._command, str(port), str(variant.model)),
            env={"PATH": os.environ["PATH"], "PARROT_KEY": key},
            endpoint=Endpoint(f"http://127.0.0.1:{port}", profile.name, {"Authorization": f"Bearer {key}"}),
            health="/health",
            slots=profile.slots,
        )


class Parrot(BaseHTTPRequestHandler):
    """Repeats what it is told, word by word."""

    bird = ""

    def do_GET(self) -> None:
        """Be well."""
        self._answer(200, {"status": "ok"})

    def do_POST(self) -> None:
        """Repeat the last message."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != f"Bearer {os.environ['PARROT_KEY']}":
            return self._answer(401, {"error": {"message": "who is there?", "type": "authentication_error"}})
        said = f"{self.bird}: {asked['messages'][-1]['content']}"
        if asked.get("stream"):
            return self._stream(asked["model"], said.split(" "))
        choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
        return self._answer(200, {"object": "chat.completion", "model": asked["model"], "choices": [choice]})

    def _answer(self, status: int, document: object) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, model: str, words: list[str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for place, word in enumerate([*words, ""]):
            last = place == len(words)
            delta = {} if last else {"content": word if not place else f" {word}"}
            choice = {"index": 0, "delta": delta, "finish_reason": "stop" if last else None}
            chunk = {"object": "chat.completion.chunk", "model": model, "choices": [choice]}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")


if __name__ == "__main__":
    port, Parrot.bird = int(sys.argv[1]), sys.argv[2]
    ThreadingHTTPServer(("127.0.0.1", port), Parrot).serve_forever()
