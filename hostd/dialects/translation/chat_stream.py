"""A stream of chunks of one of OpenAI's chat completions as the events of one of Anthropic's messages."""

from typing import Any

from hostd.dialects.anthropic import errors as anthropic_errors
from hostd.dialects.base import MALFORMED_CALL
from hostd.dialects.event_stream import EventStream
from hostd.dialects.openai import errors
from hostd.dialects.openai.events import GIVEN_UP, ChoiceEnds, EventKind, has_text, read_event
from hostd.dialects.translation.answers import THOUGHTS, stop_of, text_of, usage_of_chat
from hostd.dialects.translation.chat_to_messages import arguments_of
from hostd.dialects.translation.message_events import MessageEventWriter
from hostd.domain.errors import HostdError

Json = dict[str, Any]


class ChatToMessagesStream(EventStream):
    """One stream on its way to a client of the Anthropic dialect, in which the model is called *name*, and the message *identity*.

    *prompt_tokens* are an estimate, told at the beginning: the engine counts them at the end.
    """

    def __init__(self, name: str, identity: str, prompt_tokens: int) -> None:
        super().__init__()
        self._identity = identity
        self._estimate = prompt_tokens
        self._writer = MessageEventWriter(name)
        self._ends = ChoiceEnds()
        self._last: Json = {}
        self._usage: Json | None = None
        # Arguments by the number of their call: whether they are whole is known at the end of each.
        self._arguments: dict[int, list[str]] = {}
        self._number: int | None = None
        # Text that came while a call was open, which follows it: blocks are not woven into each other.
        self._later = ""

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
        return int(usage_of_chat(self._usage)["output_tokens"]) if self._usage else self.events

    @property
    def prompt_tokens(self) -> int:
        """The tokens of the prompt as the engine has counted them, or 0."""
        sums = usage_of_chat(self._usage)
        return int(sums["input_tokens"] + sums["cache_read_input_tokens"])

    def end(self) -> bytes | None:
        """Return the end of a message that lacks nothing else."""
        if not self.complete:
            return None
        end = self._end()
        return None if self.failure else end

    def error_event(self, error: HostdError) -> bytes:
        """Return *error* as the last event of the stream."""
        return anthropic_errors.event(error)

    def _passed(self, events: bytes) -> bytes:
        return super()._passed(self.prompt.filter(events, begun=self.begun))

    def _event(self, event: bytes) -> bytes:
        found = read_event(event)
        if found.kind is EventKind.CHUNK:
            return self._chunk(found.chunk)
        if found.kind is EventKind.DONE:
            if not self.complete:
                when = "in the middle" if self.begun else "before it had begun"
                self._fail(f"the engine ended its answer {when}")
                return b""
            end = self._end()
            self.done = not self.failure
            return end
        if found.kind is EventKind.ERROR:
            self.engine_error = errors.of_stream(found.error)
            self._fail(f"the engine reported an error: {self.engine_error.message}")
        elif found.kind is EventKind.BROKEN:
            self._fail("the engine sent an event that is no JSON")
        return b""

    def _chunk(self, chunk: Json) -> bytes:
        choices = chunk["choices"]
        self.events += bool(choices or chunk.get("usage"))
        if isinstance(usage := chunk.get("usage"), dict):
            self._usage = usage
        passed = b""
        for choice in choices[:1]:
            self._ends.note(choice)
            if choice.get("finish_reason") in GIVEN_UP:
                self._fail("the engine gave the answer up before its end")
                return passed
            if has_text(choice) or choice.get("finish_reason"):
                self.begun = True
                passed += self._start() + self._delta(choice.get("delta") or {})
            if choice.get("finish_reason"):
                self._last = choice
        return passed

    def _start(self) -> bytes:
        if self._writer.started:
            return b""
        known = self.prompt.latest
        return self._writer.start(self._identity, self._estimate if known is None else known.total)

    def _delta(self, delta: Json) -> bytes:
        writer, said = self._writer, b""
        # None follows a call, and each server has one word for it.
        thought = next((text for word in THOUGHTS if isinstance(text := delta.get(word), str) and text), "")
        if thought and self._number is None:
            said += writer.thought(thought)
        if text := text_of(delta.get("content")) or text_of(delta.get("refusal")):
            if self._number is None:
                said += writer.text(text)
            else:
                self._later += text
        calls = delta.get("tool_calls")
        for piece in calls if isinstance(calls, list) else ():
            if isinstance(piece, dict) and not self.failure:
                said += self._call(piece)
        return said

    def _call(self, piece: Json) -> bytes:
        """Return what *piece* adds to a tool call: numbered by the call that it belongs to, or begun by an id."""
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        number, latest = piece.get("index"), -1 if self._number is None else self._number
        if not isinstance(number, int):
            number = latest + 1 if piece.get("id") or latest < 0 else latest
        said = b""
        if number != self._number:
            if number in self._arguments:
                self._fail("the engine went back to a tool call that was over")
                return b""
            self._check_arguments()
            said = self._said_later()
            self._number, self._arguments[number] = number, []
            said += self._writer.call(number, str(piece.get("id") or f"call_{number}"), str(function.get("name") or ""))
        if (text := function.get("arguments")) and isinstance(text, str):
            self._arguments[number].append(text)
            said += self._writer.arguments(text)
        return said

    def _said_later(self) -> bytes:
        text, self._later = self._later, ""
        return self._writer.text(text) if text.strip() else b""

    def _check_arguments(self) -> None:
        """Fail where the latest call has arguments that no client could read; each of them would report it as its own mistake."""
        if self._number is not None and arguments_of("".join(self._arguments[self._number])) is None:
            self._fail(MALFORMED_CALL)

    def _end(self) -> bytes:
        if self._last.get("finish_reason") != "length":
            self._check_arguments()
        if self.failure:
            return b""
        usage = usage_of_chat(self._usage)
        if self._usage is None:
            usage |= {"input_tokens": self._estimate, "output_tokens": self.events}
        return self._said_later() + self._writer.finish(*stop_of(self._last, calls=self._writer.calls), usage)
