"""A response as the official SDK reads it: every event by its own types, numbered, and the last one with all of it."""

import json
from functools import cache
from typing import Any

import pytest
from pydantic import TypeAdapter

from hostd.dialects.base import AnswerContext, Dialect
from hostd.dialects.openai.responses import ResponsesFromChat
from hostd.dialects.openai.responses_input import messages_of
from hostd.domain.errors import CapacityError, EngineError, HostdError, RequestError
from tests.dialects.answering import context
from tests.dialects.from_chat.chunks import DONE, ROLE, TALK, USAGE, chunk

Json = dict[str, Any]

WANTED = {
    "model": "asked",
    "input": "a",
    "instructions": "Be brief.",
    "temperature": 0,
    "max_output_tokens": 9,
    "metadata": {"a": "b"},
    "tools": [{"type": "function", "name": "look"}, {"type": "web_search"}],
    "reasoning": {"effort": "low"},
    "include": ["reasoning.encrypted_content"],
    "parallel_tool_calls": False,
}


@cache
def known(name: str) -> TypeAdapter[Any]:
    """Return the SDK's own type of that *name*."""
    # It takes a second, which each process that collects the tests would spend.
    from openai.types import responses  # noqa: PLC0415

    return TypeAdapter(getattr(responses, name))


def asked(**members: Any) -> AnswerContext:
    """Return the context of an answer to a request with *members*."""
    return context(Dialect.OPENAI_RESPONSES, json.dumps({"model": "asked", "input": "a", **members}).encode())


def told(data: bytes) -> list[Json]:
    """Return the events in *data*, each of which the SDK must know, named by its type and numbered in turn."""
    found = []
    for number, event in enumerate(data.decode().split("\n\n")[:-1]):
        name, _, said = event.partition("\n")
        document = json.loads(said.removeprefix("data: "))
        assert (f"event: {document['type']}", number) == (name, document["sequence_number"])
        known("ResponseStreamEvent").validate_python(document)
        found.append(document)
    return found


def streamed(*data: bytes, **members: Any) -> list[Json]:
    """Return the events that an answer of the engine makes."""
    stream = ResponsesFromChat().stream(asked(**members))
    return told(b"".join(map(stream.feed, data)))


def test_tells_of_everything_in_order() -> None:
    """Each item is added, goes on and is done; calls may be several at once."""
    kinds = [event["type"].removeprefix("response.") for event in streamed(TALK)]
    text = ["output_item.added", "content_part.added"], ["content_part.done", "output_item.done"]
    expected = ["created", "in_progress"]
    for name in ("reasoning_text", "output_text"):
        expected += [*text[0], f"{name}.delta", f"{name}.delta", f"{name}.done", *text[1]]
    arguments = "function_call_arguments"
    expected += [
        "output_item.added",
        f"{arguments}.delta",
        f"{arguments}.delta",
        "output_item.added",
        f"{arguments}.delta",
    ]
    expected += [f"{arguments}.done", "output_item.done"] * 2
    assert [*expected, "completed"] == kinds


def test_the_last_event_has_all_of_it() -> None:
    """The deltas of each item add up to it, and a whole answer is the same."""
    events = streamed(TALK)
    response = events[-1]["response"]
    for at, item in enumerate(response["output"]):
        deltas = "".join(each["delta"] for each in events if each.get("output_index") == at and "delta" in each)
        assert deltas == item.get("arguments", item.get("content", [{}])[0].get("text"))
        assert item == next(
            e["item"] for e in events if e["type"] == "response.output_item.done" and e["output_index"] == at
        )
    usage = {"input_tokens": 11, "output_tokens": 5, "total_tokens": 16}
    details = {
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    assert usage | details == response["usage"]
    assembler = ResponsesFromChat().assembler(asked())
    assembler.feed(TALK)
    assert response == json.loads(assembler.answer().body)


def test_repeats_the_request() -> None:
    """As the API says; tools that were left out are left out there, too."""
    response = streamed(TALK, **WANTED)[-1]["response"]
    known("Response").validate_python(response)
    for name in ("instructions", "temperature", "max_output_tokens", "metadata", "parallel_tool_calls"):
        assert WANTED[name] == response[name]
    assert ["look"] == [tool["name"] for tool in response["tools"]]
    assert ("ours", "resp_7", "low") == (response["model"], response["id"], response["reasoning"]["effort"])


def test_what_was_said_can_be_sent_back() -> None:
    """There and back the turn means the same: its thought, its text and its calls."""
    output = streamed(TALK, **WANTED)[-1]["response"]["output"]
    for item in output:
        item.pop("content") if item["type"] == "reasoning" else None
    message = messages_of(None, [{"role": "user", "content": "a"}, *output])[1]
    assert ("Let me think.", "Wait ü.") == (message["reasoning_content"], message["content"])
    assert [("call_a", '{"at": "x"}'), ("call_b", "{}")] == [
        (call["id"], call["function"]["arguments"]) for call in message["tool_calls"]
    ]


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_half_an_answer_says_so(finish: str, reason: str) -> None:
    """It is incomplete, and so is its last item."""
    event = streamed(chunk({"content": "a"}), chunk({}, finish), USAGE, DONE)[-1]
    assert ("response.incomplete", {"reason": reason}) == (event["type"], event["response"]["incomplete_details"])
    assert ["incomplete"] == [item["status"] for item in event["response"]["output"]]


def test_a_call_without_arguments_has_an_empty_object() -> None:
    """And one without an id is given one."""
    call = {"tool_calls": [{"index": 0, "function": {"name": "f"}}]}
    item = streamed(ROLE, chunk(call), chunk({}, "tool_calls"), DONE)[-1]["response"]["output"][0]
    assert ("{}", "call_7_0") == (item["arguments"], item["call_id"])


def test_probabilities_and_refusals() -> None:
    """Each has its place, with the bytes of tokens where the engine gives none."""
    logprob = {"token": "ü", "logprob": -1, "bytes": None, "top_logprobs": [{"token": "u", "logprob": -2}]}
    piece = chunk({"content": "ü"}, logprobs={"content": [logprob]})
    content = streamed(piece, chunk({"refusal": "no"}), chunk({}, "stop"), USAGE, DONE)[-1]["response"]["output"]
    assert [195, 188] == content[0]["content"][0]["logprobs"][0]["bytes"]
    assert [{"type": "refusal", "refusal": "no"}] == content[1]["content"]


def test_tokens_are_estimated_where_none_are_counted() -> None:
    """Clients keep their context small by them."""
    usage = streamed(chunk({"content": "a"}), chunk({}, "stop"), DONE)[-1]["response"]["usage"]
    assert (1, True) == (usage["output_tokens"], 5 < usage["input_tokens"] < 50)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (EngineError("died"), "server_error"),
        (CapacityError("busy", code="busy", retry_after=1, status=429), "rate_limit_exceeded"),
        (RequestError("long", code="context_length_exceeded"), "context_length_exceeded"),
        (RequestError("what?", code="bad_request"), "invalid_prompt"),
    ],
)
def test_a_failure_is_an_error_and_a_failed_response(error: HostdError, code: str) -> None:
    """The SDK raises the first, and Codex reads the second; what was said until then is in it."""
    stream = ResponsesFromChat().stream(asked())
    data = stream.feed(chunk({"content": "half"})) + stream.error_event(error)
    documents = [json.loads(each.partition("\ndata: ")[2]) for each in data.decode().split("\n\n")[:-1]]
    assert list(range(len(documents))) == [each["sequence_number"] for each in documents]
    told_error, failed = documents[-2:]
    assert ("error", error.message, error.message) == (
        told_error["type"],
        told_error["message"],
        told_error["error"]["message"],
    )
    assert ("failed", code) == (failed["response"]["status"], failed["response"]["error"]["code"])
    assert 1 == len(failed["response"]["output"])
