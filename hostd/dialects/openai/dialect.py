"""The OpenAI dialect as the registry knows it: its clients, and what stands between them and an engine that speaks it, too."""

from collections.abc import Mapping
from functools import partial

from hostd.dialects.base import Answer, AnswerContext, Dialect, InferenceRequest
from hostd.dialects.openai import aggregate, errors, parse, stream, whole
from hostd.dialects.openai.dimensions import shortened
from hostd.dialects.openai.estimate import estimated_prompt
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import HostdError

PATHS: Mapping[Dialect, str] = {
    Dialect.OPENAI_CHAT: "/v1/chat/completions",
    Dialect.OPENAI_COMPLETIONS: "/v1/completions",
    Dialect.OPENAI_EMBEDDINGS: "/v1/embeddings",
}
"""Where each kind of request is sent, to hostd as to an engine that speaks OpenAI."""

SSE = "text/event-stream"


class OpenAiClient:
    """Reads and answers clients that send requests of one *dialect*; see `hostd.dialects.base.ClientDialect`."""

    stream_type = SSE
    passed_headers = ()

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def parse(self, body: bytes) -> InferenceRequest:
        """Return the request in *body*."""
        return parse.parse(self._dialect, body)

    def error(self, error: HostdError) -> bytes:
        """Return *error* as an error object."""
        return errors.body(error)

    def error_event(self, error: HostdError) -> bytes:
        """Return *error* as the last event of a stream."""
        return errors.event(error)

    def keep_alive(self, note: str) -> bytes:
        """Return *note* as a comment, which every reader of events skips.

        No empty line follows: it would end an event that has no data, and some readers hand even that on (openai-go before 3.43).
        """
        return f": {note}\n".encode()

    def idle_event(self) -> bytes:
        """Return a chunk without choices, such as the one that tells the usage."""
        kind = "text_completion" if self._dialect is Dialect.OPENAI_COMPLETIONS else "chat.completion.chunk"
        return b'data: {"id":"","object":"%b","created":0,"model":"","choices":[]}\n\n' % kind.encode()


class OpenAiIdentity:
    """Stands between a client and an upstream that both speak *spoken*; see `hostd.dialects.base.Translation`."""

    stream_type = SSE

    def __init__(self, spoken: Dialect) -> None:
        self.spoken = spoken
        self._vectors = spoken is Dialect.OPENAI_EMBEDDINGS
        self.assembles = not self._vectors

    def request(self, request: InferenceRequest) -> RequestDocument:
        """Return the client's own document."""
        return request.document

    def streamed(self, document: RequestDocument) -> RequestDocument:
        """Return *document* as a request for a stream that ends with the sums."""
        return aggregate.request(document)

    def response(self, payload: bytes, context: AnswerContext) -> Answer:
        """Return the engine's own bytes, the model's name apart."""
        vectors = self._vectors
        known = None if vectors else whole.flat(payload)
        found = whole.fault(payload, vectors=vectors, choices=context.request.choices, known=known)
        if isinstance(found, HostdError):
            return Answer(payload, failure=f"the engine reported an error: {found.message}", engine_error=found)
        if found is not None:
            return Answer(payload, failure=found)
        if vectors and "dimensions" in context.request.document:
            try:
                payload = shortened(payload, context.request.document["dimensions"])
            except (ValueError, TypeError, AttributeError):
                return Answer(payload, failure="the engine sent vectors that cannot be read")
        body = stream.ModelNameRewriter(context.name).apply(payload)
        prompt, tokens = (known.tokens("prompt_tokens"), known.tokens("completion_tokens")) if known else (None, None)
        return Answer(
            body,
            stream.prompt_tokens_of(payload) if prompt is None else prompt,
            stream.tokens_of(payload) if tokens is None else tokens,
        )

    def stream(
        self, context: AnswerContext, *, passes_progress: bool = False, passes_sums: bool = True
    ) -> stream.OpenAiStream:
        """Return what passes one stream on."""
        choices = context.request.choices
        document = context.request.document
        return stream.OpenAiStream(
            context.name,
            choices=choices,
            passes_progress=passes_progress,
            passes_sums=passes_sums,
            prompt_estimate=partial(estimated_prompt, document) if parse.asks_for_usage(document) else None,
        )

    def assembler(self, context: AnswerContext) -> aggregate.StreamAggregator:
        """Return what puts one answer together."""
        return aggregate.StreamAggregator(context.request.choices, context.name)

    def failure(self, status: int, payload: bytes) -> HostdError:
        """Return what an error answer of the engine means."""
        return errors.of_answer(status, payload)


CLIENTS: Mapping[Dialect, OpenAiClient] = {dialect: OpenAiClient(dialect) for dialect in PATHS}
TRANSLATIONS: Mapping[tuple[Dialect, Dialect], OpenAiIdentity] = {
    (dialect, dialect): OpenAiIdentity(dialect) for dialect in PATHS
}
