"""A conversation that no model of a role has room for is made to fit, and said to be."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys.host import Host, Reply, profile, serving, until

WORDS = "The quick brown fox jumps over the lazy dog. "


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon with two small windows; real engines refuse what is too long for theirs."""
    profiles = (profile("small", context=512, slots=1), profile("writer", context=1024, slots=1))
    roles = {
        "agent": {"use": ["small"], "context": "fit"},
        "talker": {"use": ["small"], "context": {"summary": "writer"}},
        "plain": ["small"],
    }
    with serving(tmp_path_factory.mktemp("fit"), *profiles, roles=roles) as running:
        until(lambda: running.get("/readyz").status == 200)
        yield running


def step(number: int, result: str) -> list[dict[str, Any]]:
    """Return a step of an agent: a call and its result."""
    call = {"id": f"c{number}", "type": "function", "function": {"name": "read", "arguments": "{}"}}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": f"c{number}", "content": result},
    ]


def asked(host: Host, role: str, messages: list[dict[str, Any]], **more: Any) -> Reply:
    """Return the answer to *messages*."""
    return host.post("/v1/chat/completions", {"model": role, "messages": messages, "max_tokens": 8, **more})


STEPS = [{"role": "user", "content": "Read all."}, *(part for at in range(4) for part in step(at, WORDS * 20))]
TALK = [{"role": role, "content": WORDS * 4} for _ in range(5) for role in ("user", "assistant")]
QUESTION = {"role": "user", "content": "What was it about?"}


def test_without_it_the_request_is_refused(host: Host) -> None:
    """As ever, and clearly."""
    refused = asked(host, "plain", STEPS)
    assert (refused.status, refused.json["error"]["code"]) == (400, "context_length_exceeded")


@pytest.mark.parametrize("stream", [False, True])
def test_results_of_tools_are_cut(host: Host, stream: bool) -> None:
    """The oldest first; the headers and `why` say so, without a word of them."""
    reply = asked(host, "agent", STEPS, stream=stream)
    assert reply.status == 200, reply.body
    told = dict(each.split("=") for each in reply.headers["x-hostd-context-fit"].split("; "))
    assert 0 < int(told["trimmed"]) <= 4
    assert told["summarised"] == "0"
    why = host.get(f"/hostd/v1/why?request={reply.headers['x-request-id']}").json["decisions"]
    fitted = [each for each in why if each["decision"] == "context_fitted"]
    assert fitted[0]["results"] > 0
    assert "fox" not in json.dumps(why)


def test_a_talk_without_results_of_tools_needs_a_summary(host: Host) -> None:
    """Where nobody writes one, the request is refused; where a profile does, it is answered."""
    assert asked(host, "agent", [*TALK, QUESTION]).status == 400
    reply = asked(host, "talker", [*TALK, QUESTION])
    assert reply.status == 200, reply.body
    assert "summarised=0" not in reply.headers["x-hostd-context-fit"]
    until(lambda: "writer" in [each["name"] for each in host.get("/hostd/v1/cost").json["groups"]])


def test_what_fits_is_left_alone(host: Host) -> None:
    """And has no header of it."""
    reply = asked(host, "talker", [QUESTION])
    assert (reply.status, reply.headers.get("x-hostd-context-fit")) == (200, None)


@pytest.mark.parametrize("stream", [False, True])
def test_in_another_dialect(host: Host, stream: bool) -> None:
    """Claude's, whose results of tools are parts of the user's messages."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Read all."}]
    for at in range(4):
        messages += [
            {"role": "assistant", "content": [{"type": "tool_use", "id": f"t{at}", "name": "read", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"t{at}", "content": WORDS * 20}]},
        ]
    body = {"model": "agent", "max_tokens": 8, "messages": messages, "stream": stream}
    reply = host.post("/v1/messages", body, {"anthropic-version": "2023-06-01"})
    assert (reply.status, "x-hostd-context-fit" in reply.headers) == (200, True), reply.body
