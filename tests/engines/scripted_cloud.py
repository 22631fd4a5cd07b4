"""A provider without models: OpenAI's wire format, over TLS where it has a certificate, with faults on demand for each request.

    python scripted_cloud.py --port 8443 --key sk-1 --certificate localhost.pem

Requests without the key are refused as OpenAI refuses them. `POST /script` sets what happens to the next requests: one fault for
all of them, or below `models` a list for each model, of which every request takes the next one and all that follow the last. `GET
/seen` tells what was asked, and when. Beside those of `tests.engines.core`, a fault may say:

    status N               with `body` and `headers`: an error
    delay S                seconds before anything is sent, on every route
    reset true             break the connection off before anything is sent
    cut_with "reset"       how `cut_after` ends the connection; else it is closed in good order
    stall S                with `stall_after`: go on after so many seconds
    ends_after N           end a stream in good order after N tokens, without saying why
    finish WORD            why the answer is over, as it says
    echo N                 say what the last message says, N characters a token
    tool TEXT              call a tool, with these arguments, after the tokens
    error_at_end TEXT      an error in a stream where its end should be
    no_prefill true        refuse a conversation that ends with the assistant's own words, as Anthropic's models do
    odd SEED               answer with junk, which the seed and the number of the request choose
"""

import argparse
import asyncio
import json
import random
import socket
import ssl
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.engines import odd_answers
from tests.engines.core import Broke, Cut, Engine, Job, Json, Wire

WORDS = ("The", " sky", " is", " blue", ".")
PROMPT_TOKENS = 1000
TOOL = "look"
_FRAGMENT = 5
"""Characters of a tool call's arguments in one chunk."""


class CloudJob(Job):
    """A request in OpenAI's shapes, with a fault of its own."""

    engine: "Provider"
    comment = ""
    fingerprint = "fp_1"
    call_id = "call_1"

    def __init__(self, engine: "Provider", wire: Wire, number: int, path: str, body: Json) -> None:
        super().__init__(engine, wire, number, path, body)
        self.prompt_tokens = PROMPT_TOKENS
        self.plan = engine.next_plan(str(body.get("model")))
        self.document |= {"model": f"{self.model}-2026-01-01", "service_tier": "default", "id": "chatcmpl-1"}

    def fault(self, name: str) -> Any:
        """Return what this request's own plan says."""
        return self.plan.get(name, len(self.said_words()) if name == "tokens" else None)

    def said_words(self) -> Sequence[str]:
        """Return the tokens of the answer."""
        size = self.plan.get("echo")
        if size is None:
            return WORDS
        said = self.body["messages"][-1]["content"]
        said = said if isinstance(said, str) else "".join(part["text"] for part in said)
        return [said[at : at + size] for at in range(0, len(said), size)]

    @property
    def wanted(self) -> tuple[int, str]:
        """As scripted, if there is a word for it; a call of a tool ends with one of its own."""
        tokens, reason = super().wanted
        return tokens, self.fault("finish") if "finish" in self.plan else "tool_calls" if self.calls else reason

    @property
    def calls(self) -> bool:
        """Whether a tool is called."""
        return self.called is not None

    @property
    def called(self) -> tuple[str, str] | None:
        """The tool that is called, and the text of its arguments."""
        said = self.fault("tool")
        return None if said is None else (TOOL, str(said))

    def word(self, number: int) -> str:
        """Return a word of one sentence, again and again."""
        return self.said_words()[number % len(self.said_words())]

    def opening(self) -> list[Json]:
        """Return a role, and no text."""
        return [self._choice({"role": "assistant", "content": "", "refusal": None})] if self.chat else []

    def piece(self, text: str) -> Json:
        """Return one token."""
        return self._choice({"content": text}) if self.chat else super().piece(text)

    def _choice(self, delta: Json, finish: str | None = None) -> Json:
        option = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self.document, "choices": [option], **({"usage": None} if self.wants_usage else {})}

    def breathe(self) -> None:
        """Send nothing while there is nothing to say."""

    def refused(self) -> bool:
        """Answer with an error, if that is what the plan says; return whether it does."""
        if self.fault("no_prefill") and self.body["messages"][-1]["role"] == "assistant":
            said = (
                "This model does not support assistant message prefill. The conversation must end with a user message."
            )
            self.wire.json(400, self.engine.error(400, said, "invalid_request_error"))
        elif (status := self.fault("status")) is not None:
            body = json.dumps(self.fault("body") or self.engine.error(status, "no", "server_error")).encode()
            lines = {"Content-Type": "application/json", "Content-Length": len(body)} | (self.fault("headers") or {})
            self.wire.head(status, *(f"{name}: {value}" for name, value in lines.items()))
            self.wire.writer.write(body)
        else:
            return False
        return True

    def embed(self) -> None:
        """Answer with the same vector whatever the text."""
        vectors = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
        usage = {"prompt_tokens": 8, "total_tokens": 8}
        self.wire.json(200, {"object": "list", "data": vectors, "model": self.model, "usage": usage})

    async def in_pieces(self) -> None:
        """Answer as a stream that opens at once."""
        for chunk in self.opening():
            self.wire.chunk(chunk)
        await super().in_pieces()

    async def tokens(self) -> Any:
        """Yield the answer's tokens; end, or go on after a while, where the plan says so."""
        stalls = self.plan.get("stall_after")
        if "stall" in self.plan:
            self.plan = {name: value for name, value in self.plan.items() if name != "stall_after"}
        async for token in super().tokens():
            yield token
            if self.stream and self.sent == self.fault("ends_after"):
                self.wire.end()
                raise Cut
            if self.sent == stalls and "stall" in self.plan:
                await self.wire.writer.drain()
                await asyncio.sleep(float(self.plan["stall"]))

    def closing(self) -> list[Json]:
        """Return the call of a tool, and the end."""
        if not self.chat:
            return super().closing()
        if (said := self.fault("error_at_end")) is not None:
            return [*map(self._choice, self._call()), self.engine.error(500, said, "server_error")]
        return [*map(self._choice, self._call()), *self._closing()]

    def _closing(self) -> list[Json]:
        last = self._choice({}, self.wanted[1])
        return [last, {**self.document, "choices": [], "usage": self.usage()}] if self.wants_usage else [last]

    def _call(self) -> list[Json]:
        if self.called is None:
            return []
        name, said = self.called
        first = {"index": 0, "id": self.call_id, "type": "function", "function": {"name": name, "arguments": ""}}
        rest = [
            {"index": 0, "function": {"arguments": said[at : at + _FRAGMENT]}} for at in range(0, len(said), _FRAGMENT)
        ]
        return [{"tool_calls": [each]} for each in (first, *rest)]

    def answered(self, text: str) -> Json:
        """Return the answer in one piece, with the call of a tool."""
        answer = super().answered(text)
        if self.chat:
            message = answer["choices"][0]["message"] | {"refusal": None, "annotations": []}
            if self.called is not None:
                function = dict(zip(("name", "arguments"), self.called, strict=True))
                message |= {"content": text or None}
                message |= {"tool_calls": [{"id": self.call_id, "type": "function", "function": function}]}
            answer["choices"][0]["message"] = message
        return answer

    async def in_one(self) -> None:
        """Answer in one piece, which may break off in the middle."""
        said: list[str | None] = []
        try:
            async for token in self.tokens():
                said += (token,)
        except Broke:
            self.wire.json(500, self.engine.error(500, self.broken, "server_error"))
            raise
        except Cut:
            self._half(said)
            raise
        if None in said:
            self.wire.whole(200, b'{"choices":[{"fin')
        else:
            self.wire.json(200, self.answered("".join(map(str, said))))

    def _half(self, said: list[str | None]) -> None:
        body = json.dumps(self.answered("".join(map(str, said)))).encode()
        self.wire.head(200, "Content-Type: application/json", f"Content-Length: {len(body)}")
        self.wire.writer.write(body[: len(body) // 2])


class Provider(Engine):
    """The server, what it was told to do, and what it was asked."""

    job: type[CloudJob] = CloudJob
    served: tuple[str, ...] = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")

    def __init__(self, key: str | None = None, port: int = 0) -> None:
        super().__init__({}, port=port, slots=4096, context=1 << 20, alias="big-1")
        self.key = key
        self.asked: list[Json] = []
        self.taken: dict[str, int] = {}

    def next_plan(self, model: str) -> Json:
        """Return what happens to the next request for *model*."""
        plans = self.script.get("models", {}).get(model)
        if not plans:
            return {name: value for name, value in self.script.items() if name != "models"}
        number = self.taken[model] = self.taken.get(model, 0) + 1
        plan: Json = plans[min(number, len(plans)) - 1]
        return plan

    def set_script(self, script: Json) -> None:
        """Have the next requests answered as *script* says, whatever was said before."""
        self.script = script
        self.taken.clear()
        self.alter()

    def error(self, code: int, message: str, kind: str, **more: object) -> Json:  # noqa: ARG002 - the status is in the head
        """Return an error body in OpenAI's shape, whose code is a *word*."""
        return {"error": {"message": message, "type": kind, "param": None, "code": more.get("word")}}

    async def listen(self, certificate: Path | None = None) -> int:
        """Open the port and return it."""
        context = None
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Wire(self), self.host, self.port, ssl=context, backlog=512)
        self.port = int(self.server.sockets[0].getsockname()[1])
        return self.port

    async def answer(
        self, wire: Wire, method: str, where: tuple[str, str, str], headers: Mapping[str, str], body: bytes
    ) -> None:
        """Answer one request."""
        path = where[0]
        if path == "/script":
            self.set_script(json.loads(body))
            wire.json(200, {})
        elif path == "/seen":
            wire.json(200, {**self.seen(), "requests": self.asked})
        else:
            await self._answer(wire, method, path, headers, body)

    def key_in(self, headers: Mapping[str, str]) -> str:
        """Return the key of a request with *headers*."""
        return headers.get("authorization", "")

    async def _answer(self, wire: Wire, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        key = self.key_in(headers)
        asked = json.loads(body) if body else {}
        now = asyncio.get_running_loop().time()
        self.asked.append({"method": method, "path": path, "key": key, "body": asked, "at": now})
        if path not in self.served:
            await asyncio.sleep(float(self.script.get("delay", 0)))
        if self.key is not None and key.removeprefix("Bearer ") != self.key:
            said = f"Incorrect API key provided: {key.removeprefix('Bearer ')}."
            wire.json(401, self.error(401, said, "invalid_request_error", word="invalid_api_key"))
        elif method == "POST" and path in self.served:
            await self.count(wire, path, body)
        elif path == "/v1/models":
            model = {"id": self.alias, "object": "model", "owned_by": "scripted"}
            wire.json(200, {"object": "list", "data": [model]})
        else:
            said = f"Invalid URL ({method} {path})"
            wire.json(404, self.error(404, said, "invalid_request_error"))

    async def work(self, wire: Wire, path: str, body: bytes) -> bool:
        """Serve one request as its own plan says; return whether it got what it asked for."""
        job = self.job(self, wire, self.counts["begun"], path, json.loads(body))
        await asyncio.sleep(float(job.fault("delay") or 0))
        while job.fault("hang"):
            await self.change(None)
        if job.fault("reset"):
            broken_off(wire)
        if (seed := job.fault("odd")) is not None:
            wire.writer.write(odd_answers.answer(random.Random(f"{seed} {job.number}"), body))
            raise Cut
        if job.refused():
            return False
        try:
            if path.endswith("/embeddings"):
                job.embed()
            else:
                await (job.in_pieces() if job.stream else job.in_one())
        except Broke:
            return False
        except Cut:
            await wire.writer.drain()
            if job.fault("cut_with") == "reset":
                broken_off(wire)
            raise
        return True


def broken_off(wire: Wire) -> NoReturn:
    """Reset the connection, as a server that dies does."""
    held: socket.socket = wire.writer.get_extra_info("socket")
    held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.writer.transport.abort()
    raise Cut


async def serve(provider: Provider, certificate: Path | None, script: Json) -> None:
    """Serve until ended."""
    provider.set_script(script)
    await provider.listen(certificate)
    await asyncio.Event().wait()


def main(kind: type[Provider] = Provider) -> None:
    """Be a provider of this *kind* until ended."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", help="the key that requests must have; without it none is asked for")
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--script", type=json.loads, default={}, help="what POST /script takes, from the start")
    given = parser.parse_args()
    asyncio.run(_serve(kind, given))


async def _serve(kind: type[Provider], given: argparse.Namespace) -> None:
    await serve(kind(given.key, given.port), given.certificate, given.script)


if __name__ == "__main__":
    main()
