"""A streamed chat completion on its way to a client of another dialect: chunks are read, and a writer says them again."""

from typing import Protocol

from hostd.dialects.framing import MAX_EVENT, SseFramer, split_events
from hostd.dialects.from_chat.answer import (
    BrokenAnswerError,
    CallPiece,
    Piece,
    Usage,
    numbered,
    piece_of,
    reason_of,
    said_by,
    usage_of,
)
from hostd.dialects.openai import errors
from hostd.dialects.openai.events import GIVEN_UP, ChoiceEnds, EventKind, Json, has_text, index_of, read_event
from hostd.dialects.openai.prompt_progress import PromptReader
from hostd.domain.errors import HostdError


class StreamWriter(Protocol):
    """Writes one streamed answer as events of a client's dialect. Nothing is written before `begin`, and nothing after `end`."""

    def begin(self, chat_id: str, created: int) -> bytes:
        """Return what comes before the first piece; *created* is in seconds since 1970, 0 if unknown."""

    def piece(self, piece: Piece) -> bytes:
        """Return the events that say *piece*; may be empty.

        Raises:
            BrokenAnswerError: The client's dialect has no way to say it.
        """

    def end(self, reason: str, usage: Usage) -> bytes:
        """Return what is left to say of an answer that is over for *reason*, one of OpenAI's; *usage* is 0 where none was told.

        Raises:
            BrokenAnswerError: What has been said is no answer in the client's dialect.
        """

    def error_event(self, error: HostdError) -> bytes:
        """Return *error* as the last event of the stream, begun or not."""


class ChatStream:
    """One stream of chunks, said again by *writer*; see `hostd.dialects.base.StreamTranslator`. The first choice is the answer.

    What tells of failure is not given out, and nothing after it, as in `hostd.dialects.openai.stream`.
    """

    def __init__(self, writer: StreamWriter) -> None:
        self.prompt = PromptReader()
        self.begun = False
        self.done = False
        self.failure = ""
        self.engine_error: HostdError | None = None
        self.events = 0
        self._writer = writer
        self._framer = SseFramer()
        self._ends = ChoiceEnds()
        self._usage = Usage()
        self._reason: str | None = None
        self._latest_call = -1
        self._ended = False
        self._last = b""
        self._says_nothing = False

    def feed(self, data: bytes) -> bytes:
        """Return the whole events for the client that *data* completes; empty until the answer has begun."""
        events = self._framer.feed(data)
        if self._framer.overflowed:
            self._fail(f"the engine sent an event of more than {MAX_EVENT >> 20} MiB")
        said: list[bytes] = []
        for event in split_events(events):
            if self.done or self.failure:
                break
            # Heartbeats are alike, and a server that is stuck may send thousands at once.
            if event != self._last or not self._says_nothing:
                self._last, self._says_nothing = event, False
                said.append(self._read(event))
        return b"".join(said)

    def take_aside(self) -> bytes:
        """Return nothing: other dialects have no events for progress."""
        return b""

    def end(self) -> bytes | None:
        """Return the end where only that is missing: the answer has said why it is over."""
        if self.failure or not self._ends.complete():
            return None
        end = self._end()
        return None if self.failure else end

    def error_event(self, error: HostdError) -> bytes:
        """Return *error* as the last event of the stream."""
        return self._writer.error_event(error)

    @property
    def signs(self) -> int:
        """How often the stream has shown that the engine works."""
        return self.events + self.prompt.signs

    @property
    def complete(self) -> bool:
        """Whether nothing but the formal end, and sums, can follow."""
        return not self.failure and self._ends.complete(1)

    @property
    def settled(self) -> bool:
        """Whether the answer is *complete*, and the engine's word for that can be trusted even if its connection breaks."""
        return self.complete and not self._ends.revoked

    @property
    def tokens(self) -> int:
        """The tokens of the answer: as the engine counts them where it has said so, else one for each event."""
        return self._usage.answer or self.events

    @property
    def prompt_tokens(self) -> int:
        """The tokens of the prompt as the engine has counted them, or 0."""
        return self._usage.prompt

    def _read(self, event: bytes) -> bytes:
        if not self.begun:
            self.prompt.look(event)
        found = read_event(event)
        if found.kind is EventKind.CHUNK:
            return b"" if self.prompt.read(found.chunk) else self._add(found.chunk)
        if found.kind is EventKind.DONE:
            return self._formally_end()
        if found.kind is EventKind.ERROR:
            self.engine_error = errors.of_stream(found.error)
            self._fail(f"the engine reported an error: {self.engine_error.message}")
        elif found.kind is EventKind.BROKEN:
            self._fail("the engine sent an event that is no JSON")
        else:
            self._says_nothing = True
        return b""

    def _add(self, chunk: Json) -> bytes:
        choices = chunk["choices"]
        self.events += bool(choices or chunk.get("usage"))
        usage = usage_of(chunk)
        if usage != Usage():
            self._usage = usage
        said: list[bytes] = []
        for choice in choices:
            self._ends.note(choice)
            if choice.get("finish_reason") in GIVEN_UP:
                self._fail("the engine gave the answer up before its end")
                break
            if index_of(choice) == 0:
                said.append(self._say(choice, chunk))
        if self._ends.too_many:
            self._fail("the engine sent more choices than it was asked for")
        return b"".join(said)

    def _say(self, choice: Json, chunk: Json) -> bytes:
        piece = piece_of(said_by(choice, "delta"), choice.get("logprobs"))
        self._reason = choice.get("finish_reason") or self._reason
        piece = piece._replace(calls=tuple(map(self._numbered, piece.calls)))
        if not (has_text(choice) or choice.get("finish_reason")):
            return b""
        opening = b"" if self.begun else self._begin(chunk)
        try:
            return opening + self._writer.piece(piece)
        except BrokenAnswerError as error:
            self._fail(str(error))
            return b""

    def _numbered(self, call: CallPiece) -> CallPiece:
        call = numbered(call, self._latest_call)
        self._latest_call = call.number
        return call

    def _begin(self, chunk: Json) -> bytes:
        self.begun = True
        chat_id, created = chunk.get("id"), chunk.get("created")
        return self._writer.begin(
            chat_id if isinstance(chat_id, str) else "", created if isinstance(created, int) else 0
        )

    def _formally_end(self) -> bytes:
        if self._ends.complete():
            end = self._end()
            self.done = not self.failure
            return end
        what = "in the middle" if self.begun else "before it had begun"
        self._fail(f"the engine ended its answer {what}")
        return b""

    def _end(self) -> bytes:
        if self._ended:
            return b""
        self._ended = True
        # One event told the end alone.
        usage = self._usage if self._usage.answer else self._usage._replace(answer=max(0, self.events - 1))
        try:
            return self._writer.end(reason_of(self._reason, called=self._latest_call >= 0), usage)
        except BrokenAnswerError as error:
            self._fail(str(error))
            return b""

    def _fail(self, why: str) -> None:
        self.failure = self.failure or why
