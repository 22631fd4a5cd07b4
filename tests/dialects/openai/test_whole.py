"""What comes with status 200 is an answer only if it has what an answer has."""

import json
from typing import Any

import pytest

from hostd.dialects.openai import whole
from hostd.domain.errors import HostdError, RequestError


def fault(document: object, *, vectors: bool = False) -> str | HostdError | None:
    """Return what is wrong with *document* as an answer."""
    return whole.fault(json.dumps(document).encode(), vectors=vectors)


def said(finish: object = "stop", **message: Any) -> dict[str, Any]:
    """Return an answer with one message."""
    return {"choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}]}


@pytest.mark.parametrize(
    "document",
    [
        said(content="a"),
        said(content=None),
        said("length", content=""),
        said("tool_calls", content=None, tool_calls=[{"id": "a"}]),
        said(None, content="some servers give no reason"),
        said(None, content=None, reasoning="a"),
        {"choices": [{"text": "a"}]},
        {"choices": [{"text": "", "finish_reason": "length"}], "error": None},
    ],
)
def test_takes_what_engines_send(document: dict[str, Any]) -> None:
    """Text or none: what counts is that there is something, or a reason for its end."""
    assert fault(document) is None


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        5,
        {"choices": []},
        {"choices": None},
        {"choices": {}},
        {"choices": [5]},
        {"choices": [{}]},
        said(None, content=None),
        said("abort", content="half"),
        said("error", content="half"),
        {"choices": [{"text": "", "message": "x"}]},
        {"object": "error", "message": "no luck"},
        {"error": "no luck"},
        {"error": {"message": ["odd"]}},
        {"detail": "Not Found"},
        {"choices": [{"error": {"message": "no luck"}, "message": {"content": "a"}}]},
    ],
)
def test_refuses_what_is_none(document: object) -> None:
    """With a sentence, or with the engine's own error."""
    assert fault(document) is not None


@pytest.mark.parametrize(
    "payload",
    [b"", b"<html>", b'{"choices": [', b"\xff", b"[" * 5000, b'{"choices": ' + b"[" * 500 + b"]" * 500 + b"}"],
)
def test_refuses_what_cannot_be_read(payload: bytes) -> None:
    """Whatever the bytes are."""
    assert "no JSON object" in str(whole.fault(payload, vectors=False))
    assert whole.fault(payload, vectors=True) is not None


def test_vectors_must_be_there() -> None:
    """They are not decoded."""
    assert fault({"data": [{"embedding": [0.5]}]}, vectors=True) is None
    assert fault({"data": []}, vectors=True) == fault({}, vectors=True) == "the engine sent no vectors"


def test_a_very_long_answer_is_looked_at_from_outside() -> None:
    """Looking through vectors of a large batch would hold all other requests up."""
    numbers = b"0.5," * 2_500_000
    assert whole.fault(b'{"data": [' + numbers + b"0]}\n", vectors=True) is None
    assert whole.fault(b'{"data": [' + numbers, vectors=True) is not None


def test_fewer_answers_than_were_asked_for() -> None:
    """Are a mistake that another engine may spare the client; more are none."""
    payload = json.dumps(said(content="a")).encode()
    found = whole.fault(payload, vectors=False, choices=2)
    assert isinstance(found, RequestError)
    assert ("unfit", "n") == (found.code, found.param)
    assert whole.fault(payload, vectors=False) is None


_CHOICE = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}


@pytest.mark.parametrize(
    ("answer", "is_flat"),
    [
        ({"choices": [_CHOICE]}, True),
        ({"choices": [_CHOICE], "error": None}, True),
        ({"choices": [_CHOICE], "error": "it broke"}, True),
        ({"choices": [_CHOICE], "error": {"message": "it broke"}}, False),
        ({"choices": [_CHOICE | {"error": {"message": "it broke"}}]}, True),
        ({"choices": [_CHOICE | {"finish_reason": "abort"}]}, True),
        ({"choices": [{"text": ""}]}, True),
        ({"choices": [{"text": "Hi"}], "usage": {"completion_tokens": None}}, True),
        ({"choices": [{"message": {"content": "Hi", "tool_calls": [{"function": {"arguments": "{"}}]}}]}, False),
        ({"choices": [_CHOICE | {"logprobs": {"content": []}}]}, False),
        ({"choices": []}, True),
        ({"choices": None}, False),
        ({"choices": "Hi"}, False),
        ({"choices": ["Hi"]}, False),
        ({"detail": "no such model"}, False),
        ([_CHOICE], False),
    ],
)
def test_a_flat_answer_is_judged_as_any_other(answer: object, *, is_flat: bool) -> None:
    """What it is decoded by makes no difference."""
    payload = json.dumps(answer).encode()
    known = whole.flat(payload)
    assert is_flat == (known is not None)
    found = [whole.fault(payload, vectors=False, choices=1, known=each) for each in (None, known)]
    assert str(found[0]) == str(found[1])


@pytest.mark.parametrize("said", [None, -7, 7.0, "7", True, 10**13, {"completion_tokens": 7}])
def test_tokens_of_a_flat_answer_are_counts(said: object) -> None:
    """Whatever else stands there is looked at no further."""
    counted, strange = (
        whole.flat(json.dumps({"choices": [_CHOICE], "usage": {"completion_tokens": each}}).encode())
        for each in (7, said)
    )
    assert counted is not None
    assert counted.tokens("completion_tokens") == 7
    assert strange is not None
    assert strange.tokens("completion_tokens") is None
