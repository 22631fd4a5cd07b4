"""A second answer, which came in one piece because the tool calls of the first, a stream, could not be read."""

from hostd.dialects.base import AnswerContext, Dialect, InferenceRequest, StreamTranslator, Translation
from hostd.dialects.json_text import JsonError, parse_json
from hostd.dialects.openai.parse import asks_for_usage
from hostd.dialects.openai.replay import as_stream, has_calls
from hostd.dialects.openai.tool_calls import ToolCallStream
from hostd.domain.profile import Repair


def with_tool_calls(translator: StreamTranslator, translation: Translation, repair: Repair) -> StreamTranslator:
    """Return *translator* for a request with tools, so that a call which cannot be read is seen before its client reads it."""
    if translation.spoken is not Dialect.OPENAI_CHAT:
        return translator
    return ToolCallStream(translator, always=repair is Repair.TOOL_CALLS)


def may_go_on(translator: StreamTranslator, request: InferenceRequest) -> bool:
    """Return whether calls may still follow what *translator* has given out: the answer's text, and no part of a call."""
    return isinstance(translator, ToolCallStream) and translator.always and request.choices == 1


class SecondAnswer:
    """Says a whole answer as a stream: after the text of *first*, which has been sent, its tool calls; else all of it."""

    def __init__(self, payload: bytes, first: StreamTranslator | None) -> None:
        self._payload = payload
        self._begun = first.inner if isinstance(first, ToolCallStream) else None

    def events(self, translation: Translation, context: AnswerContext) -> tuple[bytes, StreamTranslator]:
        """Return the events, and the translator that has made them: not done where the answer has no call to go on with."""
        asked = context.request.document
        translator = self._begun or translation.stream(context, passes_sums=asks_for_usage(asked))
        try:
            completion = parse_json(self._payload)
        except JsonError:
            return b"", translator
        if self._begun is not None and not has_calls(completion):
            return b"", translator
        return translator.feed(as_stream(completion, calls_only=self._begun is not None)), translator
