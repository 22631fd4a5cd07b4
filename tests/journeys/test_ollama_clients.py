"""Ollama's own Python client, unchanged."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import ollama
import pytest

from tests.journeys.host import Host, profile, serving, until
from tests.journeys.test_whole_answers import TEMPLATE, TOOL

ASKED = [{"role": "user", "content": "Hello, who are you?"}]
SETTLED = {"temperature": 0, "seed": 1, "num_predict": 24, "num_ctx": 4096}
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon with a chat model, one that makes embeddings, and one that calls tools."""
    folder = tmp_path_factory.mktemp("ollama")
    vectors = {"args": {"threads": 1, "pooling": "mean"}, "capabilities": {"embeddings": True}}
    (folder / "tools.jinja").write_text(TEMPLATE, "utf-8")
    caller = profile("caller", args={"threads": 1, "chat-template-file": str(folder / "tools.jinja")})
    chat = profile("chat", aliases=["gemma4"], capabilities={"vision": False})
    with serving(
        folder,
        chat,
        profile("vectors", "tiny-story.gguf", aliases=["llama3.2"], **vectors),
        caller,
        profile("pinned", "tiny-story.gguf", warm={"pinned": True}),
    ) as running:
        yield running


@pytest.fixture
def client(host: Host) -> Iterator[ollama.Client]:
    """The official client."""
    with ollama.Client(host=host.url) as made:
        yield made


def test_chat(client: ollama.Client) -> None:
    """A stream adds up to the same text as the answer in one piece; both say what it cost, and how long it took."""
    whole = client.chat("chat:latest", ASKED, options=SETTLED)
    assert "Tiny" in (whole.message.content or "")
    pieces = list(client.chat("chat", ASKED, options=SETTLED, stream=True))
    assert whole.message.content == "".join(piece.message.content or "" for piece in pieces)
    assert [False] * (len(pieces) - 1) + [True] == [piece.done for piece in pieces]
    for answer in (whole, pieces[-1]):
        assert "length" == answer.done_reason
        assert 24 == answer.eval_count
        counts = (answer.prompt_eval_count, answer.total_duration, answer.load_duration, answer.eval_duration)
        assert all(count and count > 0 for count in counts)


def test_generate(client: ollama.Client) -> None:
    """A text, with a system prompt, as it is, and as a schema wants it."""
    assert "Tiny" in (client.generate("chat", "Hello, who are you?", options=SETTLED).response or "")
    pieces = list(client.generate("chat", "Once upon a time", raw=True, options=SETTLED, stream=True))
    assert "".join(piece.response or "" for piece in pieces)
    schema = {"type": "object", "properties": {"n": {"type": "integer", "enum": [1, 2]}}, "required": ["n"]}
    said = client.generate("chat", "A number.", system="Be brief.", format=schema, think=False)
    assert json.loads(said.response or "")["n"] in (1, 2)


def test_tools(client: ollama.Client) -> None:
    """Calls come with arguments as objects, whole and streamed, and their results can be sent back without an id."""
    asked: dict[str, Any] = {"model": "caller", "tools": [TOOL], "options": {"temperature": 0}}
    said = client.chat(messages=ASKED, **asked)
    calls = said.message.tool_calls or []
    assert {"weather"} == {call.function.name for call in calls}
    streamed = [
        call for piece in client.chat(messages=ASKED, stream=True, **asked) for call in piece.message.tool_calls or []
    ]
    assert [call.function.arguments for call in calls] == [call.function.arguments for call in streamed]
    results = [{"role": "tool", "content": "rain", "tool_name": call.function.name} for call in calls]
    assert client.chat("caller", [*ASKED, said.message, *results], options=SETTLED).message.content


def test_vectors(client: ollama.Client) -> None:
    """The newer route and the older one make the same."""
    both = client.embed("vectors", ["one", "two"])
    assert 2 == len(both.embeddings)
    assert client.embeddings("vectors", "one").embedding == pytest.approx(both.embeddings[0], abs=1e-5)


def test_what_there_is(client: ollama.Client, host: Host) -> None:
    """Models are listed, shown, seen while they are loaded, and there when they are pulled; each by either spelling."""
    names = [model.model for model in client.list().models]
    assert {"chat", "vectors", "caller", "gemma4"} <= set(names)
    shown = client.show("chat:latest")
    assert 2048 == (shown.modelinfo or {})["tiny.context_length"]
    assert ["embedding"] == client.show("llama3.2").capabilities
    loaded = {model.name: model for model in client.ps().models}
    assert {"chat", "vectors", "caller", "pinned"} == set(loaded)
    assert 2048 == loaded["chat"].context_length
    assert "success" == client.pull("gemma4").status
    assert ["pulling manifest", "success"] == [each.status for each in client.pull("gemma4:latest", stream=True)]
    assert "load" == client.generate("chat").done_reason
    assert host.get("/api/version").json["version"]


def test_a_model_is_loaded_and_unloaded(client: ollama.Client, host: Host) -> None:
    """By requests with nothing to answer, whole or streamed; one that its owner has pinned stays."""
    assert "load" == client.chat("pinned").done_reason
    for ask in (client.generate, client.chat):
        assert "load" == ask("gemma4", keep_alive="5m").done_reason
        assert "ready" == host.row("chat")["state"]
        done = ask("gemma4", keep_alive=0)
        assert ("unload", True, "chat") == (done.done_reason, done.done, done.model)
        until(lambda: host.row("chat")["state"] == "cold")
    assert ["unload"] == [each.done_reason for each in client.generate("pinned", keep_alive="0s", stream=True)]
    assert "ready" == host.row("pinned")["state"]
    with pytest.raises(ollama.ResponseError):
        client.generate("absent", keep_alive=0)
    assert "Tiny" in (client.chat("chat", ASKED, options=SETTLED, keep_alive=0).message.content or "")


def test_what_an_answer_is_made_of(client: ollama.Client) -> None:
    """A schema binds a chat, too, and results of several tools find their calls by their names."""
    schema = {"type": "object", "properties": {"n": {"type": "integer", "enum": [1, 2]}}, "required": ["n"]}
    said = client.chat("chat", ASKED, format=schema)
    assert json.loads(said.message.content or "")["n"] in (1, 2)
    calls = [{"function": {"name": name, "arguments": {"city": name}}} for name in ("weather", "clock")]
    results = [{"role": "tool", "content": "x", "tool_name": name} for name in ("clock", "weather")]
    told: list[Any] = [*ASKED, {"role": "assistant", "content": "", "tool_calls": calls}, *results]
    assert client.chat("caller", told, tools=[TOOL], options=SETTLED).done


@pytest.mark.parametrize(
    ("ask", "status", "words"),
    [
        (lambda client: client.chat("absent", ASKED), 404, "not found"),
        (lambda client: client.show("absent"), 404, "not found"),
        (lambda client: client.pull("absent"), 404, "not found"),
        (lambda client: list(client.chat("absent", ASKED, stream=True)), 404, "not found"),
        (lambda client: client.chat("chat", [{"role": "user", "content": "a", "images": [PICTURE]}]), 400, "vision"),
        (lambda client: client.create("mine", from_="chat"), 403, "declared"),
        (lambda client: client.copy("chat", "mine"), 403, "declared"),
        (lambda client: client.delete("chat"), 403, "declared"),
        (lambda client: client.push("chat"), 403, "declared"),
    ],
)
def test_refusals(client: ollama.Client, ask: Any, status: int, words: str) -> None:
    """Each is the client's own error, with a sentence."""
    with pytest.raises(ollama.ResponseError, match=words) as raised:
        ask(client)
    assert status == raised.value.status_code


def test_a_path_of_the_dialect_has_its_errors(host: Host) -> None:
    """Its clients print an object as they find it."""
    for reply in (host.post("/api/absent"), host.get("/api/chat"), host.post("/api/chat", b"{")):
        assert isinstance(reply.json["error"], str)
        assert 400 <= reply.status < 500
