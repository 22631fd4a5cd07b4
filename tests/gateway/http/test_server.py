"""Whatever comes in, an answer leaves: in one shape, with the same headers."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from hostd.dialects import registry
from hostd.domain.server_settings import ServerSettings
from hostd.gateway.context import RequestContext
from hostd.gateway.http.server import HttpServer, connections_to
from hostd.gateway.inference import InferenceHandlers
from tests.conftest import OpenDaemon
from tests.gateway.forwarding.test_request_trace import HEADERS
from tests.gateway.http.test_connection import Wire
from tests.stage import CHAT, Stage, make_settings

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/v1/models", 200),
        ("GET", "/v1/models/alpha", 200),
        ("GET", "/hostd/v1/status", 200),
        ("GET", "/hostd/v1/models/alpha/logs", 200),
        ("GET", "/nothing", 404),
        ("GET", "/v1/models/unknown", 404),
        ("GET", CHAT, 405),
        ("POST", CHAT, 400),
    ],
)
async def test_every_answer_has_the_same_headers(stage: Stage, method: str, path: str, status: int) -> None:
    """Also those that no model had a part in, and errors."""
    answer = await stage.send(method, path, headers={"x-request-id": "mine"})
    assert status == answer.status
    assert {name.lower() for name in HEADERS} <= {name.lower() for name in answer.headers}
    assert ("mine", "mine") == (answer.headers["x-request-id"], answer.headers["request-id"])
    assert ("none", "none") == answer.route


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_of_a_model_has_them_too(stage: Stage, stream: bool) -> None:
    """They name the model, its engine, the route, and the times."""
    answer = await stage.ask("alpha", headers={"x-request-id": "mine"}, stream=stream)
    assert {name.lower() for name in HEADERS} <= {name.lower() for name in answer.headers}
    assert ("alpha", "llamacpp", "primary", "1") == tuple(
        answer.headers[f"x-hostd-{name}"] for name in ("model", "backend", "route", "attempts")
    )
    assert "mine" == answer.headers["x-request-id"]


async def test_mints_an_id_where_the_clients_is_harmful(stage: Stage) -> None:
    """An id that is not plain is replaced."""
    answer = await stage.ask("alpha", headers={"x-request-id": "a b"})
    assert answer.headers["x-request-id"].startswith("req_")


async def test_one_id_twice_is_two_requests(stage: Stage) -> None:
    """Clients that name two requests alike get two answers."""
    asked = [stage.ask("alpha", headers={"x-request-id": "same"}, max_tokens=1) for _ in range(4)]
    assert [200] * 4 == [answer.status for answer in await asyncio.gather(*asked)]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/v1/models", 200),
        ("/models", 200),
        ("/v1/models/", 200),
        ("/tags", 200),
        ("/chat/completions/", 405),
        ("/v1/api/chat", 405),
    ],
)
async def test_a_slip_in_the_path_is_forgiven(stage: Stage, path: str, status: int) -> None:
    """A base URL with /v1 too many or too few is what people get wrong most; an error there has the shape of what was meant."""
    answer = await stage.get(path)
    assert status == answer.status
    if status == 405:
        assert isinstance(answer.json["error"], str if "api" in path else dict)


async def test_no_hint_where_none_helps(stage: Stage) -> None:
    """A path that resembles nothing is just not there."""
    assert "there is nothing at /favicon.ico" == (await stage.get("/favicon.ico")).error["message"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", CHAT, "POST"), ("PUT", "/v1/models", "GET"), ("PUT", "/hostd/v1/models/alpha", "GET")],
)
async def test_a_wrong_method_is_told(stage: Stage, method: str, path: str, allowed: str) -> None:
    """405, with the right one."""
    answer = await stage.send(method, path)
    assert (405, "wrong_method") == (answer.status, answer.error["code"])
    assert f"{path} takes {allowed}, not {method}" == answer.error["message"]
    assert allowed in answer.headers["Allow"].split(", ")


@pytest.mark.parametrize("path", registry.PATHS)
async def test_bad_input_is_told_in_the_dialect_of_its_path(stage: Stage, path: str) -> None:
    """No JSON, a request that lacks everything, a model that is not there, a wrong method: each client reads its own shape."""
    whole: dict[str, Any] = {
        "model": "absent",
        "messages": [{"role": "user", "content": "a"}],
        "input": "a",
        "query": "a",
    }
    whole |= {"documents": ["a"], "state": "a", "questions": {"q": {"type": "boolean", "text": "a"}}}
    if path not in ("/v1/responses", "/v1/embeddings"):
        whole["prompt"] = "a"
    answers = [
        await stage.send("POST", path, data=b"{"),
        await stage.send("POST", path, json=[]),
        await stage.send("POST", path, json={}),
        await stage.send("POST", path, json=whole),
        await stage.get(path),
        await stage.send("DELETE", path),
    ]
    statuses = [answer.status for answer in answers]
    assert [400, 400] == statuses[:2]
    assert statuses[2] in (400, 404)
    assert [405, 405] == statuses[4:]
    for answer in answers:
        _check_shape(path, answer.json)


def _check_shape(path: str, said: dict[str, Any]) -> None:
    """Check that an error at *path* is one of its dialect's."""
    if path.startswith("/api/"):
        assert {"error"} == said.keys()
        assert isinstance(said["error"], str)
    elif path.startswith("/v1/messages"):
        assert ("error", {"type", "message"}) == (said["type"], said["error"].keys())
    elif path.startswith("/v2/"):
        assert isinstance(said["message"], str)
    else:
        assert {"message", "type", "param", "code"} == said["error"].keys()


async def test_head_is_answered(stage: Stage) -> None:
    """Probes that ask for the head alone get it."""
    answer = await stage.send("HEAD", "/healthz")
    assert (200, b"") == (answer.status, answer.body)


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
async def test_web_pages_stay_out(stage: Stage, headers: dict[str, str]) -> None:
    """Every path checks where a request comes from."""
    for path in ("/v1/models", "/", "/nothing"):
        answer = await stage.get(path, **headers)
        assert (403, "permission_error") == (answer.status, answer.error["type"])


async def test_a_mistake_of_ours_is_one_answer(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected exception becomes a 500 that says whose fault it was, without its text, and the next one is served."""

    def break_down(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    with monkeypatch.context() as patch:
        patch.setattr(InferenceHandlers, "_model", break_down)
        answer = await stage.get("/v1/models")
    assert (500, "bug") == (answer.status, answer.error["code"])
    assert "hostd made a mistake: ZeroDivisionError; see its log" == answer.error["message"]
    assert 200 == (await stage.get("/v1/models")).status


async def test_what_is_no_http_is_refused(stage: Stage) -> None:
    """Bytes that are no request get a 400, and disturb no other client."""
    host, _, port = stage.app.addresses[0].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"\x16\x03\x01 no request\r\n\r\n")
    assert b" 400 " in (await reader.read()).split(b"\r\n")[0]
    writer.close()
    assert 200 == (await stage.get("/healthz")).status


async def test_an_error_is_one_json_object(stage: Stage) -> None:
    """Clients parse errors, whatever their status."""
    answer = await stage.send("POST", CHAT, data=b"{")
    assert "application/json" == answer.headers["Content-Type"].split(";")[0]
    assert ["error"] == list(json.loads(answer.body))


async def test_routes_answer_below_a_prefix(open_daemon: OpenDaemon) -> None:
    """A proxy may leave its path in place; programs of this machine go on without it."""
    async with open_daemon(make_settings(server=ServerSettings(prefix="/llm")), wait=False) as stage:
        for path in ("/llm/v1/models", "/v1/models", "/llm/hostd/v1/status", "/llm"):
            assert 200 == (await stage.get(path)).status
        assert 404 == (await stage.get("/other/v1/models")).status
        assert 400 == (await stage.send("POST", "/llm" + CHAT, data=b"{")).status


async def test_an_absolute_target_names_the_server_too(stage: Stage) -> None:
    """What only proxies are sent is checked as a Host is."""
    host, _, port = stage.app.addresses[0].rpartition(":")
    for name, status in (("evil.example", b" 403 "), ("localhost", b" 200 ")):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET http://{name}/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert status in await reader.readline()
        writer.close()


async def test_an_odd_origin_is_no_mistake_of_ours(stage: Stage) -> None:
    """Headers alone make no 500."""
    for origin in ("http://[", "http://[x]", "http://\u2100", "://", "a://b://c"):
        assert 403 == (await stage.get("/v1/models", Origin=origin)).status


async def test_a_request_that_is_not_understood_is_a_line_of_the_log(stage: Stage) -> None:
    """Without its words, which may be a prompt's; one that is understood has its own."""
    with capture_logs() as logs:
        await stage.ask("xyzzy-unknown", headers={"x-request-id": "mine"})
        await stage.send("POST", CHAT, data=b"no json")
        await stage.ask("alpha", max_tokens=1)
    found = [each for each in logs if each["event"] == "request" and each["outcome"] == "rejected"]
    assert [("mine", 404, "model_not_found"), (400, CHAT)] == [
        (found[0]["request"], found[0]["status"], found[0]["code"]),
        (found[1]["status"], found[1]["path"]),
    ]
    assert 2 == len(found)
    assert "xyzzy" not in str(logs)


async def test_a_reload_holds_for_requests_with_the_same_head() -> None:
    """What was found out about a head before it counts no longer: who may ask, and what answers below which path."""

    async def greet(ctx: RequestContext) -> web.StreamResponse:
        return web.Response(text=f"{ctx.name} {len(await ctx.request.read())}")

    declared = ServerSettings(hosts=("box.lan",), prefix="/ai")
    server = HttpServer(["127.0.0.1:1"], declared, [("POST", "/hello/{name}", greet)])
    wire = Wire(connections_to(server)())

    async def asked(body: bytes) -> str:
        wire.sent = b""
        head = f"POST /ai/hello/you HTTP/1.1\r\nHost: box.lan\r\nOrigin: http://box.lan\r\nContent-Length: {len(body)}\r\n\r\n"
        await wire.send(head.encode() + body)
        assert b"\r\nAccess-Control-Allow-Origin: http://box.lan\r\n" in wire.sent or b" 403 " in wire.sent
        return wire.sent.decode()

    for body in (b"abc", b"abcd", b"abcdefghijkl"):
        assert (await asked(body)).endswith(f"\r\n\r\nyou {len(body)}")
    server.reconfigure(["127.0.0.1:1"], ServerSettings(hosts=("box.lan",)), None)
    assert (await asked(b"abc")).startswith("HTTP/1.1 404 ")
    assert (await asked(b"abc")).startswith("HTTP/1.1 404 ")
    server.reconfigure(["127.0.0.1:1"], declared, None)
    assert (await asked(b"abc")).startswith("HTTP/1.1 200 ")
    server.reconfigure(["127.0.0.1:1"], ServerSettings(), None)
    assert (await asked(b"abc")).startswith("HTTP/1.1 403 ")
    wire.close()
