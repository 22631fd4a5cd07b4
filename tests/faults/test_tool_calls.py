"""A tool call that no client can read is asked for once more, in one piece, and then of another model."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hostd.domain.profile import Repair
from tests.faults.provoked import OTHER, TOOLS, Json, Observed, VirtualStage, pair

BROKEN = '{"path": "a.txt", "text": '
SOUND = '{"path": "a.txt", "text": "a } in a \\"string\\""}'
PARSER: Json = {
    "status": 500,
    "body": {
        "error": {
            "code": 500,
            "message": "The model produced output that does not match the expected peg-native format",
            "type": "server_error",
        }
    },
}
GRAMMAR: Json = {
    "status": 400,
    "body": {"error": {"code": 400, "message": "Failed to initialize samplers: failed to parse grammar"}},
}
NO_TEXT: Json = {"tokens": 0}
CALLS: Json = {**NO_TEXT, "tool": SOUND}
MALFORMED: Json = {**NO_TEXT, "tool": BROKEN}
STREAMED = pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])


@pytest.fixture(scope="module")
def stage() -> Iterator[VirtualStage]:
    """Models that call tools: with a fallback, without one, and one whose calls are held back until they are whole."""
    virtual = VirtualStage(
        lambda port: [
            *pair("pair", port),
            *pair("alone", port, alone=True),
            *pair("careful", port, repair=Repair.TOOL_CALLS),
        ]
    )
    yield virtual
    virtual.close()


def ask(stage: VirtualStage, model: str, *plans: Json, streamed: bool, **more: Any) -> Observed:
    """Ask *model* with tools."""
    return stage.run(stage.provoked.ask(model, plans, [CALLS], stream=streamed, tools=TOOLS, text="", **more))


def arguments(seen: Observed, *, streamed: bool) -> str:
    """Return the arguments of the call in the answer, as a client puts them together; it must be whole."""
    if not streamed:
        assert "tool_calls" == seen.answer.json["choices"][0]["finish_reason"]
        return str(seen.answer.json["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"])
    assert "[DONE]" == seen.answer.events[-1]
    options = [option for event in seen.answer.events[:-1] for option in json.loads(event)["choices"]]
    assert "tool_calls" == next(option["finish_reason"] for option in options if option.get("finish_reason"))
    calls = [call for option in options for call in option["delta"].get("tool_calls", ())]
    assert {0} == {call["index"] for call in calls}
    assert ["look"] == [call["function"]["name"] for call in calls if "name" in call["function"]]
    return "".join(call["function"].get("arguments", "") for call in calls)


@STREAMED
@pytest.mark.parametrize("plan", [MALFORMED, PARSER, GRAMMAR], ids=["malformed", "parser", "grammar"])
def test_asks_once_more(stage: VirtualStage, plan: Json, *, streamed: bool) -> None:
    """The same model, without a stream; the client gets the kind of answer that it asked for, and reads how often it was tried."""
    seen = ask(stage, "alone", plan, CALLS, streamed=streamed)
    assert (200, ("alone", "primary")) == (seen.answer.status, seen.answer.route)
    assert "2" == seen.answer.headers["x-hostd-attempts"]
    assert SOUND == arguments(seen, streamed=streamed)
    again = seen.asked[-1]["body"]
    assert (2, False, True) == (len(seen.asked), bool(again.get("stream")), "stream_options" not in again)


@STREAMED
@pytest.mark.parametrize("plan", [MALFORMED, PARSER, GRAMMAR], ids=["malformed", "parser", "grammar"])
def test_then_falls_back(stage: VirtualStage, plan: Json, *, streamed: bool) -> None:
    """For a reason of its own."""
    seen = ask(stage, "pair", plan, streamed=streamed)
    assert ("pair" + OTHER, "fallback:bad_tool_call") == seen.answer.route
    assert SOUND == arguments(seen, streamed=streamed)
    assert (2, 1) == (len(seen.times("pair")), len(seen.times("pair" + OTHER)))
    assert "3" == seen.answer.headers["x-hostd-attempts"]


@STREAMED
@pytest.mark.parametrize(
    ("plan", "status", "code"),
    [(MALFORMED, 502, "bad_tool_call"), (PARSER, 502, "bad_tool_call"), (GRAMMAR, 400, "engine_refused")],
    ids=["malformed", "parser", "grammar"],
)
def test_then_says_so(stage: VirtualStage, plan: Json, status: int, code: str, *, streamed: bool) -> None:
    """Where no other model may answer: a refusal of the request stays one."""
    seen = ask(stage, "alone", plan, streamed=streamed)
    assert (status, code, 2) == (seen.answer.status, seen.answer.error["code"], len(seen.asked))
    assert "2" == seen.answer.headers["x-hostd-attempts"]


def test_after_text_calls_stream(stage: VirtualStage) -> None:
    """The client has read a part of the answer: a call that turns out to be broken ends it with an error."""
    seen = ask(stage, "pair", {"tokens": 3, "tool": BROKEN}, streamed=True)
    assert "The sky is" == seen.answer.text
    assert "no JSON object" in seen.answer.error["message"]
    assert "incomplete_answer" == seen.answer.error["type"]
    assert 1 == len(seen.asked)
    assert BROKEN[:10] in "".join(
        call["function"].get("arguments", "")
        for event in seen.answer.events[:-1]
        for option in json.loads(event)["choices"]
        for call in option["delta"].get("tool_calls", ())
    )


@pytest.mark.parametrize("how", ["malformed", "parser"])
def test_with_repair_calls_are_held_back(stage: VirtualStage, how: str) -> None:
    """The text streams; a call that is broken is never sent, and that of the second answer follows the text."""
    first: Json = {"tokens": 3, "tool": BROKEN}
    if how == "parser":
        first = {"tokens": 3, "tool": SOUND, "error_at_end": PARSER["body"]["error"]["message"]}
    seen = ask(stage, "careful", first, {"tokens": 2, "tool": SOUND}, streamed=True)
    assert "The sky is" == seen.answer.text
    assert SOUND == arguments(seen, streamed=True)
    assert ("careful", "primary", 2) == (*seen.answer.route, len(seen.asked))


@pytest.mark.parametrize("second", [{"tokens": 2}, {"tokens": 2, "tool": BROKEN}, {"status": 500}], ids=str)
def test_with_repair_the_text_stays(stage: VirtualStage, second: Json) -> None:
    """Where the second answer is of no use either, the first ends with an error, for its text has been read."""
    seen = ask(stage, "careful", {"tokens": 3, "tool": BROKEN}, second, streamed=True)
    assert ("The sky is", "incomplete_answer") == (seen.answer.text, seen.answer.error["type"])
    assert "tool_calls" not in "".join(seen.answer.events)
    assert 0 == len(seen.times("careful" + OTHER))


@pytest.mark.parametrize("model", ["pair", "careful"])
def test_a_call_that_was_cut_short_is_passed_on(stage: VirtualStage, model: str) -> None:
    """At its token limit an answer ends in the middle of a call, and says so."""
    seen = ask(stage, model, {"tokens": 0, "tool": BROKEN, "finish": "length"}, streamed=True)
    assert "[DONE]" == seen.answer.events[-1]
    assert 1 == len(seen.asked)


@STREAMED
def test_without_tools_an_error_is_an_error(stage: VirtualStage, *, streamed: bool) -> None:
    """Of a request without tools, a grammar is its client's own."""
    seen = stage.run(stage.provoked.ask("pair", [GRAMMAR], [CALLS], stream=streamed))
    assert (400, 1) == (seen.answer.status, len(seen.asked))


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        (
            "/v1/messages",
            {"max_tokens": 100, "tools": [{"name": "look", "input_schema": {"type": "object"}}]},
            b'"type":"tool_use"',
        ),
        (
            "/v1/responses",
            {"input": "hello", "tools": [{"type": "function", "name": "look", "parameters": {"type": "object"}}]},
            b'"type":"function_call"',
        ),
    ],
)
@STREAMED
def test_for_clients_of_other_dialects(
    stage: VirtualStage, path: str, body: dict[str, Any], told: bytes, *, streamed: bool
) -> None:
    """What is held back, and asked for again, is what the engine says, whatever its client speaks."""
    if path == "/v1/messages":
        body = {**body, "messages": [{"role": "user", "content": "hello"}]}
    seen = stage.run(stage.provoked.ask("alone", [MALFORMED, CALLS], path=path, stream=streamed, **body))
    assert (200, 2) == (seen.answer.status, len(seen.asked)), seen.answer.body
    assert told in seen.answer.body.replace(b": ", b":")
    assert b"a } in a" in seen.answer.body
