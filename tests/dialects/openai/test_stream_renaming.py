"""Clients see the name of the profile that answered, and nothing else of an answer changes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.openai.stream import ModelNameRewriter


def test_every_event_of_a_stream_is_renamed() -> None:
    """However the engine spaces its JSON."""
    renaming = ModelNameRewriter("ours")
    first = renaming.apply(b': ping\n\ndata: {"id": 1, "model": "/srv/theirs.gguf", "choices": []}\n\n')
    assert b': ping\n\ndata: {"id": 1, "model":"ours", "choices": []}\n\n' == first
    assert b'data: {"model":"ours"}\n\n' == renaming.apply(b'data: {"model": "/srv/theirs.gguf"}\n\n')


def test_what_needs_no_change_is_passed_on_as_it_is() -> None:
    """The very same bytes, and from then on without a look."""
    renaming, event = ModelNameRewriter("ours"), b'data: {"model": "ours"}\n\n'
    assert renaming.apply(event) is event
    other = b'data: {"model": "theirs"}\n\n'
    assert renaming.apply(other) is other


@pytest.mark.parametrize("early", [b"", b": ping\n\n", b"data: [DONE]\n\n"])
def test_waits_for_the_first_name(early: bytes) -> None:
    """Comments tell nothing."""
    renaming = ModelNameRewriter("ours")
    assert early == renaming.apply(early)
    assert b'{"model":"ours"}' == renaming.apply(b'{"model":"theirs"}')


@given(text=st.text(), theirs=st.text(), ours=st.text(min_size=1))
def test_words_that_look_like_the_name_stay(text: str, theirs: str, ours: str) -> None:
    """Inside a string the quotes are escaped, so what a model says is never touched."""
    said = f'{text}"model": "{theirs}"{text}'
    answer = json.dumps({"model": theirs, "choices": [{"message": {"content": said}}]}).encode()
    expected = {"model": ours, "choices": [{"message": {"content": said}}]}
    assert expected == json.loads(ModelNameRewriter(ours).apply(answer))
