"""A request is read as far as routing needs."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.base import Dialect
from hostd.dialects.openai.parse import MAX_KEEP_ALIVE, parse
from hostd.domain.errors import RequestError
from hostd.domain.ticket import Requirements, Task
from tests.dialects.openai.test_events import paths_in
from tests.dialects.test_request_document import values


def requirements(dialect: Dialect = Dialect.OPENAI_CHAT, **body: Any) -> Requirements:
    """Return what a request with *body* needs."""
    return parse(dialect, json.dumps({"model": "m", **body}).encode()).requirements


def test_reads_the_head() -> None:
    """The name, whether to stream, and all of the document for who wants it."""
    body = b'{"model": "m", "stream": true, "messages": []}'
    request = parse(Dialect.OPENAI_CHAT, body)
    assert (Dialect.OPENAI_CHAT, "m", True) == (request.dialect, request.model, request.stream)
    assert body is request.document.encode()


@pytest.mark.parametrize("body", [{}, {"tools": []}, {"tools": None}, {"messages": [{"content": "image_url"}]}])
def test_most_requests_need_nothing_special(body: dict[str, Any]) -> None:
    """An empty list of tools is none, and a word is no picture."""
    assert Requirements() == requirements(**body)


def test_sees_what_a_request_needs() -> None:
    """Tools by either name, pictures in the parts of a message, and vectors by where they are asked for."""
    assert Requirements(tools=True) == requirements(tools=[{}]) == requirements(functions=[{}])
    picture = {"role": "user", "content": [{"type": "text"}, {"type": "image_url", "image_url": {"url": "x"}}]}
    assert Requirements(vision=True) == requirements(messages=["odd", picture])
    assert Requirements(Task.EMBEDDINGS) == requirements(Dialect.OPENAI_EMBEDDINGS)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (30, 30.0),
        ("5m", 300.0),
        ("2.5", 2.5),
        (0, 0.0),
        (-1, MAX_KEEP_ALIVE),
        ("-1m", MAX_KEEP_ALIVE),
        (1e9, MAX_KEEP_ALIVE),
        ("soon", None),
        (True, None),
        ([], None),
        (None, None),
    ],
)
def test_takes_a_hint_how_long_to_stay(given: object, seconds: float | None) -> None:
    """In seconds or as a duration, a day at most; what makes no sense is no hint."""
    assert seconds == parse(Dialect.OPENAI_CHAT, json.dumps({"model": "m", "keep_alive": given}).encode()).keep_alive


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"{}", "no_model"), (b'{"model": 1}', "no_model"), (b'{"model": "m", "stream": 1}', "bad_request")],
)
def test_refuses_what_cannot_be_routed(body: bytes, code: str) -> None:
    """Without a name, or with a flag that is none."""
    with pytest.raises(RequestError) as refused:
        parse(Dialect.OPENAI_CHAT, body)
    assert code == refused.value.code


def test_long_names_are_not_read() -> None:
    """A name of a megabyte is nobody's: its beginning does for the message."""
    request = parse(Dialect.OPENAI_CHAT, json.dumps({"model": "b" * 1_000_000}).encode())
    assert request.model == "b" * 1024
    assert parse(Dialect.OPENAI_CHAT, json.dumps({"model": "\u00e4" * 200}).encode()).model == "\u00e4" * 200


@pytest.mark.parametrize(
    ("dialect", "body", "choices"),
    [
        (Dialect.OPENAI_CHAT, {}, 1),
        (Dialect.OPENAI_CHAT, {"n": 3}, 3),
        (Dialect.OPENAI_CHAT, {"n": "x"}, 1),
        (Dialect.OPENAI_COMPLETIONS, {"prompt": "a"}, 1),
        (Dialect.OPENAI_COMPLETIONS, {"prompt": ["a", "b"], "n": 2}, 4),
        (Dialect.OPENAI_COMPLETIONS, {"prompt": [1, 2, 3]}, 1),
        (Dialect.OPENAI_COMPLETIONS, {"prompt": [[1], [2, 3]]}, 2),
        (Dialect.OPENAI_COMPLETIONS, {"prompt": []}, 1),
    ],
)
def test_counts_the_answers_that_are_asked_for(dialect: Dialect, body: dict[str, Any], choices: int) -> None:
    """So many for each prompt, of which tokens are one."""
    assert choices == parse(dialect, json.dumps({"model": "m", **body}).encode()).choices


REAL: dict[str, Any] = {
    "model": "m",
    "stream": True,
    "n": 2,
    "stop": ["a", "b"],
    "keep_alive": "5m",
    "logprobs": True,
    "top_logprobs": 5,
    "logit_bias": {"5": -100},
    "grammar": 'root ::= ("a" | [b-c]){1,3} "(" # (',
    "prompt": ["a", [1, 2]],
    "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}],
    "tools": [
        {"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"pattern": "^(a{2}){3}$"}}}}}
    ],
    "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}},
    "structured_outputs": {"regex": "a+", "json": "{}", "grammar": "root ::= ()"},
    "guided_json": '{"pattern": "("}',
}


@st.composite
def mutated_requests(draw: st.DrawFn) -> bytes:
    """Return a request that uses all that is looked at, of which some values are others, or some bytes."""
    request = json.loads(json.dumps(REAL))
    for _ in range(draw(st.integers(0, 3))):
        *places, last = draw(st.sampled_from(paths_in(request)[1:] or [("x",)]))
        holder = request
        for place in places:
            holder = holder[place]
        holder[last] = draw(
            values | st.sampled_from(["((((", "{0,99999999999999999999}", "[", "\\", "(a{0,9}){0,9}", 10**400])
        )
    body = bytearray(json.dumps(request).encode())
    for _ in range(draw(st.integers(0, 2))):
        body[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    return bytes(body)


@given(st.one_of(mutated_requests(), st.binary(max_size=50), values.map(lambda value: json.dumps(value).encode())))
def test_no_request_makes_a_mistake(body: bytes) -> None:
    """Whatever a client sends, it is read or refused in a sentence, and what is read can be sent on."""
    refused: list[RequestError] = []
    for dialect in (Dialect.OPENAI_CHAT, Dialect.OPENAI_COMPLETIONS, Dialect.OPENAI_EMBEDDINGS):
        try:
            request = parse(dialect, body)
            changed = request.document.replace({"model": "other"}).encode()
            read = {name: request.document[name] for name in request.document}
        except RequestError as error:
            refused.append(error)
            continue
        assert request.choices >= 1
        assert {**read, "model": "other"} == json.loads(changed.decode("utf-8", "replace"))
    assert all(error.status == 400 and len(error.message) < 400 for error in refused)
