"""How llama.cpp is found, launched and asked, with the server of the xllamacpp wheel as the real engine."""

import asyncio
import importlib.util
import shutil
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import hostd.demo
from hostd.backends.contract import Endpoint, Launch, ServerFacts
from hostd.backends.http.client import HttpClient
from hostd.backends.http.errors import ExchangeError
from hostd.backends.llamacpp.build import LAUNCHER, build_of
from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.domain.errors import EngineError
from hostd.domain.profile import Capabilities, Flag, Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.domain.thinking import ThinkingControl
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.load_option import LoadOption
from hostd.supervisor.health.health_probe import healthy
from tests.http_client import client

MODEL = Path(hostd.demo.__file__).parent / "models" / "tiny-chat.gguf"
WHEEL = (sys.executable, "-P", "-u", str(LAUNCHER))
DEADLINE = 20.0

real = pytest.mark.skipif(
    not MODEL.exists() or importlib.util.find_spec("xllamacpp") is None,
    reason="needs xllamacpp and hostd/demo/models/tiny-chat.gguf",
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file that passes for a text model."""
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF" + bytes(64))
    return path


def here(path: Path) -> Variant:
    """Return a variant that serves *path*."""
    return Variant("llamacpp", path=str(path))


@pytest.mark.parametrize("name", ["host", "api-key", "ctx-size", "model", "np"])
def test_what_hostd_decides_cannot_be_an_arg(model: Path, name: str) -> None:
    """A profile cannot open the engine to the network or contradict itself."""
    with pytest.raises(EngineError, match=f"args may not hold '{name}'") as caught:
        LlamaCpp((sys.executable,)).launch(Profile("m", (), args={name: "x"}), here(model), None, 4711, "k")
    assert ExitClass.BAD_FLAG == caught.value.exit_class


def test_the_key_is_in_the_environment_only(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``ps`` shows command lines to every user; a cloud key of the owner never reaches the environment at all."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-cloud")
    monkeypatch.setenv("LLAMA_ARG_HOST", "0.0.0.0")
    launch = LlamaCpp((sys.executable,)).launch(Profile("m", (), context=512), here(model), None, 4711, "sekret")
    assert "sekret" == launch.env["LLAMA_API_KEY"]
    assert "sekret" not in " ".join(launch.argv)
    assert {"LLAMA_ARG_HOST", "OPENAI_API_KEY"}.isdisjoint(launch.env)
    assert "sekret" not in repr(launch.endpoint)


def test_llama_cpp_server_has_one_slot_and_its_own_routes(model: Path) -> None:
    """llama_cpp.server decodes one request at a time and has no ``/health``; its key is named differently."""
    backend = LlamaCpp((sys.executable, "-m", "llama_cpp.server"))
    launch = backend.launch(Profile("m", (), slots=4), here(model), None, 4711, "sekret")
    assert (1, "/v1/models", True) == (launch.slots, launch.health, launch.endpoint.strict_model)
    assert "sekret" == launch.env["API_KEY"]
    assert f"--model={model}" in launch.argv


def test_a_variant_without_a_file_is_not_accepted() -> None:
    """The reason is a sentence for the owner."""
    backend = LlamaCpp()
    assert backend.accepts(Variant("llamacpp", path="/m.gguf")) is None
    assert "llamacpp:r names no path; download the model and name its .gguf file" == backend.accepts(
        Variant("llamacpp", hf="o/r")
    )
    assert "backend 'vllm' is not llamacpp" == backend.accepts(Variant("vllm", hf="o/r"))


@pytest.fixture
def bare_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> set[str]:
    """A host on which only the modules in the returned set, and the programs in *tmp_path*, are installed."""
    installed: set[str] = set()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in installed else None)
    return installed


def test_a_host_without_llamacpp_is_told_what_to_install(bare_host: set[str], model: Path, tmp_path: Path) -> None:
    """The search is made again at the next launch, so installing one is enough."""
    backend = LlamaCpp()
    with pytest.raises(EngineError, match=r"pip install 'hostd\[llamacpp\]'") as caught:
        backend.launch(Profile("m", ()), here(model), None, 4711, "k")
    assert ExitClass.MISSING_FILE == caught.value.exit_class
    (tmp_path / "llama-server").touch(mode=0o755)
    launch = backend.launch(Profile("m", ()), here(model), None, 4711, "k")
    assert str(tmp_path / "llama-server") == launch.argv[0]


SERVER = Endpoint("http://127.0.0.1:1", "m")


def test_tools_that_may_not_be_called_give_way_to_logprobs() -> None:
    """llama-server refuses a stream with both; with ``tool_choice: none`` nothing is lost."""
    body = {"model": "m", "stream": True, "logprobs": True, "tools": [{}], "tool_choice": "none"}
    assert {"model": "m", "stream": True, "logprobs": True} == LlamaCpp().adapt(SERVER, body)


@pytest.mark.parametrize("drop", ["stream", "logprobs", "tools", "tool_choice"])
def test_other_requests_pass_untouched(drop: str) -> None:
    """None stands for the client's own bytes, also when it asks for another model by name."""
    body = {"model": "asked", "stream": True, "logprobs": True, "tools": [{}], "tool_choice": "none"}
    del body[drop]
    assert LlamaCpp().adapt(SERVER, body) is None


def test_a_stream_is_preferred_where_it_carries_all() -> None:
    """llama-server sees at once that the client of a stream disconnected."""
    assert LlamaCpp().prefers_stream(SERVER, {"model": "m"})
    assert not LlamaCpp().prefers_stream(SERVER, {"model": "m", "logprobs": True})


def test_a_server_without_usage_is_asked_for_no_stream() -> None:
    """A stream of llama_cpp.server does not say what it cost."""
    assert not LlamaCpp().prefers_stream(replace(SERVER, strict_model=True), {"model": "m"})


def test_an_embeddings_request_names_the_model_that_answers() -> None:
    """Its answer repeats the name that the request had."""
    assert {"model": "m", "input": "x"} == LlamaCpp().adapt(SERVER, {"model": "asked", "input": "x"})
    assert LlamaCpp().adapt(SERVER, {"model": "m", "input": "x"}) is None


def test_a_server_that_echoes_names_is_always_given_its_own() -> None:
    """llama_cpp.server's answers name whatever was asked for."""
    strict = Endpoint("http://127.0.0.1:1", "m", strict_model=True)
    assert {"model": "m"} == LlamaCpp().adapt(strict, {"model": "asked"})


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def end(process: Process) -> int:
    """Terminate *process* and return its status."""
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(DEADLINE):
        return await process.wait()


@asynccontextmanager
async def serving(profile: Profile) -> AsyncIterator[tuple[Launch, HttpClient, Process]]:
    """Start the engine for *profile* on the demonstration model and wait for its health route."""
    # Threads of llama.cpp wait for each other by spinning, which a busy machine punishes; a tiny model needs one only.
    launch = LlamaCpp(WHEEL).launch(replace(profile, args={"threads": 1}), here(MODEL), None, free_port(), "sekret")
    process = await create_subprocess_exec(*launch.argv, env=dict(launch.env), stdout=DEVNULL, stderr=DEVNULL)
    try:
        async with client() as http:
            async with asyncio.timeout(DEADLINE):
                while not await healthy(http, launch.endpoint, launch.health):
                    assert process.returncode is None
                    await asyncio.sleep(0.01)
            yield launch, http, process
    finally:
        await end(process)


@real
async def test_a_real_engine_chats_embeds_and_requires_its_key() -> None:
    """One instance with embeddings also chats; it answers with its alias, and only to the key."""
    profile = Profile("tiny", (), context=512, slots=2, capabilities=Capabilities(embeddings=True))
    chat = {"model": "asked", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
    async with serving(profile) as (launch, http, _process):
        keyed = dict(launch.endpoint.headers)
        url = launch.endpoint.url
        assert 401 == (await http.ask(f"{url}/v1/chat/completions", {}, chat)).status
        answer = await http.ask(f"{url}/v1/chat/completions", keyed, chat)
        assert (200, "tiny") == (answer.status, answer.json()["model"])
        answer = await http.ask(f"{url}/v1/embeddings", keyed, {"model": "tiny", "input": "Hello"})
        assert 200 == answer.status
        assert isinstance(answer.json()["data"][0]["embedding"][0], float)
        assert [512, 512] == [slot["n_ctx"] for slot in await http.document(f"{url}/slots", keyed)]
        assert 200 == (await http.ask(f"{url}/metrics", keyed)).status


async def generates(backend: LlamaCpp, http: HttpClient, endpoint: Endpoint) -> bool:
    """Return whether a slot has generated tokens."""
    found = await backend.progress(http, endpoint)
    return found is not None and any(slot.decoded for slot in found.slots)


@real
async def test_the_tokens_of_a_running_answer_are_seen_and_sigterm_ends_it() -> None:
    """The busy slot's count is above zero before the answer is there, and a stream does not hold the engine back."""
    chat = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 100_000, "ignore_eos": True}
    async with serving(Profile("tiny", (), slots=1)) as (launch, http, process):
        keyed = dict(launch.endpoint.headers)

        async def keep_it_busy() -> None:
            while True:
                await http.ask(
                    f"{launch.endpoint.url}/v1/chat/completions", keyed, {**chat, "stream": True}, seconds=None
                )

        busy = asyncio.create_task(keep_it_busy())
        backend = LlamaCpp(WHEEL)
        async with asyncio.timeout(DEADLINE):
            while not await generates(backend, http, launch.endpoint):
                assert not busy.done()
        async with asyncio.timeout(2.0):
            assert -signal.SIGTERM == await end(process)
        with pytest.raises(ExchangeError):
            await busy


async def test_an_engine_that_ended_reports_nothing() -> None:
    """No connection, no count."""
    async with client() as http:
        assert await LlamaCpp().progress(http, Endpoint(f"http://127.0.0.1:{free_port()}", "m")) is None


async def died(launch: Launch, *, limit: int | None = None) -> ExitClass:
    """Run a launch that must fail, with *limit* KiB of address space, and return what its death means."""
    wrap = ("sh", "-c", f'ulimit -v {limit}; exec "$@"', "sh") if limit else ()
    process = await create_subprocess_exec(*wrap, *launch.argv, env=dict(launch.env), stdout=DEVNULL, stderr=PIPE)
    try:
        async with asyncio.timeout(DEADLINE):
            _, log = await process.communicate()
    finally:
        await end(process)
    assert 1 == process.returncode
    return LlamaCpp().classify(1, tuple(log.decode().splitlines()[-20:]))


def launched(path: Path, port: int, **args: Flag) -> Launch:
    """Return how the wheel's server is started on *path* with *args*."""
    flags = {name.replace("_", "-"): value for name, value in args.items()}
    return LlamaCpp(WHEEL).launch(Profile("tiny", (), context=512, args=flags), here(path), None, port, "k")


@pytest.mark.parametrize("module", [False, True])
def test_an_option_decides_on_devices_and_layers(model: Path, module: bool) -> None:
    """By words, and by the cards that are shown; the owner's args win."""
    backend = LlamaCpp((sys.executable, "-m", "llama_cpp.server") if module else (sys.executable,))
    placement = Placement((("cuda:1", 22.0 * 2**30), ("cuda:2", 22.0 * 2**30)))
    for option, visible, wanted in (
        (LoadOption(0, "m", placement, needs={"cuda:1": 1}), "1,2", "22528 22528" if module else "-ts 22528,22528"),
        (LoadOption(0, "m", needs={"ram": 1}), "-1", "--n_gpu_layers=0" if module else "-ngl 0"),
        (LoadOption(0, "m", placement, 7, {"cuda:1": 1}), "1,2", "--n_gpu_layers=7" if module else "-ngl 7"),
        (LoadOption(0, "m"), None, "--n_gpu_layers=-1" if module else "--metrics"),
    ):
        launch = backend.launch(Profile("m", ()), here(model), option, 4711, "k")
        assert wanted in " ".join(launch.argv)
        assert visible == launch.env.get("CUDA_VISIBLE_DEVICES")
        own = backend.launch(Profile("m", (), args={"gpu-layers": 3}), here(model), option, 4711, "k")
        assert ("--n_gpu_layers=3" if module else "--gpu-layers 3") in " ".join(own.argv)
        assert "-ngl" not in own.argv


@pytest.mark.parametrize("option", [None, LoadOption(0, "m", needs={"ram": 1})])
def test_a_load_that_must_fail_is_refused_before(tmp_path: Path, model: Path, option: LoadOption | None) -> None:
    """A missing file, what is no model, what hostd decides, and a flag that the build does not know."""
    backend = LlamaCpp(WHEEL)
    backend.check(Profile("m", ()), here(model), option)
    (tmp_path / "n.gguf").write_bytes(b"<html>")
    for profile, path, exit_class in (
        (Profile("m", ()), tmp_path / "gone.gguf", ExitClass.MISSING_FILE),
        (Profile("m", ()), tmp_path / "n.gguf", ExitClass.MISSING_FILE),
        (Profile("m", (), args={"port": 1}), model, ExitClass.BAD_FLAG),
        (Profile("m", (), args={"bogus": 1}), model, ExitClass.BAD_FLAG),
    ):
        with pytest.raises(EngineError) as raised:
            backend.check(profile, here(path), option)
        assert exit_class == raised.value.exit_class


def test_what_a_build_does_not_know_is_not_passed(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the check has found it out."""
    program = tmp_path / "llama-server"
    program.write_text('#!/bin/sh\ncase "$*" in *--device*) echo "error: invalid argument: --device"; exit 1;; esac\n')
    program.chmod(0o755)
    backend, option, profile = LlamaCpp((str(program),)), LoadOption(0, "m", needs={"ram": 1}), Profile("m", ())
    assert "--device" in backend.launch(profile, here(model), option, 4711, "k").argv
    backend.check(profile, here(model), option)
    assert "--device" not in backend.launch(profile, here(model), option, 4711, "k").argv


async def test_llama_cpp_server_reports_one_slot(model: Path) -> None:
    """llama_cpp.server does not say that it answers one request at a time, so it is said for it."""
    backend = LlamaCpp((sys.executable, "-m", "llama_cpp.server"))
    launch = backend.launch(Profile("m", (), slots=4), here(model), None, free_port(), "k")
    async with client() as http:
        assert ServerFacts(slots=1) == await backend.describe(http, launch.endpoint)


@real
async def test_a_real_engine_describes_itself() -> None:
    """Its context is a slot's."""
    async with (
        serving(Profile("tiny", (), context=512, slots=2)) as (launch, _, _process),
        client() as http,
    ):
        backend = LlamaCpp(WHEEL)
        backend.check(Profile("tiny", ()), here(MODEL), None)
        facts = await backend.describe(http, launch.endpoint)
    never = ThinkingControl(by_default=False)
    reported = ServerFacts(f"b{build_of(WHEEL)}", 512, 2, tools=False, vision=False, models=("tiny",))
    assert replace(reported, thinking=never, late_system=True, messages=True) == facts


@real
async def test_a_real_engine_says_that_a_flag_is_wrong() -> None:
    """An unknown flag and a bad value are the owner's to mend."""
    assert ExitClass.BAD_FLAG == await died(launched(MODEL, free_port(), bogus=3))
    assert ExitClass.BAD_FLAG == await died(launched(MODEL, free_port(), cache_type_k="q9_9"))


@real
async def test_a_real_engine_says_that_a_file_is_corrupt(tmp_path: Path) -> None:
    """A download that stopped half way has the magic but not the tensors."""
    path = tmp_path / "half.gguf"
    with MODEL.open("rb") as whole:
        path.write_bytes(whole.read(MODEL.stat().st_size // 2))
    assert ExitClass.MISSING_FILE == await died(launched(path, free_port()))


@real
async def test_a_real_engine_says_that_its_port_is_taken() -> None:
    """Two engines on one port: the second ends at once."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert ExitClass.PORT_TAKEN == await died(launched(MODEL, taken.getsockname()[1]))


@real
@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("sh") is None, reason="limits memory with the shell's ulimit"
)
async def test_a_real_engine_says_that_memory_ran_out() -> None:
    """A KV cache that cannot be allocated is out_of_memory, not a bad model."""
    launch = LlamaCpp(WHEEL).launch(
        Profile("tiny", (), context=8_000_000, args={"fit": False}), here(MODEL), None, free_port(), "k"
    )
    assert ExitClass.OUT_OF_MEMORY == await died(launch, limit=4_000_000)
