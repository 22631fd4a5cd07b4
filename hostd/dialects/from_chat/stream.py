"""A streamed chat completion on its way to a client of another dialect: chunks are read, and a writer says them again."""

from typing import Protocol

from hostd.dialects.event_stream import EventStream
from hostd.dialects.from_chat.answer import (
    BrokenAnswerError,
    CallOrder,
    Piece,
    Usage,
    piece_of,
    reason_of,
    said_by,
    stop_text_of,
    usage_of,
)
from hostd.dialects.openai import errors
from hostd.dialects.openai.events import GIVEN_UP, ChoiceEnds, EventKind, Json, has_text, index_of, read_event
from hostd.domain.errors import HostdError


class StreamWriter(Protocol):
    """Writes one streamed answer as events of a client's dialect. Nothing is written before `begin`, and nothing after `end`."""

    def begin(self, chat_id: str, created: int, prompt_tokens: int) -> bytes:
        """Return what comes before the first piece.

        *created* is in seconds since 1970, *prompt_tokens* what the engine has reported so far; both are 0 if unknown.
        """

    def piece(self, piece: Piece) -> bytes:
        """Return the events that say *piece*; may be empty. Calls follow one another, their arguments are whole before the next."""

    def end(self, reason: str, usage: Usage, stop_text: str) -> bytes:
        """Return what is left to say of an answer that is over for *reason*, one of OpenAI's, or at *stop_text*.

        In *usage* an answer that was not counted has a token for each piece, and its prompt none. The arguments of calls are JSON
        objects, but for the last one's of an answer that is over for its length.
        """

    def error_event(self, error: HostdError) -> bytes:
        """Return *error* as the last event of the stream, begun or not."""


class ChatStream(EventStream):
    """One stream of chunks, said again by *writer*; see `hostd.dialects.base.StreamTranslator`. The first choice is the answer.

    What tells of failure is not given out, and nothing after it, as in `hostd.dialects.openai.stream`; nor is the end of a call
    whose arguments no client could read.
    """

    def __init__(self, writer: StreamWriter) -> None:
        super().__init__()
        self._writer = writer
        self._ends = ChoiceEnds()
        self._calls = CallOrder()
        self._usage = Usage()
        self._reason: str | None = None
        self._stop_text = ""
        self._pieces = 0
        self._ended = False
        self._heartbeat = b""

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

    def _event(self, event: bytes) -> bytes:
        # Heartbeats are alike, and a server that is stuck may send thousands at once.
        if event == self._heartbeat:
            return b""
        if not self.begun:
            self.prompt.look(event)
        found = read_event(event)
        if found.kind is EventKind.CHUNK:
            is_report = "prompt_progress" in found.chunk and self.prompt.read(found.chunk)
            return b"" if is_report else self._add(found.chunk, len(event))
        if found.kind is EventKind.DONE:
            return self._formally_end()
        if found.kind is EventKind.ERROR:
            self.engine_error = errors.of_stream(found.error)
            self._fail(f"the engine reported an error: {self.engine_error.message}")
        elif found.kind is EventKind.BROKEN:
            self._fail("the engine sent an event that is no JSON")
        else:
            self._heartbeat = event
        return b""

    def _add(self, chunk: Json, size: int) -> bytes:
        choices = chunk["choices"]
        self.events += bool(choices or chunk.get("usage"))
        if ("usage" in chunk or "timings" in chunk) and (usage := usage_of(chunk)) != Usage():
            self._usage = usage
        said: list[bytes] = []
        for choice in choices:
            self._ends.note(choice)
            if choice.get("finish_reason") in GIVEN_UP:
                self._fail("the engine gave the answer up before its end")
            elif index_of(choice) == 0:
                said.append(self._say(choice, chunk))
            if self.failure:
                break
        if self._ends.too_many:
            self._fail("the engine sent more choices than it was asked for")
        if not self.begun:
            self._count_held(size)
        return b"".join(said)

    def _say(self, choice: Json, chunk: Json) -> bytes:
        reason, says = choice.get("finish_reason"), has_text(choice)
        if not reason and not says:
            return b""
        if reason:
            self._reason, self._stop_text = reason, stop_text_of(choice)
        self._pieces += says
        piece = piece_of(said_by(choice, "delta"), choice.get("logprobs"))
        if piece.calls:
            try:
                piece = piece._replace(calls=tuple(map(self._calls.placed, piece.calls)))
            except BrokenAnswerError as error:
                self._fail(str(error))
                return b""
        opening = b"" if self.begun else self._begin(chunk)
        return opening + self._writer.piece(piece)

    def _begin(self, chunk: Json) -> bytes:
        self.begun = True
        chat_id, created, known = chunk.get("id"), chunk.get("created"), self.prompt.latest
        return self._writer.begin(
            chat_id if isinstance(chat_id, str) else "",
            created if isinstance(created, int) else 0,
            0 if known is None else known.total,
        )

    def _formally_end(self) -> bytes:
        if self._ends.over_by_done():
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
        reason = reason_of(self._reason, called=self._calls.any)
        try:
            if reason != "length":
                self._calls.check()
        except BrokenAnswerError as error:
            self._fail(str(error))
            return b""
        usage = self._usage if self._usage.answer else self._usage._replace(answer=self._pieces)
        return self._writer.end(reason, usage, self._stop_text)
