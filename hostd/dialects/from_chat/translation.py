"""A client's dialect over an upstream that speaks OpenAI's chat completions: what is alike for all such translations."""

from abc import ABC, abstractmethod

from hostd.dialects.base import Answer, AnswerContext, Dialect, InferenceRequest
from hostd.dialects.from_chat.answer import BrokenAnswerError, ChatAnswer, answer_of
from hostd.dialects.from_chat.stream import ChatStream, StreamWriter
from hostd.dialects.json_text import JsonError, parse_json
from hostd.dialects.openai import aggregate, errors, parse, whole
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import Bug, HostdError


class FromChat(ABC):
    """A client's dialect before an upstream that is asked for a chat completion; see `hostd.dialects.base.Translation`."""

    spoken = Dialect.OPENAI_CHAT
    stream_type = "text/event-stream"
    assembles = True

    @abstractmethod
    def whole(self, said: ChatAnswer, context: AnswerContext) -> bytes:
        """Return a whole answer as the client wants it.

        Raises:
            BrokenAnswerError: The client's dialect has no way to say it.
        """

    @abstractmethod
    def writer(self, context: AnswerContext) -> StreamWriter:
        """Return what writes one streamed answer."""

    def request(self, request: InferenceRequest) -> RequestDocument:
        """Return the chat completion that *request* asks for, by default the one that it was made into when it was read."""
        return asked_of(request)

    def streamed(self, document: RequestDocument) -> RequestDocument:
        """Return *document* as a request for a stream that ends with the sums."""
        return aggregate.request(document)

    def response(self, payload: bytes, context: AnswerContext) -> Answer:
        """Return the chat completion *payload* as the client wants it."""
        found = whole.fault(payload, vectors=False)
        if isinstance(found, HostdError):
            return Answer(payload, failure=f"the engine reported an error: {found.message}", engine_error=found)
        if found is not None:
            return Answer(payload, failure=found)
        try:
            document = parse_json(payload)
        except JsonError:
            return Answer(payload, failure="the engine sent an answer that is no JSON object")
        try:
            said = answer_of(document)
            return Answer(self.whole(said, context), said.usage.prompt, said.usage.answer)
        except BrokenAnswerError as error:
            return Answer(payload, failure=str(error))

    def stream(self, context: AnswerContext, *, passes_progress: bool = False, passes_sums: bool = True) -> ChatStream:
        """Return a translator for one stream, in which sums have their place and progress has none."""
        del passes_progress, passes_sums
        return ChatStream(self.writer(context))

    def assembler(self, context: AnswerContext) -> "ChatAssembler":
        """Return what puts one whole answer together from a stream."""
        return ChatAssembler(self, context)

    def failure(self, status: int, payload: bytes) -> HostdError:
        """Return what an error answer of the upstream means."""
        return errors.of_answer(status, payload)


def request_over_chat(
    dialect: Dialect, document: RequestDocument, chat: RequestDocument, spoken: Dialect = Dialect.OPENAI_CHAT
) -> InferenceRequest:
    """Return the request in *document*, which is *chat* in a dialect of OpenAI's, *spoken*; read as that would be.

    Raises:
        RequestError: It asks for what is out of bounds.
    """
    read = parse.parse(spoken, chat.encode())
    return read._replace(dialect=dialect, document=document, chat=read.document)


def asked_of(request: InferenceRequest) -> RequestDocument:
    """Return what the upstream is asked: what the request was made into when it was read."""
    if request.chat is None:
        raise Bug(f"a request of {request.dialect} was not made into one of OpenAI's when it was read")
    return request.chat


class ChatAssembler(aggregate.StreamAggregator):
    """Puts a streamed chat completion together, for *translation* to say it whole."""

    def __init__(self, translation: FromChat, context: AnswerContext) -> None:
        super().__init__(1, context.name)
        self._translation = translation
        self._context = context

    def answer(self) -> Answer:
        """Return the whole answer."""
        said = super().answer()
        return said if said.failure else self._translation.response(said.body, self._context)
