"""The requests that the benchmark sends."""

import importlib
import json
from typing import Any

import pytest

workloads = importlib.import_module("bench.workloads")


@pytest.mark.parametrize("workload", workloads.WORKLOADS, ids=lambda workload: workload.key)
def test_request_is_what_its_title_says(workload: Any) -> None:
    """A large one has 64 kB to the byte and brings tools along; each asks for its tokens, streamed or not."""
    request = json.loads(workload.body())
    assert workload.tokens == request["max_tokens"]
    assert workload.stream == request.get("stream", False)
    assert workload.large == ("tools" in request)
    assert len(workload.body()) == 65536 if workload.large else len(workload.body()) < 100


def test_agent_brings_a_conversation_with_tools() -> None:
    """Calls and their results follow each other, and the last word is the user's, so that an answer is wanted."""
    messages = json.loads(workloads.chat_body(tokens=1, stream=False, large=True))["messages"]
    called = [call["id"] for message in messages for call in message.get("tool_calls", ())]
    expected = [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert expected == called
    assert len(called) > 5
    assert "user" == messages[-1]["role"]


def test_messages_come_first_as_clients_write_them() -> None:
    """A gateway cannot find the model's name in the first bytes of an agent's request; OpenAI's client puts it behind."""
    body = workloads.chat_body(tokens=1, stream=True, large=True)
    assert body.startswith(b'{"messages":[')
    assert body.index(b'"model":') > len(body) / 2
