"""Anthropic's API without models: its wire format, as strict as it is, with the faults of `tests.engines.scripted_cloud`.

    python scripted_anthropic.py --port 8443 --key sk-1 --certificate localhost.pem

Beside them, a fault may say `thought TEXT`: what the model thinks before it answers. `tool` calls that tool twice at once.
"""

import asyncio
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.engines import scripted_cloud
from tests.engines.core import Broke, Json, Wire
from tests.engines.scripted_cloud import TOOL, CloudJob, Provider

CACHED = 600
"""Tokens of each prompt that are read from the cache."""
_IDENTITY = re.compile(r"[a-zA-Z0-9_-]+")


class MessageJob(CloudJob):
    """A request for a message."""

    def refused(self) -> bool:
        """Refuse what Anthropic refuses, and what the plan says."""
        if (why := _mistake(self.body)) is not None:
            self.wire.json(400, self.engine.error(400, why, "invalid_request_error"))
            return True
        return super().refused()

    @property
    def wanted(self) -> tuple[int, str]:
        """As scripted, if there is a word for it."""
        tokens, reason = super().wanted
        return tokens, {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}.get(reason, reason)

    def usage(self) -> Json:
        """Return what the message cost so far."""
        fresh = self.prompt_tokens - CACHED
        cache = {"cache_read_input_tokens": CACHED, "cache_creation_input_tokens": 0}
        return {"input_tokens": fresh, "output_tokens": self.sent, **cache}

    def message(self, content: list[Json], reason: str | None) -> Json:
        """Return the message with *content*, and why it is over."""
        return {
            "id": "msg_scripted",
            "type": "message",
            "role": "assistant",
            "model": self.document["model"],
            "content": content,
            "stop_reason": reason,
            "stop_sequence": None,
            "usage": self.usage(),
        }

    def blocks(self, text: str) -> list[Json]:
        """Return all blocks of a message with *text*."""
        thought = self.fault("thought")
        said: list[Json] = [{"type": "thinking", "thinking": thought, "signature": "signed"}] if thought else []
        said += [{"type": "text", "text": text}] if text else []
        if self.calls:
            given = json.loads(self.fault("tool"))
            said += [{"type": "tool_use", "id": f"toolu_{number}", "name": TOOL, "input": given} for number in (1, 2)]
        return said

    def answered(self, text: str) -> Json:
        """Return the message in one piece."""
        return self.message(self.blocks(text), self.wanted[1])

    def tell(self, kind: str, **data: Any) -> None:
        """Write one event."""
        self.wire.event(f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}")

    def breaking(self) -> None:
        """Say on a stream that it ends in an error."""
        self.tell("error", error={"type": "overloaded_error", "message": "Overloaded"})
        self.wire.end()

    async def in_pieces(self) -> None:
        """Answer as a stream: every block is opened, continued and closed."""
        self.tell("message_start", message=self.message([], None))
        self.tell("ping")
        index = 0
        if thought := self.fault("thought"):
            self._open(index, {"type": "thinking", "thinking": "", "signature": ""})
            self._continue(index, {"type": "thinking_delta", "thinking": thought})
            self._continue(index, {"type": "signature_delta", "signature": "signed"})
            self.tell("content_block_stop", index=index)
            index += 1
        self._open(index, {"type": "text", "text": ""})
        try:
            async for token in self.tokens():
                if token is None:
                    self.wire.event("event: content_block_delta\ndata: {")
                else:
                    self._continue(index, {"type": "text_delta", "text": token})
                await self.wire.writer.drain()
        except Broke:
            self.breaking()
            raise
        self.tell("content_block_stop", index=index)
        for block in self.blocks("") if self.calls else ():
            index += self._use(index + 1, block)
        delta = {"stop_reason": self.wanted[1], "stop_sequence": None}
        self.tell("message_delta", delta=delta, usage={"output_tokens": self.sent})
        if not self.fault("no_done"):
            self.tell("message_stop")
        self.wire.end()

    def _use(self, index: int, block: Json) -> int:
        if block["type"] != "tool_use":
            return 0
        self._open(index, block | {"input": {}})
        text = json.dumps(block["input"])
        for at in range(0, len(text), 5):
            self._continue(index, {"type": "input_json_delta", "partial_json": text[at : at + 5]})
        self.tell("content_block_stop", index=index)
        return 1

    def _open(self, index: int, block: Json) -> None:
        self.tell("content_block_start", index=index, content_block=block)

    def _continue(self, index: int, delta: Json) -> None:
        self.tell("content_block_delta", index=index, delta=delta)


def _mistake(body: Json) -> str | None:
    """Return why Anthropic would refuse *body*; None where it would not."""
    limit = body.get("max_tokens")
    if not isinstance(limit, int) or limit < 1:
        return "max_tokens: Field required"
    thinking = body.get("thinking") or {}
    if thinking.get("budget_tokens", 0) >= limit:
        return "`max_tokens` must be greater than `thinking.budget_tokens`"
    if unknown := set(body) - _MEMBERS:
        return f"{min(unknown)}: Extra inputs are not permitted"
    roles = [message["role"] for message in body["messages"]]
    if roles[:1] != ["user"]:
        return "messages: first message must use the user role"
    for message in body["messages"]:
        content = message["content"]
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            if block["type"] == "text" and not block["text"].strip():
                return "messages: text content blocks must be non-empty"
            if not _IDENTITY.fullmatch(block.get("tool_use_id") or block.get("id") or "_"):
                return "messages: String should match pattern '^[a-zA-Z0-9_-]+$'"
            if block["type"] == "thinking" and not block["signature"]:
                return "messages: Invalid `signature` in `thinking` block"
    return None


_MEMBERS = frozenset(
    {
        *("model", "messages", "max_tokens", "system", "tools", "tool_choice", "stream", "stop_sequences", "thinking"),
        *("temperature", "top_p", "top_k", "metadata", "output_config", "service_tier"),
    }
)


class Anthropic(Provider):
    """The server."""

    job = MessageJob
    served = ("/v1/messages",)

    def key_in(self, headers: Mapping[str, str]) -> str:
        """Return the key of a request with *headers*."""
        return headers.get("x-api-key", "")

    def error(self, code: int, message: str, kind: str, **more: object) -> Json:  # noqa: ARG002 - the status is in the head
        """Return an error body in Anthropic's shape."""
        kind = {401: "authentication_error", 404: "not_found_error", 529: "overloaded_error"}.get(code, kind)
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_scripted"}

    async def _answer(self, wire: Wire, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        if path == "/v1/messages/count_tokens":
            key, asked = self.key_in(headers), json.loads(body)
            self.asked.append({"method": method, "path": path, "key": key, "body": asked, "at": 0.0, "beta": None})
            wire.json(200, {"input_tokens": scripted_cloud.PROMPT_TOKENS})
        elif path in self.served and "anthropic-version" not in headers:
            await asyncio.sleep(0)
            wire.json(400, self.error(400, "anthropic-version: header is required", "invalid_request_error"))
        else:
            await super()._answer(wire, method, path, headers, body)
            self.asked[-1]["beta"] = headers.get("anthropic-beta")


if __name__ == "__main__":
    scripted_cloud.main(Anthropic)
