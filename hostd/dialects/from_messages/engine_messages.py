"""From a client of the Anthropic dialect to an engine's own messages route, for requests that hold texts and nothing else.

The engine's events are passed on but for the first and the last: it has names of its own for the message and the model, and says of
an answer that has reached a stop sequence that it ended by itself. Its errors are told in hostd's words.
"""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from hostd.dialects.anthropic import errors
from hostd.dialects.anthropic.events import END, MessageEvent, MessageStream, part_of
from hostd.dialects.anthropic.plain_text import plain_request
from hostd.dialects.anthropic.sums import prompt_tokens_of
from hostd.dialects.base import Answer, AnswerContext, Dialect, InferenceRequest, PromptReports
from hostd.dialects.from_chat.answer import count_of
from hostd.dialects.from_messages.whole import whole_message
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import HostdError

Json = dict[str, Any]

_UNSIGNED: Mapping[str, Json] = {"thinking": {"signature": ""}}
_encode = msgspec.json.Encoder().encode


class EngineMessages:
    """A client of the Anthropic dialect before an engine that has messages, too; see `hostd.dialects.base.Translation`."""

    spoken = Dialect.ANTHROPIC_TEXT
    stream_type = "text/event-stream"
    assembles = True

    def request(self, request: InferenceRequest) -> RequestDocument:
        """Return the texts of *request*, and nothing that the engine could take for something else."""
        return plain_request(request.document)

    def streamed(self, document: RequestDocument) -> RequestDocument:
        """Return *document* as a request for a stream."""
        return document.replace({"stream": True})

    def response(self, payload: bytes, context: AnswerContext) -> Answer:
        """Return the engine's message under the names that clients know."""
        message = whole_message(payload)
        if isinstance(message, Answer):
            return message
        usage = message["usage"]
        body = json.dumps(_named(message, context) | _stopped(message)).encode()
        return Answer(body, prompt_tokens_of(usage), count_of(usage.get("output_tokens")))

    def stream(
        self,
        context: AnswerContext,
        *,
        passes_progress: bool = False,  # noqa: ARG002 - no client of this dialect asks for it
        passes_sums: bool = True,  # noqa: ARG002 - the end of a message always tells them
    ) -> "EngineMessageStream":
        """Return what passes one stream on."""
        return EngineMessageStream(context)

    def assembler(self, context: AnswerContext) -> "MessageAssembler":
        """Return what puts one whole message together from a stream."""
        return MessageAssembler(self, context)

    def failure(self, status: int, payload: bytes) -> HostdError:
        """Return what an error answer of the engine means."""
        return errors.of_answer(status, payload)


TRANSLATIONS: Mapping[tuple[Dialect, Dialect], EngineMessages] = {
    (Dialect.ANTHROPIC_MESSAGES, Dialect.ANTHROPIC_TEXT): EngineMessages()
}


class EngineMessageStream(MessageStream):
    """One stream on its way to the client; *head* is the message that it began with, and *ends* what its end said of it."""

    def __init__(self, context: AnswerContext) -> None:
        super().__init__()
        self.head: Json = {}
        self.ends: Json = {}
        self._context = context

    def end(self) -> bytes | None:
        """Return the formal end where only that is missing."""
        return END if self.complete else None

    def error_event(self, error: HostdError) -> bytes:
        """Return *error* as the last event of the stream."""
        return errors.event(error)

    def _said(self, event: bytes, found: MessageEvent) -> bytes:
        if found.kind == "message_start":
            self.head = _named(part_of(found.data, "message"), self._context)
            self.usage = dict(self.head["usage"])
            return _event({"type": "message_start", "message": self.head})
        if found.kind == "message_delta":
            delta = part_of(found.data, "delta")
            self.ends = delta | _stopped(delta)
            return _event({**found.data, "delta": self.ends, "usage": self.usage})
        return event


class _KeptStream(EngineMessageStream):
    """A stream of which the blocks are kept: by their numbers, with their kind and what has been said in each."""

    def __init__(self, context: AnswerContext) -> None:
        super().__init__(context)
        self.blocks: dict[int, tuple[str, list[str]]] = {}

    def content(self) -> list[Json]:
        """Return the blocks of a whole message."""
        said = ((kind, "".join(texts)) for _, (kind, texts) in sorted(self.blocks.items()))
        return [{"type": kind, kind: text} | _UNSIGNED.get(kind, {}) for kind, text in said if text]

    def _said(self, event: bytes, found: MessageEvent) -> bytes:
        if found.kind == "content_block_delta":
            delta = part_of(found.data, "delta")
            kind = str(delta.get("type")).removesuffix("_delta")
            if kind in ("text", "thinking") and isinstance(text := delta.get(kind), str):
                self.blocks.setdefault(count_of(found.data.get("index")), (kind, []))[1].append(text)
        return super()._said(event, found)


class MessageAssembler:
    """A streamed message that is put together; see `hostd.dialects.base.AnswerAssembler`."""

    def __init__(self, translation: EngineMessages, context: AnswerContext) -> None:
        self._translation = translation
        self._context = context
        self._stream = _KeptStream(context)
        self.prompt: PromptReports = self._stream.prompt

    def feed(self, data: bytes) -> None:
        """Read *data*."""
        self._stream.feed(data)

    def end(self) -> bool:
        """Return whether the message has said why it is over."""
        return self._stream.done or self._stream.complete

    def answer(self) -> Answer:
        """Return the whole message."""
        stream = self._stream
        message = stream.head | {"content": stream.content(), "usage": stream.usage} | stream.ends
        return self._translation.response(json.dumps(message).encode(), self._context)

    @property
    def begun(self) -> bool:
        """Whether something of the answer itself has come."""
        return self._stream.begun

    @property
    def done(self) -> bool:
        """Whether all of the answer has come."""
        return self._stream.done

    @property
    def failure(self) -> str:
        """Why the answer never will be whole."""
        return self._stream.failure

    @property
    def engine_error(self) -> HostdError | None:
        """The engine's own error, where that is the reason."""
        return self._stream.engine_error

    @property
    def events(self) -> int:
        """How much the engine has sent of the answer."""
        return self._stream.events

    @property
    def signs(self) -> int:
        """How often the stream has shown that the engine works."""
        return self._stream.signs

    @property
    def complete(self) -> bool:
        """Whether nothing of the answer can follow but its formal end."""
        return self._stream.complete

    @property
    def settled(self) -> bool:
        """Whether the answer is *complete*, and stays so."""
        return self._stream.settled


def _named(message: Json, context: AnswerContext) -> Json:
    """Return *message* under the names that clients know, with the sums of which an engine without a paid cache says nothing."""
    usage = {"cache_creation_input_tokens": 0, **part_of(message, "usage")}
    return {
        **message,
        "id": "msg_" + context.request_id.removeprefix("req_"),
        "model": context.name,
        "usage": usage,
    }


def _stopped(said: Json) -> Json:
    """Return the reason for the end where *said*, a message or the end of one, names the stop sequence that was reached."""
    reached = said.get("stop_sequence") and said.get("stop_reason") == "end_turn"
    return {"stop_reason": "stop_sequence"} if reached else {}


def _event(data: Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (str(data["type"]).encode(), _encode(data))
