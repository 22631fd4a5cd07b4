"""The child answers one order after the other, and ends with its input."""

import pickle
import subprocess
import sys

import pytest

from hostd.dialects.base import Dialect
from hostd.dialects.document_layout import Layout
from hostd.gateway.body_reader_child import ANSWER, ORDER, RefusedBody, read

BODY = b'{"model":"m","messages":[{"role":"user"}],"n":2}'
COMMAND = [sys.executable, "-c", "from hostd.gateway.body_reader_child import main; main()"]


def order(body: bytes) -> bytes:
    """Return what the daemon writes for *body*."""
    name = Dialect.OPENAI_CHAT.encode()
    return ORDER.pack(len(name), len(body)) + name + body


def test_a_request_is_told_with_where_its_members_are() -> None:
    """The rest is what the dialect has read."""
    dialect, layout, model, *_ = pickle.loads(read(Dialect.OPENAI_CHAT, BODY))
    assert (Dialect.OPENAI_CHAT, "m") == (dialect, model)
    assert isinstance(layout, Layout)
    assert layout.whole
    assert {name: BODY[start:end] for name, (start, end) in layout.members.items()} == {
        "model": b'"m"',
        "messages": b'[{"role":"user"}]',
        "n": b"2",
    }


def test_a_refusal_is_told_with_all_that_an_error_says() -> None:
    """It is the client's."""
    refused = pickle.loads(read(Dialect.OPENAI_CHAT, BODY.replace(b"2}", b"1000}")))
    assert RefusedBody("'n' may be 128 at most", "out_of_bounds", 400, "n") == refused


@pytest.mark.parametrize("cut", [0, 3, len(BODY) + 5])
def test_it_ends_with_its_input(cut: int) -> None:
    """After the answers to all that was whole; the daemon may end in the middle of a body."""
    given = order(BODY) + order(b"[]") + order(BODY)[:cut]
    done = subprocess.run(COMMAND, input=given, capture_output=True, timeout=60, check=False)
    answers, left = [], done.stdout
    while left:
        (size,) = ANSWER.unpack(left[: ANSWER.size])
        answers.append(pickle.loads(left[ANSWER.size : ANSWER.size + size]))
        left = left[ANSWER.size + size :]
    assert b"" == done.stderr
    first, second = answers
    assert ("m", "the request body must be a JSON object") == (first[2], second.message)
