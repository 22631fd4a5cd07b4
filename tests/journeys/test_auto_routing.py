"""A role whose models suffice for some requests only: each goes to the least that is enough, before real engines."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.cloud_provider import cloud, provider, serving_cloud
from tests.journeys.host import Host, profile, serving, until, write_files

ROLE = {"use": ["large", "small"], "suffices": {"small": {"any": 4, "code": 2}}}
EASY = "What is the capital of Norway?"
HARD = (
    "Design a distributed payment ledger for a million users in five regions: data model, consistency, failure modes, "
    "migration, and the trade-offs against two alternatives"
)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon with two real models, of which one is enough for what is easy."""
    profiles = (profile("large"), profile("small"))
    thrifty = {
        "use": ["large", "small"],
        "budget": {"day": "4 requests"},
        "route": [{"when": {"budget_used": "50%"}, "to": "small"}],
    }
    roles = {"auto": ROLE, "agent": ROLE | {"suffices": {"small": 9}}, "thrifty": thrifty}
    with serving(tmp_path_factory.mktemp("auto"), *profiles, roles=roles) as running:
        until(lambda: running.get("/readyz").status == 200)
        yield running


def _asked(host: Host, *said: str, **headers: str) -> tuple[str, str]:
    """Return who answered what a user *said* last, and which step chose it."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": each} for each in said]
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = host.post("/v1/chat/completions", {"model": "auto", "messages": messages, "max_tokens": 2}, sent)
    assert (reply.status, reply.headers["x-hostd-route"]) == (200, "primary"), reply.body
    return reply.headers["x-hostd-model"], reply.headers["x-hostd-routed-by"]


def test_each_goes_to_the_least_that_is_enough(host: Host) -> None:
    """By how hard it is, and by what it is about; `why` tells the verdict."""
    model, why = _asked(host, EASY)
    assert model == "small"
    assert why.startswith("complexity ")
    assert " of 10 (knowledge), best price of 2: 0.0000 USD, " in why
    assert _asked(host, HARD)[0] == "large"
    assert _asked(host, "Write a Python function that sorts a list")[0] == "large"
    told = host.chat("auto", EASY, max_tokens=2)
    decisions = host.get(f"/hostd/v1/why?request={told.headers['x-request-id']}").json["decisions"]
    assert f"chosen by {told.headers['x-hostd-routed-by']}" in decisions[0]["why"]


def test_the_owner_can_tune_by_what_was(host: Host) -> None:
    """Costs by complexity and by type of task, and both of each request; an agent's steps count as what it was asked."""
    assert _asked(host, "Translate 'good evening' into Dutch, please")[0] == "small"
    newest = host.get("/hostd/v1/requests?last=1").json["past"][0]
    found = newest["complexity"], newest["task"]
    assert found[0] in range(1, 11)
    until(lambda: str(found[0]) in {each["name"] for each in host.get("/hostd/v1/cost?by=complexity").json["groups"]})
    told = host.cli("cost", "--by", "task")
    assert told.stdout.startswith("TASK")
    assert str(found[1]) in told.stdout


def test_what_follows_in_a_conversation_is_little_easier(host: Host) -> None:
    """By its name, or by its beginning where the client gives it none; every dialect has the same."""
    assert _asked(host, HARD, x_hostd_session="s")[0] == "large"
    model, why = _asked(host, HARD, "ok, go on", x_hostd_session="s")
    assert (model, ", after " in why) == ("large", True)
    assert _asked(host, "ok, go on", x_hostd_session="other")[0] == "small"
    assert _asked(host, HARD)[0] == _asked(host, HARD, "ok, go on")[0] == "large"
    body = {"model": "auto", "max_tokens": 2, "messages": [{"role": "user", "content": EASY}]}
    assert host.post("/v1/messages", body).headers["x-hostd-model"] == "small"
    assert (
        host.post("/v1/responses", {"model": "auto", "max_output_tokens": 2, "input": HARD}).headers["x-hostd-model"]
        == "large"
    )
    assert host.post("/api/chat", body | {"stream": False}).headers["x-hostd-model"] == "small"


def test_an_agent_in_trouble_goes_one_model_up(host: Host) -> None:
    """After failures again and again; one alone moves nothing, and `why` tells what did."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Rename x to y, please"}]

    def goes_on(result: str) -> tuple[str, str]:
        number = str(len(messages))
        call = {"id": number, "type": "function", "function": {"name": "bash", "arguments": f'{{"n": {number}}}'}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": number, "content": result})
        reply = host.post("/v1/chat/completions", {"model": "agent", "messages": messages, "max_tokens": 2})
        assert reply.status == 200, reply.body
        return reply.headers["x-hostd-model"], reply.headers["x-hostd-routed-by"]

    first = host.post("/v1/chat/completions", {"model": "agent", "messages": messages, "max_tokens": 2})
    assert first.headers["x-hostd-model"] == "small"
    assert goes_on("error: no such target")[0] == "small"
    assert goes_on("error: cannot read y") == ("large", "stage (up from small: 2 of 2 results failed)")
    assert goes_on("done") == ("large", "session (a tool's result is pending)")


def test_what_is_used_up_of_a_budget_may_choose_another_model(host: Host) -> None:
    """From the share on that a rule names; the budget itself holds as ever."""
    replies = [host.chat("thrifty", max_tokens=2) for _ in range(5)]
    assert [200, 200, 200, 200, 429] == [reply.status for reply in replies]
    assert ["large", "large", "small", "small"] == [reply.headers["x-hostd-model"] for reply in replies[:4]]
    assert "rule 1 (budget_used)" == replies[2].headers["x-hostd-routed-by"]


def test_the_cloud_answers_while_a_better_model_is_loaded(tmp_path: Path) -> None:
    """Where its load is worth more than the cloud costs; once it is there, it answers. Money alone waits for the load."""
    local = profile("local", warm={"preload": False})
    with provider() as vendor:
        paid = cloud("cloud", vendor.url, price={"input": 100_000, "output": 100_000})
        role = {"use": ["cloud", "local"], "suffices": {"cloud": 10, "local": 10}}
        roles = {"auto": role | {"minute_usd": 1000}, "thrifty": role | {"minute_usd": 0}}
        with serving_cloud(tmp_path, local, paid, roles=roles) as host:
            reply = host.chat("auto", EASY, max_tokens=2)
            assert reply.headers["x-hostd-model"] == "cloud"
            assert reply.headers["x-hostd-routed-by"].endswith("; local is loaded meanwhile")
            until(lambda: host.row("local")["state"] == "ready")
            later = host.chat("auto", EASY, max_tokens=2)
            assert later.headers["x-hostd-model"] == "local"
            assert "best price of 2: 0.0000 USD" in later.headers["x-hostd-routed-by"]
            loads = host.get("/hostd/v1/why?model=local").json["decisions"]
            assert any("a request went elsewhere" in each["why"] for each in loads)
            host.post("/hostd/v1/models/local/unload", {})
            assert host.chat("thrifty", EASY, max_tokens=2).headers["x-hostd-model"] == "local"


def test_a_rule_by_examples_knows_other_words(tmp_path: Path) -> None:
    """What is like none of them, or like those of two rules, goes the role's usual way; a reload may bring them."""
    pytest.importorskip("wordllama")
    role: dict[str, Any] = {"use": ["usual", "billing"]}
    with serving(tmp_path, profile("usual"), profile("billing"), roles={"auto": role}) as host:
        until(lambda: host.get("/readyz").status == 200)
        assert host.chat("auto", "I want my money back", max_tokens=2).headers["x-hostd-model"] == "usual"
        role["route"] = [{"when": {"like": ["I need a refund", "where is my invoice"]}, "to": "billing"}]
        write_files(tmp_path, profile("usual"), profile("billing"), roles={"auto": role})
        assert host.post("/hostd/v1/reload", {}).status == 200
        reply = host.chat("auto", "I want my money back", max_tokens=2)
        assert (reply.headers["x-hostd-model"], reply.headers["x-hostd-routed-by"]) == ("billing", "rule 1 (like)")
        assert host.chat("auto", "Tell me a joke", max_tokens=2).headers["x-hostd-model"] == "usual"
