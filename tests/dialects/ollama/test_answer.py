"""Answers in lines that Ollama's own client reads, the last with sums and times."""

import json
from typing import Any

import ollama
import pytest

from hostd.dialects.base import MALFORMED_CALL, AnswerContext, Dialect
from hostd.dialects.from_chat.answer import BrokenAnswerError
from hostd.dialects.from_chat.translation import FromChat
from hostd.dialects.ollama.answer import stamp, vectors_in
from hostd.dialects.ollama.dialect import OllamaFromChat
from hostd.dialects.ollama.request import chat_request
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import EngineError
from tests.dialects.answering import context
from tests.dialects.from_chat.chunks import DONE, TALK, USAGE, call, chunk

Json = dict[str, Any]

CHAT: FromChat = OllamaFromChat(chat=True)
TEXT: FromChat = OllamaFromChat(chat=False)


def asked(dialect: Dialect = Dialect.OLLAMA_CHAT, **members: Any) -> AnswerContext:
    """Return the context of an answer to a request with *members*, by default a chat."""
    said = {"messages": [{"role": "user", "content": "a"}]} if dialect is Dialect.OLLAMA_CHAT else {"prompt": "a"}
    return context(dialect, json.dumps({"model": "asked", **said, **members}).encode())


def lines(translation: FromChat, ctx: AnswerContext, *data: bytes) -> list[Json]:
    """Return the lines that a stream of the engine makes; none is empty."""
    stream = translation.stream(ctx)
    said = b"".join(map(stream.feed, data))
    assert (True, "") == (stream.done, stream.failure)
    return [json.loads(line) for line in said.decode().removesuffix("\n").split("\n")]


def test_a_chat() -> None:
    """Thought and text as they come, calls whole before the end, with arguments as objects."""
    told = lines(CHAT, asked(), TALK)
    read = [ollama.ChatResponse.model_validate(line) for line in told]
    assert [False] * (len(read) - 1) + [True] == [answer.done for answer in read]
    assert "Let me think." == "".join(answer.message.thinking or "" for answer in read)
    assert "Wait ü." == "".join(answer.message.content or "" for answer in read)
    calls = [each for answer in read for each in answer.message.tool_calls or []]
    assert [("look", {"at": "x"}), ("see", {})] == [(each.function.name, each.function.arguments) for each in calls]
    assert ["call_a", "call_b"] == [each["id"] for each in told[-2]["message"]["tool_calls"]]


def test_the_last_line_has_sums_and_times() -> None:
    """In nanoseconds, the wait and the load included; none is nought, as clients divide by them."""
    last = lines(CHAT, asked(), TALK)[-1]
    assert ("stop", 11, 5) == (last["done_reason"], last["prompt_eval_count"], last["eval_count"])
    assert 10**9 == last["load_duration"]
    assert last["total_duration"] > 3 * 10**9
    assert last["prompt_eval_duration"] > 0 < last["eval_duration"]
    timings = {"prompt_ms": 2.5, "predicted_ms": 4, "predicted_n": 2, "prompt_n": 1}
    last = lines(CHAT, asked(), chunk({"content": "a"}), chunk({}, "length", timings=timings), DONE)[-1]
    assert ("length", 2_500_000, 4_000_000) == (
        last["done_reason"],
        last["prompt_eval_duration"],
        last["eval_duration"],
    )


def test_a_whole_answer_is_one_object() -> None:
    """It says what the lines say together."""
    assembler = CHAT.assembler(asked(stream=False))
    assembler.feed(TALK)
    said = ollama.ChatResponse.model_validate_json(assembler.answer().body)
    assert (True, "Wait ü.", "Let me think.") == (said.done, said.message.content, said.message.thinking)
    assert ["look", "see"] == [each.function.name for each in said.message.tool_calls or []]


def test_what_was_said_can_be_sent_back() -> None:
    """There and back the turn means the same."""
    assembler = CHAT.assembler(asked(stream=False))
    assembler.feed(TALK)
    document = {"messages": [json.loads(assembler.answer().body)["message"]]}
    message = chat_request(RequestDocument.of(document), "m")["messages"][0]
    assert ("Wait ü.", "Let me think.") == (message["content"], message["reasoning_content"])
    made = [(each["id"], each["function"]["name"], each["function"]["arguments"]) for each in message["tool_calls"]]
    assert [("call_a", "look", '{"at": "x"}'), ("call_b", "see", "{}")] == made


def test_a_text() -> None:
    """Of a chat, or of a completion, whose chunks have texts."""
    plain = b'data: {"choices":[{"index":0,"text":"Once","finish_reason":null}]}\n\n'
    for piece in (chunk({"content": "Once"}), plain):
        told = lines(TEXT, asked(Dialect.OLLAMA_GENERATE), piece, chunk({}, "stop"), USAGE, DONE)
        assert ["Once", ""] == [ollama.GenerateResponse.model_validate(line).response for line in told]


def test_a_request_that_only_loads_has_no_answer() -> None:
    """But it is told that the model is loaded."""
    empty = context(Dialect.OLLAMA_CHAT, b'{"model": "asked", "messages": []}')
    told = lines(CHAT, empty, chunk({"content": "x"}), chunk({}, "length"), DONE)
    assert [("", "load")] == [(line["message"]["content"], line["done_reason"]) for line in told]


def test_calls_that_cannot_be_read_are_no_answer() -> None:
    """Half of one at the limit is left out; anywhere else the answer has failed."""
    half = chunk(call(0, '{"a', id="c", name="f"))
    stream = CHAT.stream(asked())
    stream.feed(half + chunk({}, "tool_calls") + DONE)
    assert (MALFORMED_CALL, False, None) == (stream.failure, stream.done, stream.end())
    assert "tool_calls" not in lines(CHAT, asked(), half, chunk({}, "length"), DONE)[-1]["message"]


def test_an_error_is_a_line() -> None:
    """The client raises it."""
    assert {"error": "died"} == json.loads(CHAT.stream(asked()).error_event(EngineError("died")))


@pytest.mark.parametrize("document", [{}, {"data": []}, {"data": [{"embedding": "AAAA"}]}, {"data": 7}])
def test_no_vectors(document: Json) -> None:
    """What has other shapes is no answer."""
    with pytest.raises(BrokenAnswerError):
        vectors_in(document)


def test_times() -> None:
    """As RFC 3339 has them."""
    assert "2023-11-14T22:13:20Z" == stamp(1_700_000_000)
