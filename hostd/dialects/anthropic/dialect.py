"""The Anthropic dialect as the registry knows it: its clients, and what stands between them and what an upstream speaks.

llama-server has messages of its own, whose errors are not Anthropic's; like every engine it is asked for a chat completion.
"""

from collections.abc import Mapping

from hostd.dialects.anthropic import errors, parse
from hostd.dialects.anthropic.events import PING
from hostd.dialects.anthropic.translations import ChatToMessages, MessagesFromChat, MessagesIdentity
from hostd.dialects.base import Dialect, InferenceRequest, Translation
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


CLIENTS: Mapping[Dialect, AnthropicClient] = {Dialect.ANTHROPIC_MESSAGES: AnthropicClient()}
TRANSLATIONS: Mapping[tuple[Dialect, Dialect], Translation] = {
    (Dialect.ANTHROPIC_MESSAGES, Dialect.ANTHROPIC_MESSAGES): MessagesIdentity(),
    (Dialect.ANTHROPIC_MESSAGES, Dialect.OPENAI_CHAT): MessagesFromChat(),
    (Dialect.OPENAI_CHAT, Dialect.ANTHROPIC_MESSAGES): ChatToMessages(),
}
