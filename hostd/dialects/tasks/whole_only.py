"""What is alike for requests whose answers are no text: they come whole, and a server that lacks the route is unfit for them."""

from hostd.dialects.base import (
    LONGEST_NAME,
    Answer,
    AnswerAssembler,
    AnswerContext,
    Dialect,
    InferenceRequest,
    StreamTranslator,
)
from hostd.dialects.from_chat.translation import asked_of
from hostd.dialects.json_text import JsonError, parse_json
from hostd.dialects.openai import errors
from hostd.dialects.openai.dialect import OpenAiClient
from hostd.dialects.openai.events import error_in
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import Bug, HostdError, RequestError

_NO_ROUTE = frozenset({404, 405, 501})


def asked_model(document: RequestDocument, unnamed: str) -> str:
    """Return the model that *document* names; *unnamed* where it names none, which several of these APIs allow.

    Raises:
        RequestError: What it names is no text.
    """
    model = document.short_text("model", LONGEST_NAME)
    if model is not None and not isinstance(model, str):
        raise RequestError("'model' must be a text", code="no_model", param="model")
    return model or unnamed


class WholeOnlyClient(OpenAiClient):
    """Answers clients of one *dialect* whose answers are never streamed; see `hostd.dialects.base.ClientDialect`."""

    def __init__(self, dialect: Dialect, unnamed: str) -> None:
        super().__init__(dialect)
        self._unnamed = unnamed


class WholeOnly:
    """Stands before an upstream that speaks *spoken*; see `hostd.dialects.base.Translation`."""

    stream_type = "text/event-stream"
    assembles = False

    def __init__(self, spoken: Dialect) -> None:
        self.spoken = spoken

    def request(self, request: InferenceRequest) -> RequestDocument:
        """Return what the server is asked."""
        return asked_of(request)

    def streamed(self, document: RequestDocument) -> RequestDocument:
        """Return nothing: such an answer is never streamed."""
        raise Bug(f"an answer of {self.spoken} is never streamed, and {len(document)} members were to be")

    def stream(
        self, context: AnswerContext, *, passes_progress: bool = False, passes_sums: bool = True
    ) -> StreamTranslator:
        """Return nothing, as above."""
        del passes_progress, passes_sums
        raise Bug(f"an answer of {self.spoken} by {context.name} is never streamed")

    def assembler(self, context: AnswerContext) -> AnswerAssembler:
        """Return nothing, as above."""
        raise Bug(f"an answer of {self.spoken} by {context.name} is never streamed")

    def failure(self, status: int, payload: bytes) -> HostdError:
        """Return what an error answer of the upstream means."""
        error = errors.of_answer(status, payload)
        if status not in _NO_ROUTE:
            return error
        return RequestError(f"its server cannot be asked for {self.spoken}: {error.message}", code="unfit")


def document_in(payload: bytes) -> object | Answer:
    """Return the document that *payload* is, or the answer that says why it is none."""
    try:
        document: object = parse_json(payload)
    except JsonError:
        return Answer(payload, failure="the engine sent an answer that is no JSON")
    said = error_in(document) if isinstance(document, dict) else None
    if said is None:
        return document
    error = errors.of_stream(said)
    return Answer(payload, failure=f"the engine reported an error: {error.message}", engine_error=error)
