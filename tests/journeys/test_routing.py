"""Requests of a role go where its rules say, and a step of an agent is ended by the model that began it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys.host import Host, profile, serving, until

ROLE = {
    "use": ["quick", "thorough"],
    "route": [
        {"when": {"words": ["refactor"]}, "to": "thorough"},
        {"when": {"clients": ["night*"]}, "to": ["thorough", "quick"]},
        {"when": {"longer_than": 300}, "to": "thorough"},
    ],
}

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon with two real models and a role that chooses between them."""
    profiles = (profile("quick"), profile("thorough"))
    with serving(tmp_path_factory.mktemp("routing"), *profiles, roles={"auto": ROLE}) as running:
        until(lambda: running.get("/readyz").status == 200)
        yield running


def _asked(host: Host, messages: list[dict[str, Any]], **headers: str) -> tuple[str, str, str]:
    """Return who answered *messages*, which may call a tool, by which route, and which step chose it."""
    body = {"model": "auto", "messages": messages, "max_tokens": 2, "tools": [TOOL], "tool_choice": "none"}
    reply = host.post("/v1/chat/completions", body, {name.replace("_", "-"): value for name, value in headers.items()})
    assert reply.status == 200, reply.body
    return reply.headers["x-hostd-model"], reply.headers["x-hostd-route"], reply.headers.get("x-hostd-routed-by", "")


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def test_the_first_rule_that_holds_chooses_the_model(host: Host) -> None:
    """It is no fallback: the role says so; `hostd why` tells which rule it was."""
    assert _asked(host, [_user("Hello")]) == ("quick", "primary", "")
    assert _asked(host, [_user("Please refactor")]) == ("thorough", "primary", "rule 1 (words)")
    assert _asked(host, [_user("refactor"), {"role": "assistant", "content": "ok"}, _user("Thanks")])[0] == "quick"
    assert _asked(host, [_user("Hello")], x_hostd_client="nightly") == ("thorough", "primary", "rule 2 (clients)")
    assert _asked(host, [_user("word " * 400)]) == ("thorough", "primary", "rule 3 (longer_than)")
    told = host.chat("auto", "refactor", max_tokens=2)
    why = host.get(f"/hostd/v1/why?request={told.headers['x-request-id']}").json["decisions"]
    assert "chosen by rule 1 (words)" in why[0]["why"]


def test_a_step_stays_with_its_model_while_a_result_is_pending(host: Host) -> None:
    """Only in the same conversation of the same client: what an agent asks besides, under the name of its session, is another."""
    call = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }
    result = {"role": "tool", "tool_call_id": "1", "content": "done"}
    step = [_user("refactor this"), call, result]
    stays = ("thorough", "primary", "session (a tool's result is pending)")
    assert _asked(host, step[:1], x_hostd_session="s1")[0] == "thorough"
    assert _asked(host, step, x_hostd_session="s1") == stays
    assert _asked(host, [_user("A title, please")], x_hostd_session="s1")[0] == "quick"
    assert _asked(host, [_user("Search"), call, result], x_hostd_session="s1") == ("quick", "primary", "")
    assert _asked(host, step, x_hostd_session="s1") == stays
    assert _asked(host, step, x_hostd_session="s2")[2] == "rule 1 (words)"
    assert _asked(host, [*step, _user("And now?")], x_hostd_session="s1")[0] == "quick"
