"""The Anthropic dialect as the registry knows it: its clients, and what stands between them and what an upstream speaks.

Engines are asked for a chat completion; one that has messages of its own may be asked for texts by those (`plain_text`).
"""

from collections.abc import Mapping

from hostd.dialects.anthropic import errors, parse
from hostd.dialects.anthropic.answer import MessageWriter, whole_message
from hostd.dialects.anthropic.events import PING
from hostd.dialects.anthropic.request import chat_request
from hostd.dialects.base import AnswerContext, Dialect, InferenceRequest
from hostd.dialects.from_chat.answer import ChatAnswer
from hostd.dialects.from_chat.translation import FromChat
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import HostdError

PATHS: Mapping[Dialect, str] = {Dialect.ANTHROPIC_MESSAGES: "/v1/messages"}
"""Where requests are sent, to hostd as to Anthropic."""


class AnthropicClient:
    """Reads and answers clients that send messages; see `hostd.dialects.base.ClientDialect`."""

    stream_type = "text/event-stream"
    # What else a provider is to understand of the request.
    passed_headers = ("anthropic-beta",)

    def parse(self, body: bytes) -> InferenceRequest:
        """Return the request in *body*."""
        return parse.parse(Dialect.ANTHROPIC_MESSAGES, body)

    def error(self, error: HostdError) -> bytes:
        """Return *error* as an error object."""
        return errors.body(error)

    def error_event(self, error: HostdError) -> bytes:
        """Return *error* as the last event of a stream."""
        return errors.event(error)

    def keep_alive(self, note: str) -> bytes:
        """Return *note* as a comment, and a ping, which Anthropic's clients expect at any time and some count."""
        return f": {note}\n".encode() + PING

    def idle_event(self) -> bytes:
        """Return a ping."""
        return PING


class MessagesFromChat(FromChat):
    """A client of the Anthropic dialect before an upstream that speaks OpenAI's chat completions.

    Requests are translated when it is known that their upstream does not speak the dialect itself.
    """

    def request(self, request: InferenceRequest) -> RequestDocument:
        """Return *request* as one for a chat completion."""
        return chat_request(request.document) if request.chat is None else request.chat

    def whole(self, said: ChatAnswer, context: AnswerContext) -> bytes:
        """Return a chat completion as a message."""
        return whole_message(said, context)

    def writer(self, context: AnswerContext) -> MessageWriter:
        """Return what writes the events of one message."""
        return MessageWriter(context)


CLIENTS: Mapping[Dialect, AnthropicClient] = {Dialect.ANTHROPIC_MESSAGES: AnthropicClient()}
TRANSLATIONS: Mapping[tuple[Dialect, Dialect], MessagesFromChat] = {
    (Dialect.ANTHROPIC_MESSAGES, Dialect.OPENAI_CHAT): MessagesFromChat()
}
