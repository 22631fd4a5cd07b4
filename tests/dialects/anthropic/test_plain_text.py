"""Requests that hold texts and nothing else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.anthropic.plain_text import is_plain, plain_request
from hostd.dialects.anthropic.request import chat_request
from hostd.dialects.request_document import RequestDocument

Json = dict[str, Any]

HELLO: Json = {"role": "user", "content": "Hello"}
PLAIN: Json = {"model": "m", "max_tokens": 5, "messages": [HELLO]}


@pytest.mark.parametrize(
    "more",
    [
        {"max_tokens": None},
        {"max_tokens": True},
        {"tools": [{"name": "f", "input_schema": {}}]},
        {"tool_choice": {"type": "none"}},
        {"output_config": {"format": {"type": "json_schema", "schema": {}}}},
        {"thinking": {"type": "disabled"}},
        {"output_config": {"effort": "low"}},
        {"messages": [HELLO, {"role": "assistant", "content": "Hel"}]},
        {"messages": [{"role": "user", "content": [{"type": "document", "source": {}}]}]},
        {"messages": [HELLO, {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}]}, HELLO]},
    ],
)
def test_what_asks_for_more(more: Json) -> None:
    """Than a text, or holds more, or says how the model is to think, is none of them."""
    assert is_plain(PLAIN)
    assert is_plain(PLAIN | {"tools": [], "thinking": {"type": "adaptive"}, "metadata": {"user_id": "u"}})
    assert not is_plain(PLAIN | more)


_TEXT = st.text("ab \n", max_size=4)
_CONTENT = st.one_of(_TEXT, st.lists(st.builds(lambda text: {"type": "text", "text": text}, _TEXT), max_size=3))
_TURN = st.builds(
    lambda role, content: {"role": role, "content": content}, st.sampled_from(["user", "assistant", "system"]), _CONTENT
)


@given(st.lists(_TURN, max_size=5), st.none() | _CONTENT)
def test_the_prompt_is_the_chat_completions(turns: list[Json], system: Any) -> None:
    """Message for message, whatever the roles and however the texts are cut."""
    signature = [{"type": "text", "text": "x-anthropic-billing-header: 1"}]
    system = signature + system if isinstance(system, list) else system
    document = RequestDocument.of(PLAIN | {"messages": [*turns, HELLO], "system": system, "stop_sequences": ["x"]})
    assert is_plain(document)
    found, chat = plain_request(document), chat_request(document)
    front = [{"role": "system", "content": found["system"]}] if "system" in found else []
    assert chat["messages"] == [*front, *found["messages"]]
    assert (["x"], 5, "m") == (found["stop_sequences"], found["max_tokens"], found["model"])


def test_nothing_else_is_sent() -> None:
    """Members that are the engine's own, or mean something else to it, stay behind."""
    document = RequestDocument.of(PLAIN | {"id_slot": 1, "chat_template_kwargs": {}, "stream": True, "top_k": 3})
    assert PLAIN | {"stream": True, "top_k": 3} == dict(plain_request(document))
