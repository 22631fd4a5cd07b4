"""Ollama's dialect as the registry knows it: its clients, and what stands between them and engines, which all speak OpenAI's."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from hostd.dialects.base import (
    Answer,
    AnswerContext,
    ClientDialect,
    Dialect,
    InferenceRequest,
    Translation,
    model_in,
)
from hostd.dialects.from_chat.answer import BrokenAnswerError, ChatAnswer
from hostd.dialects.from_chat.translation import FromChat, asked_of, request_over_chat
from hostd.dialects.ollama import errors, request
from hostd.dialects.ollama.answer import OllamaWriter, vectors_answer, vectors_in, whole_answer
from hostd.dialects.openai.dialect import OpenAiIdentity
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import HostdError

PATHS: Mapping[Dialect, str] = {
    Dialect.OLLAMA_CHAT: "/api/chat",
    Dialect.OLLAMA_GENERATE: "/api/generate",
    Dialect.OLLAMA_EMBED: "/api/embed",
    Dialect.OLLAMA_EMBEDDINGS: "/api/embeddings",
}
"""Where clients send requests."""

PREFIX = "/api/"
"""How all paths of the dialect begin."""

_EMPTY: Mapping[bool, dict[str, Any]] = {
    True: {"message": {"role": "assistant", "content": ""}},
    False: {"response": ""},
}
_LONG_AGO = "1970-01-01T00:00:00Z"


class OllamaClient:
    """Reads and answers clients that send requests of one *dialect*; see `hostd.dialects.base.ClientDialect`."""

    stream_type = "application/x-ndjson"
    passed_headers: tuple[str, ...] = ()

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        empty = _EMPTY[dialect is Dialect.OLLAMA_CHAT]
        line = {"model": "", "created_at": _LONG_AGO, **empty, "done": False}
        self._idle = RequestDocument.of(line).encode() + b"\n"

    def parse(self, body: bytes) -> InferenceRequest:
        """Return the request in *body*."""
        document = RequestDocument.parse(body)
        # Old clients say `name`.
        model = model_in(document, "model", "name", listed="/api/tags")
        dialect, spoken, make = self._dialect, Dialect.OPENAI_CHAT, request.chat_request
        if dialect is Dialect.OLLAMA_GENERATE:
            make = request.generate_request
            if document.is_true("prompt") and (document.is_true("raw") or document.is_true("suffix")):
                dialect, spoken, make = Dialect.OLLAMA_RAW, Dialect.OPENAI_COMPLETIONS, request.raw_request
        elif dialect in _MEMBERS:
            asked = request.vectors_request(document, model, _MEMBERS[dialect])
            return request_over_chat(dialect, document, asked, Dialect.OPENAI_EMBEDDINGS)
        return request_over_chat(dialect, document, make(document, model), spoken)

    def error(self, error: HostdError) -> bytes:
        """Return *error* as an error object."""
        return errors.body(error)

    def error_event(self, error: HostdError) -> bytes:
        """Return *error* as the last line of a stream."""
        return errors.body(error) + b"\n"

    def keep_alive(self, note: str) -> bytes:  # noqa: ARG002 - lines have no comments
        """Return a line without content: clients read each as JSON."""
        return self._idle

    def idle_event(self) -> bytes:
        """Return a line without content."""
        return self._idle


class OllamaFromChat(FromChat):
    """Says a completion as an answer of Ollama's, to a *chat* or as a text; *spoken* is what the engine is asked for."""

    def __init__(self, *, chat: bool, spoken: Dialect = Dialect.OPENAI_CHAT) -> None:
        self.spoken = spoken
        self._chat = chat

    def whole(self, said: ChatAnswer, context: AnswerContext) -> bytes:
        """Return the one object."""
        return whole_answer(said, context, chat=self._chat)

    def writer(self, context: AnswerContext) -> OllamaWriter:
        """Return what writes one stream."""
        return OllamaWriter(context, chat=self._chat)


class OllamaVectors(OpenAiIdentity):
    """Says an answer with vectors as *make* has it."""

    def __init__(self, make: Callable[[dict[str, Any], AnswerContext], dict[str, Any]]) -> None:
        super().__init__(Dialect.OPENAI_EMBEDDINGS)
        self._make = make

    def request(self, request: InferenceRequest) -> RequestDocument:
        """Return the request for the vectors."""
        return asked_of(request)

    def response(self, payload: bytes, context: AnswerContext) -> Answer:
        """Return the vectors."""
        answer = super().response(payload, context)
        if answer.failure:
            return answer
        try:
            # As large as a batch is: what an engine sends is bounded elsewhere.
            document = self._make(msgspec.json.decode(answer.body), context)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return answer._replace(failure="the engine sent vectors that are no JSON")
        except BrokenAnswerError as error:
            return answer._replace(failure=str(error))
        return answer._replace(body=msgspec.json.encode(document))


def _one_vector(document: dict[str, Any], _context: AnswerContext) -> dict[str, Any]:
    return {"embedding": vectors_in(document)[0]}


_MEMBERS: Mapping[Dialect, str] = {Dialect.OLLAMA_EMBED: "input", Dialect.OLLAMA_EMBEDDINGS: "prompt"}
"""Where requests have the texts whose vectors they want."""

CLIENTS: Mapping[Dialect, ClientDialect] = {dialect: OllamaClient(dialect) for dialect in PATHS}
TRANSLATIONS: Mapping[tuple[Dialect, Dialect], Translation] = {
    (Dialect.OLLAMA_CHAT, Dialect.OPENAI_CHAT): OllamaFromChat(chat=True),
    (Dialect.OLLAMA_GENERATE, Dialect.OPENAI_CHAT): OllamaFromChat(chat=False),
    (Dialect.OLLAMA_RAW, Dialect.OPENAI_COMPLETIONS): OllamaFromChat(chat=False, spoken=Dialect.OPENAI_COMPLETIONS),
    (Dialect.OLLAMA_EMBED, Dialect.OPENAI_EMBEDDINGS): OllamaVectors(vectors_answer),
    (Dialect.OLLAMA_EMBEDDINGS, Dialect.OPENAI_EMBEDDINGS): OllamaVectors(_one_vector),
}
