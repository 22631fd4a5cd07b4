"""Two translations in a row: a client's dialect by way of a chat completion to an upstream that speaks neither."""

from hostd.dialects.base import (
    Answer,
    AnswerAssembler,
    AnswerContext,
    Dialect,
    InferenceRequest,
    PromptReports,
    StreamTranslator,
    Translation,
)
from hostd.dialects.from_chat.translation import FromChat
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import HostdError


class ChainedTranslation:
    """Says as *client* does what *upstream* makes a chat completion of; see `hostd.dialects.base.Translation`."""

    def __init__(self, client: FromChat, upstream: Translation) -> None:
        self.spoken = upstream.spoken
        self.stream_type = upstream.stream_type
        self.assembles = upstream.assembles
        self._client = client
        self._upstream = upstream

    def request(self, request: InferenceRequest) -> RequestDocument:
        """Return the chat completion that is asked for, as the upstream is asked."""
        return self._upstream.request(self._as_chat(request))

    def streamed(self, document: RequestDocument) -> RequestDocument:
        """Return *document* as a request for a stream."""
        return self._upstream.streamed(document)

    def response(self, payload: bytes, context: AnswerContext) -> Answer:
        """Return the upstream's whole answer as the client wants it."""
        answer = self._upstream.response(payload, self._chat_context(context))
        return answer if answer.failure else self._client.response(answer.body, context)

    def stream(
        self, context: AnswerContext, *, passes_progress: bool = False, passes_sums: bool = True
    ) -> "ChainedStream":
        """Return a translator for one stream; its sums are passed on from one to the other."""
        del passes_progress, passes_sums
        return ChainedStream(self._upstream.stream(self._chat_context(context)), self._client.stream(context))

    def assembler(self, context: AnswerContext) -> AnswerAssembler:
        """Return what the upstream's translation puts together."""
        return self._upstream.assembler(self._chat_context(context))

    def failure(self, status: int, payload: bytes) -> HostdError:
        """Return what an error answer of the upstream means."""
        return self._upstream.failure(status, payload)

    def _as_chat(self, request: InferenceRequest) -> InferenceRequest:
        return request._replace(dialect=Dialect.OPENAI_CHAT, document=self._client.request(request), chat=None)

    def _chat_context(self, context: AnswerContext) -> AnswerContext:
        return context._replace(request=self._as_chat(context.request))


class ChainedStream:
    """One stream that *first* makes chunks of, and *second* the client's events; see `hostd.dialects.base.StreamTranslator`."""

    def __init__(self, first: StreamTranslator, second: StreamTranslator) -> None:
        self._first = first
        self._second = second

    def feed(self, data: bytes) -> bytes:
        """Return the whole events for the client that *data* completes."""
        return self._second.feed(self._first.feed(data))

    def take_aside(self) -> bytes:
        """Return nothing: other dialects have no events for progress."""
        return b""

    def end(self) -> bytes | None:
        """Return what a stream still lacks that has ended without being done; None where the answer is not complete."""
        end = self._first.end()
        if end is None:
            return None
        events = self._second.feed(end)
        return events if self._second.done else None

    def error_event(self, error: HostdError) -> bytes:
        """Return *error* as the last event of the stream."""
        return self._second.error_event(error)

    @property
    def begun(self) -> bool:
        """Whether something of the answer itself has come."""
        return self._first.begun

    @property
    def done(self) -> bool:
        """Whether all of the answer has come."""
        return self._first.done and self._second.done

    @property
    def failure(self) -> str:
        """Why the answer never will be whole."""
        return self._first.failure or self._second.failure

    @property
    def engine_error(self) -> HostdError | None:
        """The upstream's own error, where that is the reason."""
        return self._first.engine_error

    @property
    def events(self) -> int:
        """How much the upstream has sent of the answer."""
        return self._first.events

    @property
    def signs(self) -> int:
        """How often the stream has shown that the upstream works."""
        return self._first.signs

    @property
    def prompt(self) -> PromptReports:
        """What was reported about the prompt."""
        return self._first.prompt

    @property
    def complete(self) -> bool:
        """Whether nothing of the answer can follow but its formal end and sums."""
        return self._first.complete and not self.failure

    @property
    def settled(self) -> bool:
        """Whether the answer is *complete*, and stays so."""
        return self._first.settled and not self.failure

    @property
    def tokens(self) -> int:
        """The tokens of the answer."""
        return self._first.tokens

    @property
    def prompt_tokens(self) -> int:
        """The tokens of the prompt."""
        return self._first.prompt_tokens
