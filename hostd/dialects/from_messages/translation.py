"""What stands between a client and a provider that speaks the Anthropic dialect."""

import json
from collections.abc import Mapping

from hostd.dialects.anthropic import errors
from hostd.dialects.anthropic.sums import prompt_tokens_of
from hostd.dialects.base import Answer, AnswerAssembler, AnswerContext, Dialect, InferenceRequest, Translation
from hostd.dialects.from_chat.answer import count_of
from hostd.dialects.from_messages.answer import completion_of
from hostd.dialects.from_messages.passthrough import MessagePassthrough, for_provider
from hostd.dialects.from_messages.request import messages_request
from hostd.dialects.from_messages.stream import MessagesToChatStream
from hostd.dialects.from_messages.whole import whole_message
from hostd.dialects.openai.stream import ModelNameRewriter
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import Bug, HostdError

SSE = "text/event-stream"


class _FromMessages:
    """What an upstream that speaks the Anthropic dialect needs, whoever asks it."""

    spoken = Dialect.ANTHROPIC_MESSAGES
    stream_type = SSE
    assembles = False

    def streamed(self, document: RequestDocument) -> RequestDocument:
        """Return *document* as a request for a stream."""
        return document.replace({"stream": True})

    def assembler(self, context: AnswerContext) -> AnswerAssembler:
        """Refuse: a provider is asked for what its client wants."""
        raise Bug(f"the answer to {context.request_id} is not put together from a stream")

    def failure(self, status: int, payload: bytes) -> HostdError:
        """Return what an error answer of the provider means."""
        return errors.of_answer(status, payload)


class MessagesIdentity(_FromMessages):
    """A client of the Anthropic dialect before a provider that speaks it, too."""

    def request(self, request: InferenceRequest) -> RequestDocument:
        """Return the client's own document, without what the provider could not take for its own."""
        return for_provider(request.document)

    def response(self, payload: bytes, context: AnswerContext) -> Answer:
        """Return the provider's own bytes, the model's name apart."""
        message = whole_message(payload)
        if isinstance(message, Answer):
            return message
        body = ModelNameRewriter(context.name).apply(payload)
        return Answer(body, prompt_tokens_of(message["usage"]), count_of(message["usage"].get("output_tokens")))

    def stream(
        self,
        context: AnswerContext,
        *,
        passes_progress: bool = False,  # noqa: ARG002 - no client of this dialect asks for it
        passes_sums: bool = True,  # noqa: ARG002 - the end of a message always tells them
    ) -> MessagePassthrough:
        """Return what passes one stream on."""
        return MessagePassthrough(context.name)


class ChatFromMessages(_FromMessages):
    """A client of OpenAI's chat completions before a provider that speaks the Anthropic dialect."""

    def request(self, request: InferenceRequest) -> RequestDocument:
        """Return *request* as one for a message."""
        return messages_request(request.document)

    def response(self, payload: bytes, context: AnswerContext) -> Answer:
        """Return a message as a chat completion."""
        message = whole_message(payload)
        if isinstance(message, Answer):
            return message
        answer = completion_of(message, context.name, context.clock())
        usage = answer["usage"]
        return Answer(json.dumps(answer).encode(), usage["prompt_tokens"], usage["completion_tokens"])

    def stream(
        self,
        context: AnswerContext,
        *,
        passes_progress: bool = False,  # noqa: ARG002 - a provider reports none
        passes_sums: bool = True,
    ) -> MessagesToChatStream:
        """Return what makes chunks of the events."""
        return MessagesToChatStream(context.name, context.clock(), passes_sums=passes_sums)


TRANSLATIONS: Mapping[tuple[Dialect, Dialect], Translation] = {
    (Dialect.ANTHROPIC_MESSAGES, Dialect.ANTHROPIC_MESSAGES): MessagesIdentity(),
    (Dialect.OPENAI_CHAT, Dialect.ANTHROPIC_MESSAGES): ChatFromMessages(),
}
