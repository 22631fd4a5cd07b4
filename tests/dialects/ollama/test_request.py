"""Ollama's requests become OpenAI's: what shapes an answer has its name there, what shapes a load is a hint."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects import registry
from hostd.dialects.ollama import request
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError
from tests.dialects.test_request_document import values

Json = dict[str, Any]

HELLO = [{"role": "user", "content": "Hello"}]
PNG, JPEG = "iVBORw0KGgo=", "/9j/4AAQ"


def chat(**members: Any) -> Json:
    """Return the chat that is asked for, without what each has."""
    asked = dict(request.chat_request(RequestDocument.of({"messages": HELLO, "stream": False, **members}), "m"))
    assert "m" == asked.pop("model")
    return asked


def without_messages(**members: Any) -> Json:
    """Return what is asked for beside the messages."""
    asked = chat(**members)
    assert HELLO == asked.pop("messages")
    return asked


@pytest.mark.parametrize(
    ("members", "asked"),
    [
        ({"stream": None}, {"stream": True, "stream_options": {"include_usage": True}}),
        (
            {"options": {"num_predict": 5, "temperature": 0, "num_ctx": 4096, "num_gpu": 1}},
            {"max_tokens": 5, "temperature": 0},
        ),
        ({"options": {"num_predict": -1, "temperature": None, "stop": ["a"]}}, {"stop": ["a"]}),
        ({"options": {"repeat_penalty": 1.1}}, {"repeat_penalty": 1.1, "repetition_penalty": 1.1}),
        ({"format": ""}, {}),
        ({"format": "json"}, {"response_format": {"type": "json_object"}}),
        ({"think": False}, {"chat_template_kwargs": {"enable_thinking": False}}),
        ({"think": True}, {"chat_template_kwargs": {"enable_thinking": True}}),
        ({"think": "low"}, {"reasoning_effort": "low"}),
        ({"logprobs": True, "top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"keep_alive": "5m", "truncate": True, "template": "x"}, {"keep_alive": "5m"}),
        (
            {"tools": [{"type": "function", "function": {"name": "f"}}]},
            {"tools": [{"type": "function", "function": {"name": "f"}}]},
        ),
    ],
)
def test_members(members: Json, asked: Json) -> None:
    """Where nothing is said, a stream is asked for."""
    assert asked == without_messages(**members)


def test_a_schema_binds() -> None:
    """It stands for the format."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    assert schema == without_messages(format=schema)["response_format"]["json_schema"]["schema"]


def test_calls_and_their_results_find_each_other() -> None:
    """Ollama's have no ids: results name their tool, or come in the order of the calls; each time a turn has the same ids."""
    calls = [{"function": {"name": name, "arguments": {"at": 1}}} for name in ("f", "g", "f")]
    results = [{"role": "tool", "content": text, "tool_name": name} for text, name in (("1", "g"), ("2", "f"))]
    turn: list[Json] = [*HELLO, {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": calls}, *results]
    messages = chat(messages=[*turn, {"role": "tool", "content": "3"}])["messages"]
    assert ["call_0", "call_1", "call_2"] == [call["id"] for call in messages[1]["tool_calls"]]
    assert ('{"at": 1}', "hm") == (
        messages[1]["tool_calls"][0]["function"]["arguments"],
        messages[1]["reasoning_content"],
    )
    assert ["call_1", "call_0", "call_2"] == [message["tool_call_id"] for message in messages[2:]]
    assert messages[:-1] == chat(messages=turn)["messages"]


def test_pictures() -> None:
    """Bare base64, told apart by how each kind begins; a data: URL is taken as it is."""
    given_in = [PNG, JPEG, "data:image/webp;base64,AA=="]
    content = chat(messages=[{"role": "user", "content": "a", "images": given_in}])["messages"][0]["content"]
    urls = [part["image_url"]["url"] for part in content[1:]]
    assert [f"data:image/png;base64,{PNG}", f"data:image/jpeg;base64,{JPEG}", given_in[2]] == urls


def test_texts() -> None:
    """A prompt is a turn of a chat, with its system prompt; one without a template, or with a gap, is a completion."""
    document = RequestDocument.of({"prompt": "a", "system": "s", "stream": False})
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}]
    assert {"model": "m", "messages": messages} == dict(request.generate_request(document, "m"))
    document = RequestDocument.of({"prompt": "a", "suffix": "b", "raw": True, "stream": False})
    assert {"model": "m", "prompt": "a", "suffix": "b"} == dict(request.raw_request(document, "m"))


@pytest.mark.parametrize("document", [{}, {"messages": []}, {"prompt": ""}])
def test_nothing_to_answer_loads(document: Json) -> None:
    """Clients have models loaded so: the engine is asked for the least."""
    empty = RequestDocument.of(document)
    assert request.only_loads(empty)
    assert 1 == request.chat_request(empty, "m")["max_tokens"] == request.generate_request(empty, "m")["max_tokens"]


def test_vectors() -> None:
    """Of a text or of several; nothing else has one."""
    document = RequestDocument.of({"input": ["a", "b"], "dimensions": 64, "keep_alive": -1, "truncate": True})
    asked = {"model": "m", "input": ["a", "b"], "encoding_format": "float", "dimensions": 64, "keep_alive": -1}
    assert asked == dict(request.vectors_request(document, "m", "input"))
    for wrong in (None, [], [1], {"a": 1}):
        with pytest.raises(RequestError):
            request.vectors_request(RequestDocument.of({"input": wrong}), "m", "input")


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"stream": "no"}, "stream"),
        ({"options": []}, "options"),
        ({"format": 7}, "format"),
        ({"think": 7}, "think"),
        ({"tools": {}}, "tools"),
        ({"messages": [{"role": "robot"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "images": "a"}]}, "messages[0].images"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0].tool_calls"),
    ],
)
def test_names_what_has_the_wrong_shape(members: Json, param: str) -> None:
    """The client's mistake."""
    with pytest.raises(RequestError) as refused:
        chat(**members)
    assert (400, param) == (refused.value.status, refused.value.param)


MEMBERS = (
    "messages",
    "prompt",
    "system",
    "images",
    "options",
    "format",
    "think",
    "tools",
    "stream",
    "input",
    "logprobs",
)


@given(
    st.dictionaries(
        st.sampled_from(MEMBERS), values | values.map(lambda value: [{"role": "tool", "content": value}]), max_size=5
    )
)
def test_any_request_is_read_or_refused(members: Json) -> None:
    """Nothing else happens."""
    document = RequestDocument.of(members)
    for make in (request.chat_request, request.generate_request, request.raw_request):
        with suppress(RequestError):
            assert "m" == make(document, "m")["model"]


@pytest.mark.parametrize(
    ("path", "members", "frees"),
    [
        ("/api/generate", {"keep_alive": 0}, True),
        ("/api/generate", {"keep_alive": "0s", "prompt": ""}, True),
        ("/api/chat", {"keep_alive": "0", "messages": []}, True),
        ("/api/chat", {"keep_alive": 0, "messages": [{"role": "user", "content": "a"}]}, False),
        ("/api/generate", {"keep_alive": 0, "prompt": "a"}, False),
        ("/api/generate", {}, False),
        ("/api/generate", {"keep_alive": -1}, False),
        ("/api/embed", {"keep_alive": 0, "input": "a"}, False),
    ],
)
def test_nothing_to_answer_and_no_time_to_stay_frees_a_model(path: str, members: dict[str, Any], frees: bool) -> None:
    """However the time is written."""
    body = json.dumps({"model": "m", **members}).encode()
    assert frees is request.only_frees(registry.client_dialect(registry.dialect_of(path)).parse(body))
