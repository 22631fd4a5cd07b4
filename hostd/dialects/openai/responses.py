"""OpenAI's Responses API, without a store: requests are made into chat completions, which every engine and provider speaks."""

from collections.abc import Mapping

from hostd.dialects.base import AnswerContext, Dialect, InferenceRequest
from hostd.dialects.from_chat.answer import ChatAnswer
from hostd.dialects.from_chat.translation import FromChat, request_over_chat
from hostd.dialects.openai.dialect import OpenAiClient
from hostd.dialects.openai.responses_output import (
    ResponsesWriter,
    bare_head,
    failure_events,
    whole_response,
    written,
)
from hostd.dialects.openai.responses_request import chat_request
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import HostdError

PATHS: Mapping[Dialect, str] = {Dialect.OPENAI_RESPONSES: "/v1/responses"}
"""Where clients send requests."""

NO_MODEL = "default"
"""What is asked for where a request names no model, which the API allows: an owner may call one so."""


class ResponsesClient(OpenAiClient):
    """Reads and answers clients of the Responses API; see `hostd.dialects.base.ClientDialect`."""

    def __init__(self) -> None:
        super().__init__(Dialect.OPENAI_RESPONSES)

    def parse(self, body: bytes) -> InferenceRequest:
        """Return the request in *body*."""
        document = RequestDocument.parse(body)
        model = document["model"] if document.is_true("model") else NO_MODEL
        return request_over_chat(Dialect.OPENAI_RESPONSES, document, chat_request(document, model))

    def error_event(self, error: HostdError) -> bytes:
        """Return *error* as the events of a response that has failed before it began."""
        return written(failure_events(error, bare_head("resp_0", 0, "")))

    def idle_event(self) -> bytes:
        """Return an event that OpenAI's own server sends while it has nothing to say."""
        return b'event: keepalive\ndata: {"type":"keepalive","sequence_number":0}\n\n'


class ResponsesFromChat(FromChat):
    """Says a chat completion as a response."""

    def whole(self, said: ChatAnswer, context: AnswerContext) -> bytes:
        """Return the response object."""
        return whole_response(said, context)

    def writer(self, context: AnswerContext) -> ResponsesWriter:
        """Return what writes the events of one response."""
        return ResponsesWriter(context)


CLIENTS: Mapping[Dialect, ResponsesClient] = {Dialect.OPENAI_RESPONSES: ResponsesClient()}
TRANSLATIONS: Mapping[tuple[Dialect, Dialect], ResponsesFromChat] = {
    (Dialect.OPENAI_RESPONSES, Dialect.OPENAI_CHAT): ResponsesFromChat()
}
