"""Tool calls of a streamed chat completion: held back until they are whole where another answer could still take their place.

A client reads the arguments of a call when the answer says why it is over, and runs nothing before. It can do nothing with
arguments that are no JSON: most hand the mistake to the model as their own. llama-server sends the parts of a call as they come and
may end with an error all the same, where the model has left the form that its template expects.
"""

from collections.abc import Iterable

from hostd.dialects.base import MALFORMED_CALL, PromptReports, StreamTranslator
from hostd.dialects.framing import MAX_EVENT, SseFramer, split_events
from hostd.dialects.json_text import JsonError, parse_json
from hostd.dialects.openai import errors
from hostd.dialects.openai.events import EventKind, Json, index_of, read_event
from hostd.domain.errors import HostdError

_MARK = b'"tool_calls"'
_ERROR = b'"error"'
_CUT_SHORT = "length"
"""The finish reason of an answer that reached its token limit, of which the last call is not expected to be whole."""


class ToolCalls:
    """The arguments of the calls that chunks have begun, by choice and number."""

    def __init__(self) -> None:
        self._arguments: dict[tuple[int, int], list[str]] = {}
        self._latest: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._arguments)

    def add(self, choice: Json) -> bool:
        """Return whether a chunk's *choice* has parts of calls, and if so, note them."""
        pieces = (choice.get("delta") or {}).get("tool_calls")
        if not isinstance(pieces, list) or not pieces:
            return False
        number = index_of(choice)
        for piece in pieces:
            if isinstance(piece, dict):
                self._note(number, piece)
        return True

    def _note(self, choice: int, piece: Json) -> None:
        # Numbered by the call that they belong to, or begun by an id.
        latest, index = self._latest.get(choice, -1), piece.get("index")
        if not isinstance(index, int):
            index = latest + 1 if piece.get("id") or latest < 0 else latest
        self._latest[choice] = index
        said = self._arguments.setdefault((choice, index), [])
        function = piece.get("function")
        text = function.get("arguments") if isinstance(function, dict) else None
        if isinstance(text, str):
            said.append(text)

    def are_sound(self, choice: int) -> bool:
        """Return whether the arguments of each call of *choice* are a JSON object, or nothing at all."""
        return all(_is_sound("".join(said)) for (of, _), said in self._arguments.items() if of == choice)


def are_sound(choice: Json) -> bool:
    """Return whether the calls in the message of a whole answer's *choice* can be read; those that were cut short need not be."""
    message = choice.get("message")
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    if not isinstance(calls, list) or choice.get("finish_reason") == _CUT_SHORT:
        return True
    functions = [call.get("function") for call in calls if isinstance(call, dict)]
    texts = [function.get("arguments") for function in functions if isinstance(function, dict)]
    return all(_is_sound(text) for text in texts if isinstance(text, str))


def _is_sound(arguments: str) -> bool:
    if not arguments.strip():
        return True
    try:
        return isinstance(parse_json(arguments.encode("utf-8", "surrogatepass")), dict)
    except JsonError:
        return False


class ToolCallStream:
    """A stream with tool calls on its way to *inner*, which translates it; see `hostd.dialects.base.StreamTranslator`.

    Until *inner* has begun to answer, all parts of calls are held back to the end of their answer, and those of an answer that is
    none are never given out; *always* says that they are held back in an answer that has begun with text, too.
    """

    def __init__(self, inner: StreamTranslator, *, always: bool = False) -> None:
        self.inner = inner
        self.always = always
        self._failure = ""
        self._engine_error: HostdError | None = None
        self._framer = SseFramer()
        self._calls = ToolCalls()
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._held_events = 0

    def feed(self, data: bytes) -> bytes:
        """Return the whole events for the client that *data* completes; empty until the answer has begun."""
        events = self._framer.feed(data)
        if self._framer.overflowed:
            self._failure = self._failure or f"the engine sent an event of more than {MAX_EVENT >> 20} MiB"
        if not events or self._failure:
            return b""
        if not self._calls and _MARK not in events and not (self.always and _ERROR in events):
            return self.inner.feed(events)
        return b"".join(self._passed(split_events(events)))

    def _passed(self, events: Iterable[bytes]) -> Iterable[bytes]:
        for event in events:
            found = read_event(event)
            if self.always and found.kind is EventKind.ERROR:
                # Kept from the inner stream, which may yet go on with other calls.
                self._engine_error = errors.of_stream(found.error)
                self._failure = f"the engine reported an error: {self._engine_error.message}"
                return
            choices = found.chunk.get("choices", ()) if found.kind is EventKind.CHUNK else ()
            called = [self._calls.add(choice) for choice in choices]
            over = [choice for choice in choices if choice.get("finish_reason")]
            if any(each["finish_reason"] != _CUT_SHORT and not self._calls.are_sound(index_of(each)) for each in over):
                self._failure = MALFORMED_CALL
                return
            if any(called) and not over and (self.always or not self.inner.begun):
                self._hold(event)
                if self._failure:
                    return
                continue
            if over:
                yield self._released()
            yield self.inner.feed(event)
            if self.inner.begun and not self.always:
                yield self._released()

    def _hold(self, event: bytes) -> None:
        self._held.append(event)
        self._held_bytes += len(event)
        self._held_events += 1
        if self._held_bytes > MAX_EVENT:
            self._failure = f"the engine sent tool calls of more than {MAX_EVENT >> 20} MiB"

    def _released(self) -> bytes:
        held, self._held = self._held, []
        self._held_events = self._held_bytes = 0
        return self.inner.feed(b"".join(held)) if held else b""

    def take_aside(self) -> bytes:
        """Return events for the client that are no part of the answer."""
        return self.inner.take_aside()

    def end(self) -> bytes | None:
        """Return what a stream still lacks that has ended without being *done*; None where the answer is not complete."""
        return None if self._failure else self.inner.end()

    def error_event(self, error: HostdError) -> bytes:
        """Return *error* as the last event of this stream."""
        return self.inner.error_event(error)

    @property
    def begun(self) -> bool:
        """Whether something of the answer has come, be it held back."""
        return self.inner.begun or bool(self._held)

    @property
    def done(self) -> bool:
        """Whether all of the answer has come."""
        return self.inner.done and not self._failure

    @property
    def failure(self) -> str:
        """Why the answer never will be whole."""
        return self._failure or self.inner.failure

    @property
    def engine_error(self) -> HostdError | None:
        """The engine's own error where that is the reason."""
        return self._engine_error or self.inner.engine_error

    @property
    def events(self) -> int:
        """What has come of the answer."""
        return self.inner.events + self._held_events

    @property
    def signs(self) -> int:
        """How often the stream has shown that the engine works."""
        return self.inner.signs + self._held_events

    @property
    def prompt(self) -> PromptReports:
        """What was reported about the prompt."""
        return self.inner.prompt

    @property
    def complete(self) -> bool:
        """Whether nothing but the formal end, and sums, can follow."""
        return not self._failure and self.inner.complete

    @property
    def settled(self) -> bool:
        """Whether the answer is *complete*, and stays so should the connection break."""
        return not self._failure and self.inner.settled

    @property
    def tokens(self) -> int:
        """The tokens of the answer."""
        return self.inner.tokens

    @property
    def prompt_tokens(self) -> int:
        """The tokens of the prompt."""
        return self.inner.prompt_tokens
