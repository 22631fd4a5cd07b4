"""Items become messages in their places: what was said in one turn is the beginning of what is said in the next."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.openai.responses_input import messages_of, sealed
from hostd.domain.errors import RequestError
from tests.dialects.test_request_document import values

Json = dict[str, Any]

PICTURE = {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"}
SHOWN = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}}


def said(role: str, text: str) -> Json:
    """Return an item as SDKs send it back, with an id and a status."""
    kind = "output_text" if role == "assistant" else "input_text"
    return {
        "type": "message",
        "role": role,
        "id": "msg_1",
        "status": "completed",
        "content": [{"type": kind, "text": text}],
    }


def call(number: int) -> Json:
    """Return a call of a function."""
    return {"type": "function_call", "id": "fc", "call_id": f"c{number}", "name": "f", "arguments": '{"n": 1}'}


def result(number: int, output: Any = "done") -> Json:
    """Return what the function has returned."""
    return {"type": "function_call_output", "id": "fco", "call_id": f"c{number}", "output": output}


def test_a_text_is_what_the_user_says() -> None:
    """Instructions come first."""
    assert [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}] == messages_of("a", "b")
    assert [{"role": "user", "content": ""}] == messages_of(None, None)


def test_instructions_at_the_front_are_one_message_and_later_ones_stay_in_place() -> None:
    """Codex and OpenCode send several; most templates take one, and at the front only."""
    messages = messages_of(
        "a", [said("developer", "b"), said("system", "c"), said("user", "d"), said("developer", "e")]
    )
    assert ("system", "a\n\nb\n\nc") == (messages[0]["role"], messages[0]["content"])
    assert [("user", "d\n\n<system-reminder>\ne\n</system-reminder>")] == [
        (m["role"], m["content"]) for m in messages[1:]
    ]


def test_a_turn_of_the_assistant_is_one_message() -> None:
    """Thought, text and all calls at once; then their results, together, and what they show after them."""
    thought = {"type": "reasoning", "id": "rs", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}
    items = [said("user", "a"), thought, said("assistant", "b"), call(1), call(2)]
    items += [result(1, [{"type": "input_text", "text": "r"}, PICTURE]), result(2), said("assistant", "c")]
    messages = messages_of(None, items)
    assert ["user", "assistant", "tool", "tool", "user", "assistant"] == [message["role"] for message in messages]
    assert ("b", "hm", ["c1", "c2"]) == (
        messages[1]["content"],
        messages[1]["reasoning_content"],
        [each["id"] for each in messages[1]["tool_calls"]],
    )
    assert [("c1", "r"), ("c2", "done")] == [(each["tool_call_id"], each["content"]) for each in messages[2:4]]
    assert SHOWN == messages[4]["content"][1]


def test_thought_comes_back_sealed() -> None:
    """Clients that store nothing bring it back as they were given it; another vendor's says nothing."""
    for content, thought in ((sealed("hm ü"), "hm ü"), ("gAAAA", None), ("hostd:%%", None)):
        item = {"type": "reasoning", "summary": [], "encrypted_content": content}
        messages = messages_of(None, [said("user", "a"), item, said("assistant", "b")])
        assert thought == messages[1].get("reasoning_content")


def test_what_other_tools_have_left_is_passed_over() -> None:
    """Searches of an earlier turn, which OpenAI's own model made."""
    items = [
        said("user", "a"),
        {"type": "web_search_call", "id": "ws"},
        {"type": "compaction", "encrypted_content": "x"},
    ]
    assert [{"role": "user", "content": "a"}] == messages_of(None, items)


def test_parts() -> None:
    """Pictures, sound and files as chat completions have them."""
    audio, file = (
        {"data": "AA==", "format": "wav"},
        {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
    )
    content = [PICTURE, {"type": "input_audio", "input_audio": audio}, {"type": "input_file", **file}]
    parts = messages_of(None, [{"role": "user", "content": content}])[0]["content"]
    assert [SHOWN, {"type": "input_audio", "input_audio": audio}, {"type": "file", "file": file}] == parts


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"role": "robot", "content": "a"}, "input[0].role"),
        ({"role": "user", "content": [{"type": "video"}]}, "input[0].content[0].type"),
        ({"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}, "input[0].content[0]"),
        ({"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}, "input[0].content[0]"),
        ({"role": "user", "content": 7}, "input[0].content"),
        ({"type": "item_reference", "id": "msg_1"}, "input[0]"),
        ({"type": "function_call", "name": "f"}, "input[0]"),
        ({"type": "function_call_output"}, "input[0].call_id"),
        ({}, "input[0].type"),
    ],
)
def test_names_what_is_wrong(item: Json, param: str) -> None:
    """The client's mistake, or what only OpenAI stores."""
    with pytest.raises(RequestError) as refused:
        messages_of(None, [item])
    assert (400, param) == (refused.value.status, refused.value.param)


turns = st.lists(
    st.one_of(
        st.sampled_from(["user", "assistant", "developer"]).map(lambda role: said(role, role)),
        st.integers(1, 3).flatmap(lambda number: st.sampled_from([call(number), result(number)])),
    ),
    max_size=8,
)


@given(turns, turns)
def test_the_prefix_stays(before: list[Json], more: list[Json]) -> None:
    """What an engine has read of a conversation up to its last message is the beginning of the next turn."""
    before = [said("user", "first"), *before]
    first, second = messages_of("i", before), messages_of("i", before + more)
    assert first[:-1] == second[: len(first) - 1]


@given(values, values)
def test_any_input_is_read_or_refused(instructions: Any, given_in: Any) -> None:
    """Nothing else happens."""
    for items in (
        given_in,
        [given_in],
        [{"role": "user", "content": given_in}],
        [{"type": "reasoning", "summary": given_in}],
    ):
        with suppress(RequestError):
            assert messages_of(instructions, items)
