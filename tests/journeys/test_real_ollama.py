"""A real Ollama behind the daemon, if installed: pulls, loads, memory, long prompts, embeddings, and one that runs already."""

import json
import struct
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hostd.backends.ollama.engine import Ollama
from hostd.domain.host import Host as Machine
from hostd.domain.host import Pool, PoolKind
from hostd.domain.profile import Capabilities, Profile, Variant
from hostd.models.locations import this_machine
from hostd.models.open import open_header
from hostd.models.reference import OllamaReference
from hostd.sizing.serving_modes import ServingModeFactory, ServingOverrides
from hostd.supervisor.launch import free_port
from tests.backends.running import running as running_engine
from tests.conformance.models import CONTEXT as LONG
from tests.conformance.models import long_chat
from tests.engines.ollama_program import installed, put_real_model
from tests.journeys.attached_server import Neighbour, running
from tests.journeys.host import MODELS, Host, environment_for, profile, started, until, write_files
from tests.models import hub

PROGRAM = installed()
COLD = {"preload": False}
CONTEXT = 1024
GO_TEMPLATE = b"{{ range .Messages }}<|{{ .Role }}|>{{ .Content }}<|end|>{{ end }}<|assistant|>"
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="ollama is not installed: run scripts/engines ollama, where Go is installed"
)


def served(name: str, tag: str, **more: Any) -> dict[str, Any]:
    """Return a profile of *tag*; only what the test says is loaded."""
    variants = [{"backend": "ollama", "tag": tag}]
    return profile(name, variants=variants, args={}, context=CONTEXT, warm=COLD) | more


def embedding(folder: Path) -> Path:
    """Return the demonstration's chat model in *folder*, its header changed to that of a model that only embeds."""
    data = bytearray((MODELS / "tiny-chat.gguf").read_bytes())
    (keys,) = struct.unpack_from("<Q", data, 16)
    struct.pack_into("<Q", data, 16, keys + 2)
    # What follows the header must stay aligned, so that a second key fills what the first leaves of 64 bytes.
    pooling = _key("llama.pooling_type", 4, struct.pack("<I", 1))
    data[24:24] = pooling + _key("x.filling", 8, struct.pack("<Q", 1) + b"x")
    path = folder / "tiny-embed.gguf"
    path.write_bytes(data)
    return path


def _key(name: str, kind: int, value: bytes) -> bytes:
    return struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", kind) + value


@contextmanager
def daemon(folder: Path, *profiles: dict[str, Any]) -> Iterator[Host]:
    """Run a daemon with *profiles*, whose store of Ollama's is below *folder*."""
    config = write_files(folder, *profiles, backends={"ollama": {"command": [PROGRAM]}})
    with started(folder, "--config", str(config), environment={"OLLAMA_MODELS": str(folder / "store")}) as host:
        until(lambda: host.get("/readyz").status == 200)
        yield host


def loads(host: Host, model: str) -> None:
    """See that *model* is loaded when asked to."""
    loaded = host.cli("load", model)
    assert 0 == loaded.returncode, loaded.stderr


GIB = 1 << 30
PROCESSOR = Machine("Linux", "a processor", 64 * GIB, (Pool("ram", PoolKind.RAM, "", 64 * GIB, 60 * GIB, 60 * GIB),))
HERE = (Variant("ollama", tag="tiny:1b"),)
EMBEDS = (Variant("ollama", tag="embed:1b"),)


@pytest.mark.parametrize(
    "served",
    [
        Profile("one", HERE, context=2048),
        Profile("several", HERE, context=4096, slots=3, kv_type="q8_0"),
        Profile("without", HERE, context=LONG, slots=4, args={"flash-attn": "off"}),
        Profile("beyond", HERE, context=4 * LONG),
        Profile("as it picks", HERE, slots=2),
        Profile("embeds", EMBEDS, context=2048, slots=4, capabilities=Capabilities(embeddings=True)),
    ],
    ids=lambda served: served.name,
)
async def test_it_gives_its_runner_the_flags_that_the_plan_reckons_with(
    tmp_path: Path, served: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a processor, where most of them follow from the profile alone."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    store = tmp_path / "store"
    monkeypatch.setenv("OLLAMA_MODELS", str(store))
    put_real_model(store, "tiny:1b", long_chat(tmp_path))
    put_real_model(store, "embed:1b", embedding(tmp_path))
    header = open_header(OllamaReference(*str(served.variants[0].tag).split(":")), this_machine())
    flash = str(served.args.get("flash-attn", "auto"))
    factory = ServingModeFactory(PROCESSOR, open_header, ServingOverrides(flash=flash))
    embeds = served.capabilities.embeddings
    planned = factory.ollama(header, served.context, served.slots, served.kv_type, embeds=embeds)
    assert PROGRAM is not None
    backend = Ollama((PROGRAM,))
    launch = backend.launch(served, served.variants[0], None, free_port(), "")
    async with running_engine(launch) as engine:
        await backend.open(engine.http, launch.endpoint)
    starting = next(line for line in engine.lines if "starting llama-server" in line)
    assert f"-c {planned.context} -np {planned.slots} " in starting
    assert f"-b {planned.batch} -ub {planned.ubatch} " in starting
    assert f"--flash-attn {planned.flash} " in starting
    assert (f"--cache-type-k {served.kv_type}" in starting) is (served.kv_type != "f16")


def test_what_hostd_pulls_it_serves(tmp_path: Path) -> None:
    """From the registry into the store, into memory, out of memory: and what it holds is what was planned."""
    with hub.serve() as remote:
        remote.add_model("tiny-chat", "1b", model=(MODELS / "tiny-chat.gguf").read_bytes(), params=b"{}")
        config = write_files(tmp_path, served("chat", "tiny-chat:1b"), backends={"ollama": {"command": [PROGRAM]}})
        places = {"HOSTD_OLLAMA_REGISTRY": remote.url, "OLLAMA_MODELS": str(tmp_path / "store")}
        with started(tmp_path, "--config", str(config), environment=places) as host:
            until(lambda: host.get("/readyz").status == 200)
            assert 503 == host.chat("chat").status
            pulled = host.cli("pull", "ollama:tiny-chat:1b")
            assert 0 == pulled.returncode, pulled.stderr
            loads(host, "chat")
            reply = host.chat("chat", stream=True)
            assert (200, True) == (reply.status, reply.body.rstrip().endswith(b"data: [DONE]"))
            assert "ollama 0." in host.cli("show", "chat").stdout
            plan = json.loads(host.cli("plan", "chat", "--json").stdout)["models"][0]["pool_bytes"]["ram"]
            until(lambda: plan["low"] < host.row("chat")["pool_bytes"]["ram"] < plan["high"])
            (engine,) = host.engines()
            family = [engine, *engine.children(recursive=True)]
            assert 2 <= len(family)
            assert 0 == host.cli("unload", "chat").returncode
            assert not any(each.is_running() for each in family)


@pytest.mark.parametrize("template", [None, GO_TEMPLATE], ids=["of its file", "of Ollama's"])
def test_no_prompt_is_cut(tmp_path: Path, template: bytes | None) -> None:
    """However it is too long: Ollama would leave out its middle, or the oldest messages, and answer as if it had read them."""
    layers = {} if template is None else {"template": template}
    put_real_model(tmp_path / "store", "tiny:1b", long_chat(tmp_path), **layers)
    with daemon(tmp_path, served("chat", "tiny:1b")) as host:
        loads(host, "chat")
        old, new = ({"role": "user", "content": letters * 300} for letters in ("a1", "b2"))
        hello = {"role": "user", "content": "Hello"}
        answer = {"role": "assistant", "content": "c3" * 300}
        words = {"role": "user", "content": "one two three " * CONTEXT}
        for messages in ([{"role": "user", "content": "x1" * CONTEXT}], [old, answer, new], [words]):
            for stream in (False, True):
                reply = host.post("/v1/chat/completions", {"model": "chat", "messages": messages, "stream": stream})
                assert (400, "context_length_exceeded") == (reply.status, reply.json["error"]["code"])
        # Nearly as long, it is read whole, and its answer ends where the context does.
        reply = host.post("/v1/chat/completions", {"model": "chat", "messages": [old, hello]})
        assert (200, True) == (reply.status, 600 < reply.json["usage"]["prompt_tokens"] < CONTEXT)
        assert reply.json["usage"]["total_tokens"] <= CONTEXT


def test_what_a_model_cannot_do_is_told_in_plain_words(tmp_path: Path) -> None:
    """As a mistake of the client's, whatever status Ollama gives it."""
    put_real_model(tmp_path / "store", "tiny:1b", long_chat(tmp_path))
    with daemon(tmp_path, served("chat", "tiny:1b")) as host:
        loads(host, "chat")
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
        asked: list[tuple[str, dict[str, Any]]] = [
            ("/v1/chat/completions", {"messages": [{"role": "user", "content": [picture]}]}),
            ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hello"}], "tools": [tool]}),
        ]
        for path, body in asked:
            reply = host.post(path, {"model": "chat", **body})
            said = reply.json["error"]["message"]
            assert (400, False) == (reply.status, '{"error' in said), said
        assert 200 == host.chat("chat").status


def test_a_model_that_only_embeds(tmp_path: Path) -> None:
    """It is loaded, stays, embeds one text or several, and refuses a text that is too long."""
    put_real_model(tmp_path / "store", "embed:1b", embedding(tmp_path))
    with daemon(tmp_path, served("embed", "embed:1b", capabilities={"embeddings": True})) as host:
        loads(host, "embed")
        reply = host.post("/v1/embeddings", {"model": "embed", "input": ["hello", "goodbye"]})
        assert 200 == reply.status, reply.body
        assert [192, 192] == [len(each["embedding"]) for each in reply.json["data"]]
        reply = host.post("/v1/embeddings", {"model": "embed", "input": "x1" * CONTEXT})
        assert (400, "context_length_exceeded") == (reply.status, reply.json["error"]["code"])
        assert 1 == host.row("embed")["slots"]
        assert 0 == host.cli("unload", "embed").returncode


def test_weights_that_are_broken_are_no_reason_to_make_room(tmp_path: Path) -> None:
    """Half a file: the load fails once, and says why."""
    half = tmp_path / "half.gguf"
    half.write_bytes((MODELS / "tiny-chat.gguf").read_bytes()[:1_500_000])
    put_real_model(tmp_path / "store", "half:1b", half)
    with daemon(tmp_path, served("half", "half:1b")) as host:
        loaded = host.cli("load", "half")
        assert (1, True) == (loaded.returncode, "exceeds file size" in loaded.stderr), loaded.stderr
        (failed,) = host.decisions("engine_failed", model="half")
        assert ("missing_file", None) == (failed["exit_class"], failed["again_in_s"])


def test_one_that_runs_already(tmp_path: Path) -> None:
    """It loads and unloads what hostd was asked for, keeps what others loaded, and is never stopped."""
    port = free_port()
    # Tags with the same weights would share one llama-server there.
    for tag, weights in (("tiny:1b", "tiny-chat.gguf"), ("theirs:1b", "tiny-story.gguf")):
        put_real_model(tmp_path / "store", tag, MODELS / weights)
    places = {
        "OLLAMA_HOST": f"127.0.0.1:{port}",
        "OLLAMA_MODELS": str(tmp_path / "store"),
        "OLLAMA_CONTEXT_LENGTH": "2048",
    }
    assert PROGRAM is not None
    url = f"http://127.0.0.1:{port}"
    server = Neighbour(
        [PROGRAM, "serve"], url, "/api/version", environment_for(tmp_path) | places, tmp_path / "theirs.log"
    )
    profiles = [
        served(name, "", variants=[{"backend": "ollama", "tag": tag, "url": url}])
        for name, tag in (("chat", "tiny:1b"), ("theirs", "theirs:1b"), ("absent", "absent:1b"))
    ]
    with running(server):
        assert server.process is not None
        pid = server.process.pid
        with daemon(tmp_path, *profiles) as host:
            loads(host, "chat")
            assert 200 == host.chat("chat").status
            assert ["tiny:1b"] == held(server)
            assert 1 == host.cli("load", "absent").returncode
            assert 0 == host.cli("unload", "chat").returncode
            until(lambda: [] == held(server))
            # What another client had it load stays there, if only as long as Ollama keeps what nobody asks for.
            ask(server, "/api/generate", model="theirs:1b", keep_alive="10m")
            loads(host, "theirs")
            loads(host, "chat")
            assert ["theirs:1b", "tiny:1b"] == sorted(held(server))
            assert 0 == host.cli("unload", "theirs").returncode
        until(lambda: ["theirs:1b"] == held(server))
        ask(server, "/api/generate", model="theirs:1b", keep_alive=0.2)
        until(lambda: [] == held(server))
        assert server.runs(pid)


def ask(server: Neighbour, path: str, **body: object) -> None:
    """Ask Ollama for something, as another client does."""
    request = urllib.request.Request(server.url + path, json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert 200 == answer.status


def held(server: Neighbour) -> list[str]:
    """Return what Ollama has in memory."""
    return [each["name"] for each in server.get("/api/ps")["models"]]
