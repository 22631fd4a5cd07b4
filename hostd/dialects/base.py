"""What every dialect gives the gateway: how a client's request is read, how it is answered, and how an upstream is understood.

A client speaks one dialect, an endpoint speaks some. `registry.translation` returns what stands between the two: the identity
where the endpoint speaks the client's own.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import HostdError, RequestError
from hostd.domain.progress import PromptProgress
from hostd.domain.ticket import Requirements

LONGEST_NAME = 1024
"""Characters of a model's name that are read; longer names are nobody's, and nobody wants them whole."""


class Dialect(StrEnum):
    """One kind of request of one API, with the answers that belong to it."""

    OPENAI_CHAT = "openai_chat"
    OPENAI_COMPLETIONS = "openai_completions"
    OPENAI_EMBEDDINGS = "openai_embeddings"
    OPENAI_RESPONSES = "openai_responses"
    ANTHROPIC_MESSAGES = "anthropic_messages"
    ANTHROPIC_TEXT = "anthropic_text"
    OLLAMA_CHAT = "ollama_chat"
    OLLAMA_GENERATE = "ollama_generate"
    OLLAMA_RAW = "ollama_raw"
    OLLAMA_EMBED = "ollama_embed"
    OLLAMA_EMBEDDINGS = "ollama_embeddings"
    RERANK = "rerank"
    COHERE_RERANK = "cohere_rerank"
    SYSTEMONE = "systemone"


class InferenceRequest(NamedTuple):
    """A request as far as routing needs it; the rest is decoded from *document* on demand. A tuple, as one is made for each.

    *model* is the name that the client asked for. *keep_alive* is for how many seconds it would like the model to stay loaded.
    *choices* is how many answers it asks for. *remote_media* is the beginning of a URL that its engine would fetch, if any. *chat*
    is the request as one of OpenAI's, mostly for a chat completion, where reading it has made one. *headers* go to an upstream that
    speaks the client's own dialect. *kept_as* is the id under which the gateway keeps the answer, empty where it does not, and
    *private* says that what it goes on from must not leave this machine.
    """

    dialect: Dialect
    document: RequestDocument
    model: str
    stream: bool
    requirements: Requirements
    keep_alive: float | None = None
    choices: int = 1
    remote_media: str | None = None
    chat: RequestDocument | None = None
    headers: Mapping[str, str] = {}
    kept_as: str = ""
    private: bool = False


def model_in(document: RequestDocument, *names: str, listed: str = "/v1/models") -> str:
    """Return the name of the model that *document* asks for: the first of its members *names* that says one.

    Raises:
        RequestError: It names none; the message says at which path names are *listed*.
    """
    for name in names:
        if (model := document.short_text(name, LONGEST_NAME)) and isinstance(model, str):
            return model
    raise RequestError(
        f"the request names no model; set 'model' to a name from GET {listed}", code="no_model", param="model"
    )


class AnswerContext(NamedTuple):
    """What an answer is made for: a *request*, under the *name* of the model that its client knows.

    *request_id* is the request's own. It *waited* so many seconds before an engine was asked, of which the load of its model
    took *loaded*. *clock* returns seconds since 1970, and *began* is when the engine was asked.
    """

    request: InferenceRequest
    name: str
    request_id: str
    waited: float
    loaded: float
    clock: Callable[[], float]
    began: float = 0.0


MALFORMED_CALL = "the engine sent a tool call whose arguments are no JSON object"
"""The failure of an answer, whole or streamed, that calls a tool with what no client can read."""


class Answer(NamedTuple):
    """A whole answer; tokens are 0 where the upstream does not count them.

    *failure* says why it is none after all; *engine_error* is the upstream's own error where that is the reason.
    """

    body: bytes
    prompt_tokens: int = 0
    tokens: int = 0
    failure: str = ""
    engine_error: HostdError | None = None


class ClientDialect(Protocol):
    """How clients of one dialect are read and answered.

    *stream_type* is the content type of its streams. *passed_headers* of a request are for an upstream of the same dialect, too.
    """

    stream_type: str
    passed_headers: tuple[str, ...]

    def parse(self, body: bytes) -> InferenceRequest:
        """Return the request in *body*.

        Raises:
            RequestError: It is no JSON object, names no model, or asks for what is out of bounds.
        """

    def error(self, error: HostdError) -> bytes:
        """Return *error* as the body of an answer."""

    def error_event(self, error: HostdError) -> bytes:
        """Return *error* as the last event of a stream that had already begun."""

    def keep_alive(self, note: str) -> bytes:
        """Return what keeps a stream alive that has nothing to say yet; *note* is one line for a reader of the raw stream."""

    def idle_event(self) -> bytes:
        """Return an event without content, for clients that count the time between events, as `keep_alive` is none to them."""


class PromptReports(Protocol):
    """What a stream has reported about its prompt."""

    @property
    def latest(self) -> PromptProgress | None:
        """How much of it has been read, as far as that was reported."""


class StreamReader(Protocol):
    """What is read of one streamed answer of an upstream, whatever becomes of it."""

    @property
    def begun(self) -> bool:
        """Whether something of the answer itself has come."""

    @property
    def done(self) -> bool:
        """Whether all of the answer has come."""

    @property
    def failure(self) -> str:
        """Why the answer never will be whole; empty while it may be."""

    @property
    def engine_error(self) -> HostdError | None:
        """The upstream's own error, where that is the reason."""

    @property
    def events(self) -> int:
        """How much the upstream has sent of the answer: neither comments nor heartbeats, nor chunks without choices."""

    @property
    def prompt(self) -> PromptReports:
        """What was reported about the prompt."""

    @property
    def signs(self) -> int:
        """How often the stream has shown that the upstream works: events of the answer, and counts of tokens read."""

    @property
    def complete(self) -> bool:
        """Whether nothing of the answer can follow but its formal end and sums, for which a moment will do."""

    @property
    def settled(self) -> bool:
        """Whether the answer is *complete*, and stays so should the connection to the upstream break now."""


class StreamTranslator(StreamReader, Protocol):
    """One streamed answer on its way from the upstream to the client. *tokens* and *prompt_tokens* are 0 until they are known."""

    def feed(self, data: bytes) -> bytes:
        """Return the whole events for the client that *data* completes; empty until the answer has begun."""

    def take_aside(self) -> bytes:
        """Return events for the client that are no part of the answer, such as progress that it asked for."""

    def end(self) -> bytes | None:
        """Return what a stream still lacks that has ended without being *done*; None where the answer is not complete."""

    def error_event(self, error: HostdError) -> bytes:
        """Return *error* as the last event of this stream, begun or not, which will not be whole."""

    @property
    def tokens(self) -> int:
        """The tokens of the answer."""

    @property
    def prompt_tokens(self) -> int:
        """The tokens of the prompt."""


class AnswerAssembler(StreamReader, Protocol):
    """A streamed answer that is put together for a client that wants it whole."""

    def feed(self, data: bytes) -> None:
        """Read *data*; nothing that follows the end of the answer, or failure, belongs to it."""

    def end(self) -> bool:
        """Return whether the answer is whole now that its stream has ended, if need be without its formal end."""

    def answer(self) -> Answer:
        """Return the whole answer."""


class Translation(Protocol):
    """Between a client's dialect and the one that is *spoken* to the upstream, whose streams have the content type *stream_type*.

    *assembles* says that a whole answer can be put together from a stream.
    """

    spoken: Dialect
    stream_type: str
    assembles: bool

    def request(self, request: InferenceRequest) -> RequestDocument:
        """Return *request* as the upstream is asked.

        Raises:
            RequestError: It holds something that cannot be said in the spoken dialect.
        """

    def streamed(self, document: RequestDocument) -> RequestDocument:
        """Return a request in the spoken dialect, *document*, as one for a stream that tells all that a whole answer would."""

    def response(self, payload: bytes, context: AnswerContext) -> Answer:
        """Return the upstream's whole answer as the client wants it."""

    def stream(
        self, context: AnswerContext, *, passes_progress: bool = False, passes_sums: bool = True
    ) -> StreamTranslator:
        """Return a translator for one stream.

        *passes_progress* says that the client asked to be told how much of its prompt has been read. Without *passes_sums*, an
        event that tells the usage and nothing else is read and not passed on.
        """

    def assembler(self, context: AnswerContext) -> AnswerAssembler:
        """Return what puts one whole answer together from a stream."""

    def failure(self, status: int, payload: bytes) -> HostdError:
        """Return what the upstream's own error answer means."""
