"""A role with a cascade: the cheapest model answers, and a dearer one where its answer does not pass."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys.cloud_provider import Provider, cloud, provider, serving_cloud
from tests.journeys.host import Host, Reply, profile, until

CHEAP, DEAR = {"input": 0.2, "output": 0.8}, {"input": 2.0, "output": 8.0}
SORRY = "I'm sorry, but I can't help with that."
ECHO = [{"echo": 1000}]
PLAIN: list[dict[str, Any]] = [{}]
TOOL = {
    "type": "function",
    "function": {
        "name": "look",
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]},
    },
}


def _model(name: str, url: str, **more: Any) -> dict[str, Any]:
    """Return a profile of the provider's model of that name."""
    described = cloud(name, url, **more)
    described["variants"][0]["model"] = name
    return described


@pytest.fixture(scope="module")
def vendor() -> Iterator[Provider]:
    """The provider of all models but one."""
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, vendor: Provider) -> Iterator[Host]:
    """A daemon with a real model of its own, and a provider's cheap and dear ones."""
    profiles = (
        profile("local"),
        _model("cheap", vendor.url, price=CHEAP, context=8192),
        _model("dear", vendor.url, price=DEAR, context=8192),
        _model("referee", vendor.url, price=CHEAP),
    )
    roles = {
        "auto": {"use": ["dear", "cheap"], "cascade": {}},
        "once": {"use": ["local", "cheap", "dear"], "cascade": {"min_logprob": -0.0001, "max_steps": 1}},
        "judged": {"use": ["cheap", "dear"], "cascade": {"judge": "referee"}, "budget": {"day": "1 USD"}},
    }
    server = {"commit_after": "1s", "keep_alive_every": "1s"}
    with serving_cloud(tmp_path_factory.mktemp("cascade"), *profiles, roles=roles, server=server) as running:
        yield running


@pytest.fixture(autouse=True)
def script(vendor: Provider) -> None:
    """The cheap model says what it is told, the dear one that the sky is blue."""
    vendor.script(models={"cheap": ECHO, "dear": PLAIN, "referee": ECHO})


def asked(host: Host, role: str, text: str, **more: Any) -> Reply:
    """Return the answer of *role* to *text*."""
    reply = host.post("/v1/chat/completions", {"model": role, "messages": [{"role": "user", "content": text}], **more})
    assert reply.status == 200, reply.body
    return reply


def came_from(reply: Reply) -> tuple[str, str, str]:
    """Return who answered, by which route, and which answers were held back."""
    headers = reply.headers
    return headers["x-hostd-model"], headers["x-hostd-route"], headers.get("x-hostd-cascade", "")


def test_an_answer_that_passes_is_given(host: Host) -> None:
    """The cheapest comes first, whatever the order in `use`, and nothing else is asked."""
    reply = asked(host, "auto", "All is well.")
    assert came_from(reply) == ("cheap", "primary", "")
    assert reply.json["choices"][0]["message"]["content"] == "All is well."


def test_a_refusal_goes_up(host: Host) -> None:
    """The client sees one answer, its price that of both; `why` says what happened, without a word of the answer."""
    reply = asked(host, "auto", SORRY)
    assert came_from(reply) == ("dear", "fallback:check_failed", "cheap=refusal")
    assert reply.json["choices"][0]["message"]["content"] == "The sky is blue."
    dear = (1000 * DEAR["input"] + 5 * DEAR["output"]) / 1e6
    assert float(reply.headers["x-hostd-cost-usd"]) > dear
    told = host.get(f"/hostd/v1/why?request={reply.headers['x-request-id']}").json["decisions"]
    why = [each["why"] for each in told]
    assert any("held back: it has not passed 'refusal'" in each for each in why), why
    assert SORRY not in json.dumps(told)


STREAMS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": SORRY}]},
    "/v1/messages": {"messages": [{"role": "user", "content": SORRY}], "max_tokens": 100},
    "/v1/responses": {"input": SORRY},
    "/api/chat": {"messages": [{"role": "user", "content": SORRY}]},
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", STREAMS)
def test_in_every_dialect(host: Host, path: str, stream: bool) -> None:
    """Held answers never show, the next one is said as its client reads it."""
    reply = host.post(path, {"model": "auto", "stream": stream, **STREAMS[path]})
    assert (reply.status, reply.headers["x-hostd-cascade"]) == (200, "cheap=refusal"), reply.body
    assert b"blue" in reply.body
    assert b"sorry" not in reply.body


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", STREAMS)
def test_what_was_held_is_said_in_every_dialect(host: Host, vendor: Provider, path: str, stream: bool) -> None:
    """The only model that is left has no better answer: it is given as it was, and said to be."""
    vendor.script(models={"cheap": ECHO, "dear": [{"status": 500}]})
    reply = host.post(path, {"model": "auto", "stream": stream, **STREAMS[path]})
    assert reply.status == 200, reply.body
    assert came_from(reply) == ("cheap", "primary", "cheap=refusal")
    assert b"sorry" in reply.body


def test_arguments_that_do_not_fit_go_up(host: Host, vendor: Provider) -> None:
    """As their schema says, which the engine has not enforced."""
    vendor.script(models={"cheap": [{"tool": '{"from": 1}'}], "dear": [{"tool": '{"at": "sky"}'}]})
    reply = asked(host, "auto", "Look", tools=[TOOL])
    assert came_from(reply) == ("dear", "fallback:check_failed", "cheap=tool_calls")
    assert json.loads(reply.json["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]) == {"at": "sky"}


def test_what_is_no_json_goes_up(host: Host) -> None:
    """Where the request asks for it."""
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object", "required": ["a"]}}}
    assert came_from(asked(host, "auto", '{"a": 1}', response_format=form))[0] == "cheap"
    assert came_from(asked(host, "auto", '{"b": 1}', response_format=form))[2] == "cheap=json_schema"


def test_a_real_model_that_is_unsure_goes_up_once(host: Host) -> None:
    """Its engine tells the log-probabilities, which the client has not asked for and does not get."""
    reply = asked(host, "once", SORRY, max_tokens=8)
    # One step is allowed: the cheap one's answer is not checked any more.
    assert came_from(reply) == ("cheap", "fallback:check_failed", "local=logprob")
    assert reply.json["choices"][0].get("logprobs") is None


def test_a_judge_is_asked(host: Host, vendor: Provider) -> None:
    """What it says counts; where it says nothing of use, the answer will do."""
    assert came_from(asked(host, "judged", "Is it? No.")) == ("dear", "fallback:check_failed", "cheap=judge")
    assert came_from(asked(host, "judged", "Is it? Yes.")) == ("cheap", "primary", "")
    vendor.script(models={"cheap": ECHO, "dear": PLAIN, "referee": [{"status": 500}]})
    assert came_from(asked(host, "judged", "Is it? No.")) == ("cheap", "primary", "")


def test_a_judge_is_paid_for_by_the_role(host: Host) -> None:
    """As is every answer that was held back: the role's budget is what all of it came to."""

    def spent() -> float:
        accounts = host.get("/hostd/v1/budgets").json["accounts"]
        of_role = [each for each in accounts if (each["owner"], each["name"]) == ("role", "judged")]
        return float(sum(each["day"]["usd"] for each in of_role))

    before = spent()
    reply = asked(host, "judged", "Is it? No.")
    answers = float(reply.headers["x-hostd-cost-usd"])
    verdict = (1000 * CHEAP["input"] + CHEAP["output"]) / 1e6
    until(lambda: spent() - before == pytest.approx(answers + verdict, abs=1e-6))


def test_a_stream_is_kept_alive_while_its_answer_is_held(host: Host, vendor: Provider) -> None:
    """Its client is told that it waits, and reads nothing of what is held."""
    vendor.script(models={"cheap": [{"echo": 1000, "delay": 2.5}], "dear": PLAIN})
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": SORRY}]}
    lines = host.post("/v1/chat/completions", body).body.split(b"\n")
    first = next(number for number, line in enumerate(lines) if line.startswith(b"data:"))
    told = [line for line in lines[:first] if line.startswith(b":")]
    assert len(told) >= 2
    assert b"x-hostd-model=dear x-hostd-route=fallback:check_failed x-hostd-cascade=cheap=refusal" in told[-1]
    assert b"sorry" not in b"".join(lines)


def test_a_private_request_does_not_go_up(host: Host, vendor: Provider) -> None:
    """Neither to a dearer model nor to a judge."""
    before = len(vendor.asked())
    body = {"model": "once", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}
    reply = host.post("/v1/chat/completions", body, {"x-hostd-privacy": "local"})
    assert (reply.status, *came_from(reply)) == (200, "local", "primary", "")
    assert len(vendor.asked()) == before
