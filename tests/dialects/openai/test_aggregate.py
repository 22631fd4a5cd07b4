"""However a stream is cut, its chunks make up the answer that the engine would have given in one piece, or none at all."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.openai import aggregate
from hostd.dialects.openai.aggregate import StreamAggregator
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError

HEAD = {"id": "chatcmpl-1", "created": 7, "model": "tiny", "system_fingerprint": "b1"}
CHAT = {**HEAD, "object": "chat.completion"}
SUMS = {"usage": {"completion_tokens": 5, "prompt_tokens": 3, "total_tokens": 8}, "timings": {"cache_n": 2}}
OTHER_SUMS = {"usage": {"completion_tokens": 1, "prompt_tokens": 3, "total_tokens": 4}, "timings": {"cache_n": 0}}
DONE = b"data: [DONE]\n\n"


def event(*options: dict[str, Any], **more: Any) -> bytes:
    """Return a chunk of a chat as an event."""
    return (
        b"data: "
        + json.dumps({"choices": list(options), **CHAT, "object": "chat.completion.chunk", **more}).encode()
        + b"\n\n"
    )


def says(index: int = 0, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    """Return what a chunk says of a choice."""
    return {"finish_reason": finish, "index": index, "delta": delta}


def calls(number: int, arguments: str, **function: str) -> dict[str, Any]:
    """Return a part of a tool call."""
    more = {"id": f"call-{number}", "type": "function"} if function else {}
    return {"index": number, **more, "function": {**function, "arguments": arguments}}


def assembled(*data: bytes) -> StreamAggregator:
    """Return what was put together of *data*."""
    assembler = StreamAggregator(name="ours")
    for piece in data:
        assembler.feed(piece)
    return assembler


TALK = (
    event(says(role="assistant", content=None), prompt_progress={"total": 3, "processed": 3})
    + event(says(1, role="assistant", content=None))
    + b": a comment\n\n"
    + event(says(reasoning_content="Hm"))
    + event(says(1, content="\u00e4 \U0001f600"))
    + event(says(reasoning_content="m."))
    + event(says(content="Hel"))
    + event(says(content="lo"))
    + event(says(1, "length"))
    + event(**OTHER_SUMS)
    + event(says(tool_calls=[calls(0, "{", name="sum")]))
    + event(says(tool_calls=[calls(0, '"a": 1}')]))
    + event(says(tool_calls=[calls(1, "{}", name="end")]))
    + event(says(0, "tool_calls"))
    + event(**SUMS)
    + DONE
)
TALKED = {
    **CHAT,
    **SUMS,
    "choices": [
        {
            "finish_reason": "tool_calls",
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Hello",
                "reasoning_content": "Hmm.",
                "tool_calls": [
                    {"id": "call-0", "type": "function", "function": {"name": "sum", "arguments": '{"a": 1}'}},
                    {"id": "call-1", "type": "function", "function": {"name": "end", "arguments": "{}"}},
                ],
            },
        },
        {"finish_reason": "length", "index": 1, "message": {"role": "assistant", "content": "\u00e4 \U0001f600"}},
    ],
}


@given(st.sets(st.integers(1, len(TALK) - 1)))
def test_the_answer_is_the_same_however_it_is_cut(cuts: set[int]) -> None:
    """Thought, text and tool calls of each choice are put together; the sums are those of the first one."""
    edges = [0, *sorted(cuts), len(TALK)]
    assembler = assembled(*(TALK[start:end] for start, end in pairwise(edges)))
    assert (True, True, "", 13) == (assembler.done, assembler.begun, assembler.failure, assembler.events)
    assert assembler.signs >= 14  # one event told of the prompt, which is no part of the answer
    assert TALKED == assembler.document()
    answer = assembler.answer()
    assert ({**TALKED, "model": "ours"}, 3, 5, "") == (json.loads(answer.body), *answer[1:4])


def test_line_ends_may_be_of_either_kind() -> None:
    """So says the standard for events."""
    assert TALKED == assembled(TALK.replace(b"\n", b"\r\n")).document()


def test_completes_text() -> None:
    """Probabilities follow each other as the words do; of prompts that have been read nothing is said."""
    said = [
        {"text": " a", "index": 0, "logprobs": {"tokens": [" a"], "text_offset": [0]}, "finish_reason": None},
        {"text": "", "index": 1, "logprobs": None, "finish_reason": "stop"},
        {"text": " b", "index": 0, "logprobs": {"tokens": [" b"], "text_offset": [2]}, "finish_reason": None},
        {"text": "", "index": 0, "logprobs": None, "finish_reason": "stop"},
    ]
    kind = {"object": "text_completion"}
    data = [event(each, **kind, **(SUMS if each["finish_reason"] else {})) for each in said]
    assembler = assembled(b"data: null\n\n", *data, DONE)
    assert assembler.done
    assert {
        **HEAD,
        **kind,
        **SUMS,
        "choices": [
            {
                "text": " a b",
                "index": 0,
                "logprobs": {"tokens": [" a", " b"], "text_offset": [0, 2]},
                "finish_reason": "stop",
            },
            {"text": "", "index": 1, "logprobs": None, "finish_reason": "stop"},
        ],
    } == assembler.document()


def test_an_empty_answer_is_one() -> None:
    """A model may end at once; an answer without text has an empty one."""
    assembler = assembled(event(says(role="assistant", content=None)), event(says(0, "stop")), DONE)
    assert [{"finish_reason": "stop", "index": 0, "message": {"role": "assistant", "content": ""}}] == (
        assembler.document()["choices"]
    )
    assert (True, (0, 0)) == (assembler.done, assembler.answer()[1:3])


def test_what_is_new_to_it_is_kept() -> None:
    """Fields that are not known yet are joined by what they are, and those of the last chunk belong to the answer."""
    data = event(says(audio={"data": "ab", "rate": 8}, tags=[1])) + event(says(audio={"data": "cd"}, tags=[2]))
    assembler = assembled(data, event(says(0, "stop"), service_tier="default"), DONE)
    message = assembler.document()["choices"][0]["message"]
    assert ({"data": "abcd", "rate": 8}, [1, 2]) == (message["audio"], message["tags"])
    assert "default" == assembler.document()["service_tier"]


def test_it_begins_with_the_first_word() -> None:
    """A role is nothing of the answer yet, nor is a comment."""
    assert not assembled(event(says(role="assistant", content=None)), b": ping\n\n").begun
    assert assembled(event(says(content="a"))).begun
    assert 1 == assembled(event(says(content="a")), b": ping\n\n").events


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (b"", ""),
        (event(says(0, "stop"))[:-2], ""),
        (event(says(0, "stop")), ""),
        (DONE, "ended its answer in the middle"),
        (event(says(1, "stop")) + DONE, "ended its answer in the middle"),
        (event(says(0, "abort")) + DONE, "gave the answer up"),
        (event(says(0, "error")) + DONE, "gave the answer up"),
        (b'data: {"cho\n\n' + DONE, "makes no sense"),
        (b'data: {"choices": 5}\n\n' + DONE, "makes no sense"),
        (b'data: {"choices": [{"delta": [1]}]}\n\n' + DONE, "makes no sense"),
        (b"data: [7]\n\n" + DONE, "makes no sense"),
        (b'data: {"choices": null}\n\ndata: 7\n\ndata: []\n\ndata: ping\n\n' + DONE, "ended its answer in the middle"),
        (b"data: " + b"[" * 200_000 + b"\n\n" + DONE, "makes no sense"),
        (b'data: {"error": "no luck"}\n\n' + DONE, "reported an error: no luck"),
    ],
)
def test_half_an_answer_is_none(end: bytes, why: str) -> None:
    """It is whole when each choice says why it is over, and then the stream that it is done."""
    assembler = assembled(event(says(content="half")), end)
    assert (False, True) == (assembler.done, why in assembler.failure)
    assert bool(why) is bool(assembler.failure)


def test_nothing_at_all_is_no_answer() -> None:
    """Not even where it says that it is done."""
    assert not assembled(DONE).done
    assert not assembled(DONE).end()


def test_a_stream_may_end_without_its_formal_end() -> None:
    """Once each choice has said why it is over; a choice that goes on takes that back."""
    over = assembled(event(says(content="a")), event(says(0, "stop")))
    assert (False, True, True, True) == (over.done, over.complete, over.settled, over.end())
    on = assembled(event(says(content="a")), event(says(0, "stop")), event(says(content="b")))
    assert (False, False) == (on.complete, on.end())
    on.feed(event(says(0, "stop")))
    assert (True, "ab") == (on.end(), on.document()["choices"][0]["message"]["content"])
    assert (True, False) == (on.complete, on.settled)


@pytest.mark.parametrize(
    "chunks",
    [
        [says(content="text"), says(content=7)],
        [says(content="text"), says(content={"a": 1})],
        [says(content=["a"]), says(content=7)],
        [says(audio={"data": "a"}), says(audio=5)],
        [says(tool_calls=[5])],
        [says(tool_calls=[{"index": "x", "id": "a"}])],
        [says(tool_calls=[{"index": [], "function": 5}]), says(tool_calls=[{"index": 0, "function": {}}])],
    ],
)
def test_chunks_that_do_not_fit_together_are_no_answer(chunks: list[dict[str, Any]]) -> None:
    """Whatever is wrong with them, a part of the answer may be lost; it is never hostd's mistake."""
    assembler = assembled(event(says(content="a", role="assistant")), *map(event, chunks), event(says(0, "stop")), DONE)
    assert "do not fit together" in assembler.failure + assembler.answer().failure


def test_calls_may_lack_a_number() -> None:
    """A call begins with its id, and what follows belongs to it."""
    pieces = [
        {"id": "a", "function": {"name": "f", "arguments": ""}},
        {"function": {"arguments": "{"}},
        {"function": {"arguments": "}"}},
    ]
    other = [{"id": "b", "function": {"name": "g", "arguments": "{}"}}]
    whole = assembled(*(event(says(tool_calls=[each])) for each in pieces + other), event(says(0, "tool_calls")), DONE)
    assert [
        {"id": "a", "function": {"name": "f", "arguments": "{}"}},
        {"id": "b", "function": {"name": "g", "arguments": "{}"}},
    ] == whole.document()["choices"][0]["message"]["tool_calls"]


@pytest.mark.parametrize(
    "usage", [[], "x", 5, {"prompt_tokens": "3", "completion_tokens": -1}, {"prompt_tokens": 10**400}]
)
def test_sums_that_make_no_sense_count_for_nothing(usage: object) -> None:
    """They are passed on as they are."""
    answer = assembled(event(says(content="a")), event(says(0, "stop"), usage=usage), DONE).answer()
    assert (0, 0, "") == answer[1:4]
    assert usage == json.loads(answer.body)["usage"]


def test_an_answer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that never ends its answer does not take the machine's memory."""
    monkeypatch.setattr(aggregate, "MAX_ANSWER", 1000)
    assert "MiB" in assembled(*[event(says(content="abc"))] * 20).failure


def test_an_error_is_understood() -> None:
    """It means what it would have meant as an answer of its own."""
    error = {"code": 422, "message": "no luck", "type": "invalid_request_error"}
    found = assembled(b"data: " + json.dumps({"error": error}).encode() + b"\n\n").engine_error
    assert isinstance(found, RequestError)
    assert (422, "no luck") == (found.status, found.message)


@given(
    st.lists(st.tuples(st.sampled_from(["content", "reasoning_content"]), st.text(), st.integers(0, 1)), max_size=20)
)
def test_texts_are_joined_in_order(pieces: list[tuple[str, str, int]]) -> None:
    """The chunks that only continue a text are read in a way of their own; the answer is the same."""
    begun = [event(says(index, role="assistant", content="a")) for index in (0, 1)]
    told = [event(says(index, **{part: text})) for part, text, index in pieces]
    ended = [event(says(index, "stop")) for index in (0, 1)]
    choices = assembled(*begun, *told, *ended, DONE).document()["choices"]
    for index in (0, 1):
        for part, start in (("content", "a"), ("reasoning_content", "")):
            expected = start + "".join(text for name, text, number in pieces if (name, number) == (part, index))
            assert expected == (choices[index]["message"].get(part) or "")


def test_asks_for_the_sums() -> None:
    """Whatever the client says of streams it says of none of its own."""
    asked = aggregate.request(RequestDocument.of({"model": "m", "stream": False, "stream_options": None}))
    assert {"model": "m", "stream": True, "stream_options": {"include_usage": True}} == dict(asked)
