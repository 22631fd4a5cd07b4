"""An answer goes through untouched; before its first byte a failure moves the request on, after it nothing hides the break."""

import asyncio
import json
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hostd.backends.http import client as http_client
from hostd.backends.llamacpp.streaming import SHORT
from hostd.domain.lifecycle import State
from hostd.scheduling import engine_control
from tests.conftest import OpenDaemon
from tests.stage import CHAT, Answer, Stage, make_profile, make_settings, moved, rogue, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIX = "w0 w1 w2 w3 w4 w5 "
ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":null},"finish_reason":null}]}\n\n'
WORD = b'data: {"choices":[{"index":0,"delta":{"content":"word"},"finish_reason":null}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"completion_tokens":1}}\n\n'
DONE = b"data: [DONE]\n\n"
TOO_LONG = b'data: {"error":{"code":400,"message":"n_ctx","type":"exceed_context_size_error"}}\n\n'
IN_ONE_PIECE: dict[str, Any] = {"logprobs": True}
"""What llama-server is asked for in one piece, if the client wants no stream."""


def without_numbers(body: bytes) -> bytes:
    """Return *body* without what differs between two answers to one question."""
    return re.sub(rb'chatcmpl-\d+-\d+|"created":\d+', b"", body)


async def from_the_engine(stage: Stage, model: str, **body: Any) -> bytes:
    """Return what the engine of *model* answers when it is asked directly."""
    launch = stage.instance(model).launch
    assert launch is not None
    said = {"model": model, "messages": [{"role": "user", "content": "hello"}]} | body
    url = launch.endpoint.url + CHAT
    async with stage.http.post(url, json=said, headers=dict(launch.endpoint.headers)) as response:
        return await response.read()


def idle_connections(stage: Stage, model: str) -> int:
    """Return how many connections to the engine of *model* are open and wait to be used again."""
    return stage.instance(model).lease().http.idle_connections


async def hold(stage: Stage, model: str) -> "asyncio.Task[Answer]":
    """Take a place of *model* with an answer that stops after its first token."""
    await stage.script(model, stall_after=1)
    busy = len(stage.model_state(model).serving)
    task = stage.begin(model, stream=True)
    await stage.until_seen(model, decoding=busy + 1)
    return task


@asynccontextmanager
async def unending(stage: Stage, model: str, data: bytes, how: str) -> AsyncIterator[None]:
    """Put a server in the place of *model*'s engine that sends *data*, and then no end of its chunked answer."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            with suppress(ConnectionError):
                while how != "broken":
                    await writer.drain()
                    await asyncio.sleep(0.05)
                    if how == "chatty":
                        writer.write(b"8\r\n: ping\n\n\r\n")
                    if reader.at_eof():
                        break

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        with moved(stage, model, server.sockets[0].getsockname()[1]):
            yield


@asynccontextmanager
async def refusing(stage: Stage, model: str, status: int, message: str) -> AsyncIterator[None]:
    """Put a server in the place of *model*'s engine that refuses each request."""
    body = json.dumps({"error": {"code": status, "message": message, "type": "server_error"}}).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(
                b"HTTP/1.1 %d Oh\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body)
            )
            await writer.drain()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        with moved(stage, model, server.sockets[0].getsockname()[1]):
            yield


class TestPassingOn:
    """What goes through."""

    @pytest.mark.parametrize("asked", [IN_ONE_PIECE, {"stream": True}], ids=str)
    async def test_leaves_an_answer_as_it_is(self, stage: Stage, asked: dict[str, Any]) -> None:
        """The client gets the engine's own bytes, whole or streamed."""
        direct = await from_the_engine(stage, "alpha", max_tokens=6, **asked)
        answer = await stage.ask("alpha", max_tokens=6, **asked)
        assert 200 == answer.status
        assert without_numbers(direct) == without_numbers(answer.body)

    @pytest.mark.parametrize(("path", "said"), [(CHAT, {}), ("/v1/completions", {"prompt": "x"})])
    async def test_makes_a_whole_answer_of_a_stream(self, stage: Stage, path: str, said: dict[str, Any]) -> None:
        """An engine that sees only while it streams that a client has gone streams; the client gets what it asked for."""
        asked: dict[str, Any] = {"max_tokens": SHORT + 1, "stream_options": {"include_usage": False}, **said}
        direct = await stage.ask("alpha", path, **IN_ONE_PIECE, **asked)
        answer = await stage.ask("alpha", path, **asked)
        assert (200, "application/json") == (answer.status, answer.headers["Content-Type"])
        unlike = dict.fromkeys(("id", "created"))
        assert direct.json | unlike == answer.json | unlike
        got = json.loads((await stage.seen("alpha"))["requests"][-1]["body"])
        streamed = {"stream": True, "stream_options": {"include_usage": True}, "return_progress": True}
        assert {"model": "alpha", **asked, **streamed} | said == {
            name: value for name, value in got.items() if name != "messages"
        }

    async def test_takes_an_answer_in_one_piece_where_a_stream_was_asked_for(self, stage: Stage) -> None:
        """An engine that does not stream has answered all the same."""
        async with rogue(stage, "alpha", b'{"choices":[{"text":"word"}],"usage":{}}', kind="application/json"):
            answer = await stage.ask("alpha")
        assert (("alpha", "primary"), [{"text": "word"}]) == (answer.route, answer.json["choices"])

    async def test_leaves_a_request_as_it_is(self, stage: Stage) -> None:
        """The engine gets the client's own bytes, and its own key instead of the client's."""
        said = b'"messages" : [{"role":"user","content":"\\u00e4"}], "temperature": 1e2, "logprobs":true'
        body = b'{ "model":"GPT-4o-mini",\n ' + said + b"}"
        answer = await stage.send("POST", CHAT, data=body, headers={"Authorization": "Bearer client", "Cookie": "a=b"})
        assert 200 == answer.status
        launch = stage.instance("alpha").launch
        assert launch is not None
        got = (await stage.seen("alpha"))["requests"][-1]
        assert body.decode() == got["body"]
        assert launch.endpoint.headers["Authorization"] == got["headers"]["authorization"]
        assert "cookie" not in got["headers"]

    @pytest.mark.parametrize("asked", ["alpha", "ALPHA", "gpt-4o-mini", "gpt-5-nano", "planner"])
    async def test_names_what_answered(self, stage: Stage, asked: str) -> None:
        """Whatever it was asked as, the body and the headers name the profile that answered."""
        answer = await stage.ask(asked)
        assert "alpha" == answer.json["model"]
        assert ("alpha", "primary") == answer.route
        assert "alpha" == json.loads((await stage.stream(asked)).events[0])["model"]

    async def test_completes_text(self, stage: Stage) -> None:
        """The older route passes in both forms."""
        whole = await stage.ask("alpha", "/v1/completions", prompt="x", max_tokens=2)
        assert "w0 w1 " == whole.json["choices"][0]["text"]
        pieces = await stage.ask("alpha", "/v1/completions", prompt="x", max_tokens=2, stream=True)
        assert "[DONE]" == pieces.events[-1]

    async def test_embeds(self, stage: Stage) -> None:
        """A model that is declared to make embeddings makes them, under any of its names."""
        answer = await stage.ask("vectors", "/v1/embeddings", input=["a", "b"])
        assert 2 == len(answer.json["data"])
        assert "vectors" == answer.json["model"]

    async def test_reuses_its_connections(self, stage: Stage) -> None:
        """Answers that the engine gives in one piece leave the connection to it open for the next."""
        for _ in range(3):
            await stage.ask("beta", **IN_ONE_PIECE)
        assert 1 == idle_connections(stage, "beta")


WAYS: list[dict[str, Any]] = [{}, IN_ONE_PIECE, {"stream": True}]
FAULTS = [
    ({"status": 500}, "status_5xx"),
    ({"status": 503}, "status_5xx"),
    ({"status": 429}, "status_429"),
    ({"too_long": True}, "context_too_long"),
    ({"error_after": 0}, "status_5xx"),
    ({"cut_after": 0}, "connect"),
    ({"crash_after": 0}, "crashed"),
]


async def test_a_prompt_that_is_read_too_slowly_for_its_owner(open_daemon: OpenDaemon, weights: Path) -> None:
    """It goes to the fallback although the engine gets on, and the engine is not suspected of hanging."""
    slow = make_profile("slow", weights, to=("quick",), limits={"prefill_timeout": 0.4}, ping=0.05)
    async with open_daemon(make_settings(slow, make_profile("quick", weights))) as stage:
        await stage.script("slow", prompt_batches=100, batch_delay=0.1)
        answer = await stage.stream("slow")
        assert (200, ("quick", "fallback:first_token_timeout")) == (answer.status, answer.route)
        assert stage.model_state("slow").reported_state is State.READY


class TestBeforeTheFirstByte:
    """A failure that the client need not see."""

    # Faults in turn: the engine's watchdog asks twice, a second apart, and must not find the same one both times.
    @pytest.mark.parametrize(("fault", "reason"), FAULTS, ids=str)
    @pytest.mark.parametrize("asked", WAYS, ids=str)
    async def test_moves_on(self, stage: Stage, fault: dict[str, object], reason: str, asked: dict[str, Any]) -> None:
        """The fallback answers in full, and the headers say who and why."""
        await stage.script("alpha", **fault)
        answer = await stage.ask("alpha", **asked)
        assert 200 == answer.status
        assert ("beta", f"fallback:{reason}") == answer.route
        assert "2" == answer.headers["x-hostd-attempts"]
        assert b"alpha" not in answer.body
        assert not asked.get("stream") or "[DONE]" == answer.events[-1]

    @pytest.mark.parametrize("asked", [{}, IN_ONE_PIECE], ids=str)
    @pytest.mark.parametrize(
        ("fault", "reason"),
        [
            ({"crash_after": 3}, "crashed"),
            ({"cut_after": 3}, "connect"),
            ({"garbage_after": 3}, "status_5xx"),
            ({"error_after": 3}, "status_5xx"),
        ],
        ids=str,
    )
    async def test_moves_on_from_half_an_answer_in_one_piece(
        self, stage: Stage, fault: dict[str, object], reason: str, asked: dict[str, Any]
    ) -> None:
        """What is not streamed to the client has sent nothing until it is whole."""
        await stage.script("alpha", **fault, token_delay=0.01)
        answer = await stage.ask("alpha", **asked)
        assert (200, "beta", f"fallback:{reason}") == (answer.status, answer.json["model"], answer.route[1])

    @pytest.mark.slow
    @pytest.mark.parametrize("fault", [{"stall_after": 0}, {"hang": True}], ids=str)
    @pytest.mark.parametrize("asked", WAYS, ids=str)
    async def test_leaves_an_engine_that_hangs(
        self, stage: Stage, fault: dict[str, object], asked: dict[str, Any]
    ) -> None:
        """Without a first token in time the fallback answers; comments of the engine are no token."""
        await stage.script("hasty", **fault)
        answer = await stage.ask("hasty", **asked)
        assert ("beta", "fallback:first_token_timeout") == answer.route

    async def test_leaves_a_whole_answer_that_stalls(self, stage: Stage) -> None:
        """Nothing of it has been said, so the fallback answers; the engine sees that its client has disconnected."""
        await stage.script("hasty", stall_after=2)
        answer = await stage.ask("hasty")
        assert ("beta", "fallback:stall") == answer.route
        assert 0.0 < float(answer.headers["Server-Timing"].rpartition("=")[2]) < 200
        await stage.until_seen("hasty", in_flight=0)

    @pytest.mark.parametrize("asked", [{}, {"stream": True}], ids=str)
    async def test_waits_for_an_engine_that_reads(self, stage: Stage, asked: dict[str, Any]) -> None:
        """Each batch of a long prompt is progress, however long all of them take; the client need not have asked for reports."""
        await stage.script("hasty", prompt_batches=6, batch_delay=0.15, tokens=3)
        began = time.monotonic()
        answer = await stage.ask("hasty", **asked)
        assert ("hasty", "primary") == answer.route
        assert 0.8 < time.monotonic() - began
        assert b"prompt_progress" not in answer.body

    async def test_leaves_an_engine_that_stops_reading(self, stage: Stage) -> None:
        """A prompt that was begun is no excuse for long."""
        await stage.script("hasty", prompt_batches=1, batch_delay=60)
        answer = await stage.ask("hasty", stream=True)
        assert ("beta", "fallback:first_token_timeout") == answer.route

    async def test_passes_reports_on_to_a_client_that_asked(self, stage: Stage) -> None:
        """As they come, and with the client's name for the model; the answer may still come from another target."""
        await stage.script("alpha", prompt_batches=2, tokens=3)
        answer = await stage.stream("alpha", return_progress=True)
        read = [
            json.loads(event)["prompt_progress"]["processed"] for event in answer.events if "prompt_progress" in event
        ]
        assert ([0, 100, 200], "w0 w1 w2 ", "[DONE]") == (read, answer.text, answer.events[-1])
        await stage.script("hasty", prompt_batches=1, batch_delay=60)
        answer = await stage.stream("hasty", return_progress=True)
        assert "x-hostd-model=beta x-hostd-route=fallback:first_token_timeout" in answer.comments
        assert "[DONE]" == answer.events[-1]

    async def test_shows_how_much_of_a_prompt_was_read(self, stage: Stage) -> None:
        """In the status, until it is done."""
        await stage.script("alpha", prompt_batches=2, batch_delay=0.3, tokens=1)
        asking = stage.begin("alpha", stream=True)

        async def prompts() -> list[dict[str, int]]:
            rows = (await stage.get("/hostd/v1/status")).json["instances"]
            return next(row["prompts"] for row in rows if row["model"] == "alpha")

        async with asyncio.timeout(5):
            while [{"read_tokens": 100, "total_tokens": 200}] != await prompts():  # noqa: ASYNC110  # no event says so
                await asyncio.sleep(0.02)
        assert 200 == (await asking).status
        assert [] == await prompts()

    @pytest.mark.parametrize("asked", [{}, IN_ONE_PIECE], ids=str)
    async def test_waits_for_an_engine_that_is_writing(self, stage: Stage, asked: dict[str, Any]) -> None:
        """An answer in one piece may take longer than the first token may: the engine shows that it writes."""
        await stage.script("hasty", tokens=8, token_delay=0.1)
        began = time.monotonic()
        answer = await stage.ask("hasty", **asked)
        assert ("hasty", "primary") == answer.route
        assert 0.7 < time.monotonic() - began

    @pytest.mark.parametrize(
        ("status", "message", "reason"),
        [
            (500, "input (6002 tokens) is too large to process. increase the physical batch size", "context_too_long"),
            (500, "image input is not supported - hint: you may need to provide the mmproj", "unfit"),
            (400, "image input is not supported - hint: you may need to provide the mmproj", "unfit"),
            (500, "Compute error.", "status_5xx"),
        ],
    )
    @pytest.mark.parametrize("stream", [True, False])
    async def test_understands_an_engine_that_says_500_to_a_mistake(
        self, stage: Stage, status: int, message: str, reason: str, stream: bool
    ) -> None:
        """What another model may be able to answer, it is asked for."""
        async with refusing(stage, "alpha", status, message):
            assert ("beta", f"fallback:{reason}") == (await stage.ask("alpha", stream=stream)).route

    @pytest.mark.parametrize(
        ("message", "code"),
        [
            ("Failed to parse grammar", "engine_refused"),
            ("image input is not supported", "unfit"),
            ("input is too large to process. increase the physical batch size", "context_length_exceeded"),
        ],
    )
    async def test_tells_the_client_of_its_mistake(self, stage: Stage, message: str, code: str) -> None:
        """400, which no client sends again."""
        async with refusing(stage, "beta", 500, message):
            answer = await stage.ask("beta")
        assert (400, code, message) == (answer.status, answer.error["code"], answer.error["message"])

    @pytest.mark.parametrize(
        ("pieces", "reason"),
        [
            ((DONE,), "status_5xx"),
            ((ROLE + DONE,), "status_5xx"),
            ((ROLE, USAGE, DONE), "status_5xx"),
            ((b'data: {"object":"error","message":"no luck","code":500}\n\n', DONE), "status_5xx"),
            ((ROLE, b'data: {"error":"no luck"}\n\n', DONE), "status_5xx"),
            ((b'event: error\ndata: {"message":"no luck"}\n\n',), "status_5xx"),
            ((ROLE, TOO_LONG), "context_too_long"),
        ],
    )
    @pytest.mark.parametrize("stream", [True, False])
    async def test_the_formal_end_is_no_answer(
        self, stage: Stage, pieces: tuple[bytes, ...], reason: str, stream: bool
    ) -> None:
        """Where an engine says [DONE] and nothing else, or an error in any shape, another one answers."""
        async with rogue(stage, "alpha", *pieces):
            answer = await (stage.stream("alpha") if stream else stage.ask("alpha"))
        assert ("beta", f"fallback:{reason}") == answer.route

    @pytest.mark.parametrize(
        ("pieces", "reason"),
        [
            ((ROLE, WORD), "status_5xx"),
            ((ROLE, WORD, USAGE, DONE), "status_5xx"),
            ((ROLE, WORD, TOO_LONG), "context_too_long"),
            ((ROLE, WORD, b'data: {"error":{"code":"overloaded","message":"later"}}\n\n'), "status_5xx"),
            ((ROLE, WORD, STOP.replace(b"stop", b"abort"), DONE), "status_5xx"),
        ],
        ids=["half", "unfinished", "too long", "error", "given up"],
    )
    async def test_takes_no_part_of_an_answer_for_all_of_it(
        self, stage: Stage, pieces: tuple[bytes, ...], reason: str
    ) -> None:
        """A stream that does not come to its proper end makes no answer in one piece."""
        async with rogue(stage, "alpha", *pieces):
            assert ("beta", f"fallback:{reason}") == (await stage.ask("alpha")).route

    async def test_passes_a_mistake_on_that_the_engine_finds_late(self, stage: Stage) -> None:
        """An error in the middle of a stream means what it would have meant without one."""
        late = b'data: {"error":{"code":422,"message":"no such tool","type":"invalid_request_error"}}\n\n'
        async with rogue(stage, "alpha", ROLE, WORD, late):
            answer = await stage.ask("alpha")
        assert (422, "no such tool") == (answer.status, answer.error["message"])

    async def test_uses_no_connection_after_a_stream(self, stage: Stage) -> None:
        """Some engines close it only after a moment, in which another request would be lost on it."""
        for asked in (WAYS[0], WAYS[-1]):
            await stage.ask("beta", **asked)
            assert "close" == (await stage.seen("beta"))["requests"][-1]["headers"]["connection"]

    @pytest.mark.parametrize("asked", [WAYS[0], WAYS[-1]], ids=str)
    async def test_reuses_the_connection_of_a_stream(self, stage: Stage, asked: dict[str, Any]) -> None:
        """Where the engine keeps it: a new one for each stream would cost more than all else that is done for it."""
        server = stage.instance("beta").server
        assert server is not None
        launch = server.launch
        server.launch = replace(launch, endpoint=replace(launch.endpoint, keeps_connections=True))
        try:
            for _ in range(3):
                assert 200 == (await stage.ask("beta", **asked)).status
                await until(lambda: 1 == idle_connections(stage, "beta"))
        finally:
            server.launch = launch

    async def test_waits_for_no_formal_end_after_the_last_word(self, stage: Stage) -> None:
        """An answer that has said that it is whole is given out, whatever its connection does then."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with closing(writer), suppress(asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                body = ROLE + WORD + STOP + USAGE + DONE
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9999\r\n\r\n" + body
                )
                await reader.read()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            with moved(stage, "alpha", server.sockets[0].getsockname()[1]):
                said = await stage.ask("alpha")
        assert (("alpha", "primary"), "word") == (said.route, said.json["choices"][0]["message"]["content"])

    async def test_moves_on_from_a_place_that_never_comes(self, stage: Stage) -> None:
        """Who waits longer than queue_timeout is answered by the fallback; where that is to be expected, at once."""
        stage.model_state("hasty").service_seconds = None
        await stage.script("hasty", first_token_delay=0, token_delay=0.2, tokens=200)
        held = [stage.begin("hasty", stream=True) for _ in range(2)]
        await until(lambda: len(stage.model_state("hasty").serving) == 2)
        answer = await stage.ask("hasty")
        assert ("beta", "fallback:queue_timeout") == answer.route
        assert 200 <= int(answer.headers["x-hostd-queue-ms"])
        stage.model_state("hasty").service_seconds = 60.0
        answer = await stage.ask("hasty")
        assert ("beta", "fallback:queue_timeout", "0") == (*answer.route, answer.headers["x-hostd-queue-ms"])
        assert not any(task.done() for task in held)

    async def test_moves_on_from_a_model_that_cannot_be_loaded(self, stage: Stage) -> None:
        """A cold model is started for the request; when that fails, the fallback answers."""
        answer = await stage.ask("org/broken:latest")
        assert ("beta", "fallback:load_failed") == answer.route
        assert re.search(r"load;dur=\d+\.\d, ", answer.headers["Server-Timing"])

    async def test_moves_on_from_a_closed_port(self, stage: Stage) -> None:
        """An engine that does not let anybody in is no better than one that is down."""
        with socket.socket() as closed, moved(stage, "alpha", 1):
            closed.bind(("127.0.0.1", 0))
            assert ("beta", "fallback:connect") == (await stage.ask("alpha")).route

    async def test_moves_on_from_a_port_that_does_not_answer(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An engine too stuck to accept a connection is left as one that cannot be reached."""
        monkeypatch.setattr(http_client, "CONNECT", 0.1)
        with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            for filler in (first, second):
                filler.setblocking(False)
                filler.connect_ex(deaf.getsockname())
            with moved(stage, "alpha", deaf.getsockname()[1]):
                assert ("beta", "fallback:connect") == (await stage.ask("alpha")).route

    @pytest.mark.slow
    async def test_asks_a_restarted_engine_once_more(self, stage: Stage) -> None:
        """With no fallback, a request that saw a crash waits for the restart and is answered then."""
        await stage.script("beta", crash_after=0)
        answer = await stage.ask("beta")
        assert (200, "2", ("beta", "primary")) == (answer.status, answer.headers["x-hostd-attempts"], answer.route)

    async def test_says_what_failed_when_no_target_is_left(self, stage: Stage) -> None:
        """Without a fallback the client gets the engine's failure, and when to come back."""
        await stage.script("beta", status=503)
        answer = await stage.ask("beta")
        assert (502, "status_5xx") == (answer.status, answer.error["code"])
        assert "'beta' did not answer: the script wants status 503" in answer.error["message"]
        assert 1 <= int(answer.headers["Retry-After"]) <= 60

    async def test_says_that_a_prompt_is_too_long(self, stage: Stage) -> None:
        """No target has a larger context: 400, in the words that clients test for."""
        await stage.script("beta", too_long=True)
        answer = await stage.ask("beta")
        assert (400, "context_length_exceeded") == (answer.status, answer.error["code"])

    async def test_does_not_hide_a_mistake_of_the_client(self, stage: Stage) -> None:
        """What the engine finds wrong with the request itself is not tried elsewhere."""
        answer = await stage.send("POST", CHAT, json={"model": "alpha"})
        assert 400 == answer.status
        assert "'messages' is required" == answer.error["message"]
        assert ("alpha", "primary") == answer.route

    @pytest.mark.parametrize(
        ("pieces", "kind"),
        [
            ((ROLE,), "text/event-stream"),
            ((), "text/event-stream"),
            ((b"<html>",), "text/html"),
            ((b'data: {"choices": null}\n\n', b'data: {"choices": [7]}\n\n', b"data: 7\n\n"), "text/event-stream"),
            ((b'data: {"choices":[{"delta":[]}]}\n\n', b'data: {"cho\n\n'), "text/event-stream"),
        ],
        ids=["role only", "nothing", "a page", "strange shapes", "no JSON"],
    )
    async def test_moves_on_from_a_stream_that_is_none(
        self, stage: Stage, pieces: tuple[bytes, ...], kind: str
    ) -> None:
        """A stream that ends, or makes no sense, before it has said anything is a failure like another."""
        async with rogue(stage, "alpha", *pieces, kind=kind):
            answer = await stage.stream("alpha")
        assert ("beta", "fallback:status_5xx") == answer.route
        assert "[DONE]" == answer.events[-1]


class TestAfterTheFirstByte:
    """From here on nothing may look complete that is not."""

    @pytest.mark.parametrize(
        ("fault", "why"),
        [
            ({"crash_after": 3}, "the engine crashed"),
            ({"cut_after": 3}, "the connection to the engine broke"),
            ({"error_after": 3}, "the engine reported an error"),
            ({"garbage_after": 3}, "no JSON"),
        ],
        ids=str,
    )
    async def test_ends_with_an_error(self, stage: Stage, fault: dict[str, object], why: str) -> None:
        """What was said stays said; then an error event, and no [DONE]; the fallback is not mixed in."""
        await stage.script("alpha", **fault, token_delay=0.05)
        answer = await stage.stream("alpha")
        assert (200, ("alpha", "primary")) == (answer.status, answer.route)
        assert "w0 w1 w2 " == answer.text
        assert "[DONE]" not in answer.events
        assert (True, "engine_failed") == (why in answer.error["message"], answer.error["code"])
        await until(lambda: not stage.model_state("alpha").serving)

    async def test_ends_a_stream_that_stalls(self, stage: Stage) -> None:
        """An engine that goes on pinging without saying anything has stalled; it sees that its client has disconnected."""
        await stage.script("hasty", stall_after=2)
        answer = await stage.stream("hasty")
        assert "w0 w1 " == answer.text
        assert "sent nothing for 0.3 s (stall)" in answer.error["message"]
        assert "[DONE]" not in answer.events
        await stage.until_seen("hasty", in_flight=0)

    async def test_completes_what_only_lacks_its_formal_end(self, stage: Stage) -> None:
        """An engine that says why it stopped but forgets [DONE] has answered in full."""
        await stage.script("alpha", no_done=True)
        for include in (False, True):
            answer = await stage.stream("alpha", max_tokens=6, stream_options={"include_usage": include})
            assert (SIX, "[DONE]") == (answer.text, answer.events[-1])

    async def test_remembers_the_finish_when_the_usage_comes_after_it(self, stage: Stage) -> None:
        """The reason for the end may stand in an earlier chunk than the last."""
        async with rogue(stage, "alpha", WORD, STOP, USAGE):
            assert WORD + STOP + USAGE + DONE == (await stage.stream("alpha")).body

    @pytest.mark.parametrize("end", [b"", WORD[:30], STOP[:-1], b"data: [DO"], ids=["none", "half", "unended", "DO"])
    async def test_never_glues_an_error_to_half_an_event(self, stage: Stage, end: bytes) -> None:
        """What did not arrive whole is not passed on, nor taken for the end."""
        async with rogue(stage, "alpha", ROLE, WORD, end):
            answer = await stage.stream("alpha")
        assert answer.body.startswith(ROLE + WORD + b'data: {"error": ')
        assert "the engine ended its answer in the middle" in answer.error["message"]
        assert "[DONE]" not in answer.events

    async def test_passes_events_on_however_they_are_cut(self, stage: Stage) -> None:
        """Chunks need not end where events do; nothing of them is lost or changed."""
        whole = ROLE + WORD + WORD.replace(b"\n", b"\r\n") + STOP + DONE
        async with rogue(stage, "alpha", *(whole[at : at + 7] for at in range(0, len(whole), 7))):
            assert whole == (await stage.stream("alpha")).body

    @pytest.mark.parametrize(
        "beat", [b"data:\n\n", b"data: ping\n\n", b"data: : PROCESSING\n\n", b"event: ping\ndata: {}\n\n"]
    )
    async def test_skips_heartbeats(self, stage: Stage, beat: bytes) -> None:
        """Before the first word, between words, and after the last."""
        async with rogue(stage, "alpha", beat, ROLE, beat, WORD, beat, WORD + beat + STOP, beat, DONE):
            answer = await stage.stream("alpha")
            whole = await stage.ask("alpha")
        assert (("alpha", "primary"), ROLE + WORD + WORD + STOP + DONE) == (answer.route, answer.body)
        assert "wordword" == whole.json["choices"][0]["message"]["content"]

    @pytest.mark.parametrize("stream", [True, False])
    @pytest.mark.parametrize("how", ["open", "chatty", "broken"])
    async def test_ends_what_is_complete(self, stage: Stage, stream: bool, how: str) -> None:
        """An engine that has said why its answer is over has answered, though it leaves its stream open, or breaks it off."""
        async with unending(stage, "alpha", ROLE + WORD + STOP + USAGE, how):
            answer = await asyncio.wait_for(stage.stream("alpha") if stream else stage.ask("alpha"), 20)
        assert (200, ("alpha", "primary")) == (answer.status, answer.route)
        if stream:
            assert ("word", "[DONE]") == (answer.text, answer.events[-1])
        else:
            assert "word" == answer.json["choices"][0]["message"]["content"]

    async def test_an_engine_that_always_says_that_it_is_over_is_not_believed(self, stage: Stage) -> None:
        """Where it breaks off, a part of the answer is lost."""
        last = WORD.replace(b"null", b'"stop"')
        async with unending(stage, "alpha", last + last + last, "broken"):
            answer = await stage.stream("alpha")
        assert ("wordwordword", True) == (answer.text, "is not complete" in answer.error["message"])

    async def test_drops_what_follows_the_end(self, stage: Stage) -> None:
        """After [DONE] nothing belongs to the answer."""
        async with rogue(stage, "alpha", WORD + STOP + DONE + WORD):
            assert WORD + STOP + DONE == (await stage.stream("alpha")).body

    async def test_ends_a_stream_whose_engine_is_stopped(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        """An engine that is unloaded after its answers had their time to finish leaves no client waiting."""
        monkeypatch.setattr(engine_control.EngineController.unload, "__defaults__", (0.1,))
        answering = await hold(stage, "strict")
        assert State.COLD is await stage.app.dispatcher.unload("strict")
        answer = await asyncio.wait_for(answering, 5)
        assert ("w0 ", False) == (answer.text, "[DONE]" in answer.events)
        assert "is not complete" in answer.error["message"]
        await until(lambda: not stage.model_state("strict").serving)

    async def test_counts_what_broke(self, stage: Stage) -> None:
        """A broken stream shows in the counters."""
        await stage.script("alpha", cut_after=1, token_delay=0.01)
        await stage.stream("alpha")
        lines = (await stage.get("/metrics")).body.decode().split("\n")
        assert any(line.startswith('hostd_streams_broken_total{model="alpha"}') for line in lines)
