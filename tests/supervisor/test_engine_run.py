"""The steps of a run beyond start and stop: attached servers, models loaded on request, sleep, exclusive starts, and orphans."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from hostd.backends.contract import Attachment, Endpoint, Launch, ServerFacts
from hostd.backends.http.client import HttpClient
from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.domain.errors import EngineError
from hostd.domain.profile import Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.events import EngineFailed, EngineProved, EngineReady, EngineSlept, EngineStopped, Event
from hostd.sizing.variants import BoundVariant
from hostd.supervisor.health import readiness
from hostd.supervisor.health.watchdog import ProbeTimings
from hostd.supervisor.instance import Instance
from hostd.supervisor.launch import free_port
from hostd.supervisor.process.orphan_reaper import OrphanReaper
from hostd.supervisor.run_services import RunServices
from tests.stage import ENGINE, make_profile, until


class Plain(LlamaCpp):
    """The scripted engine, launched with *changes*."""

    def __init__(self, **changes: Any) -> None:
        super().__init__(ENGINE)
        self.changes = changes
        self.calls: list[str] = []

    def launch(self, profile: Profile, variant: Variant, option: LoadOption | None, port: int, key: str) -> Launch:
        """Launch it otherwise than llama.cpp is."""
        return replace(super().launch(profile, variant, option, port, key), **self.changes)

    def attach(self, profile: Profile, variant: Variant) -> Attachment:
        """Attach to a scripted engine that runs already, with four slots."""
        return Attachment(Endpoint(str(variant.url), profile.name), "/health", 4)


class Opening(Plain):
    """A server that runs before its model is loaded on request; *refusing* makes that fail."""

    refusing = False

    async def open(self, http: HttpClient, endpoint: Endpoint) -> None:
        """Load it, while the server is healthy and before a token was asked for."""
        seen = await http.document(endpoint.url + "/_seen", {})
        self.calls.append(f"open after {seen['begun']}")
        if self.refusing:
            raise EngineError("there is no such model", exit_class=ExitClass.MISSING_FILE)

    async def close(self, http: HttpClient, endpoint: Endpoint) -> None:
        """Unload it."""
        del http, endpoint
        self.calls.append("close")
        raise EngineError("that does not matter any more")


class Sleeping(Plain):
    """An engine that can sleep."""

    waking = True

    async def sleep(self, http: HttpClient, endpoint: Endpoint, level: int) -> None:
        """Sleep, and answer nothing."""
        self.calls.append(f"sleep {level}")
        await http.ask(endpoint.url + "/_script", {}, {"hang": True})

    async def wake(self, http: HttpClient, endpoint: Endpoint) -> None:
        """Wake."""
        self.calls.append("wake")
        if not self.waking:
            raise EngineError("it does not wake")
        await http.ask(endpoint.url + "/_script", {}, {"hang": None})


class Telling(Plain):
    """A server that says what it can do; *failing* says that it cannot even do that."""

    failing = False

    async def describe(self, http: HttpClient, endpoint: Endpoint) -> ServerFacts:
        """Tell of one slot."""
        del http, endpoint
        if self.failing:
            raise ValueError("no document")
        return ServerFacts(version="b0", slots=1, context=4096)


@dataclass
class Run:
    """An instance, what it reports, and what it is said to hold."""

    instance: Instance
    events: asyncio.Queue[Event]
    held: dict[str, int] = field(default_factory=lambda: {"cuda:0": 100})

    async def next(self) -> Event:
        """Return what is reported next."""
        async with asyncio.timeout(10):
            return await self.events.get()

    async def ready(self, option: LoadOption | None = None) -> EngineReady:
        """Start it and return its report that it is ready."""
        self.instance.start(option)
        event = await self.next()
        assert isinstance(event, EngineReady), event
        return event

    async def broke(self) -> EngineFailed:
        """Return how it broke, which is the next report."""
        event = await self.next()
        assert isinstance(event, EngineFailed), event
        await self.instance.ended()
        return event

    async def gone(self) -> None:
        """See that the next report is that it has gone."""
        assert EngineStopped("alpha") == await self.next()
        await self.instance.ended()


Begin = Callable[..., Run]


@pytest.fixture
async def reaper(tmp_path: Path) -> AsyncIterator[OrphanReaper]:
    """Ends the engines if the tests are killed."""
    reaper = OrphanReaper(tmp_path / "engines")
    await reaper.start()
    yield reaper
    await reaper.close()


@pytest.fixture
async def begin(reaper: OrphanReaper, weights: Path) -> AsyncIterator[Begin]:
    """Make an instance of a backend with a script; every engine is ended."""
    runs: list[Run] = []
    alone = asyncio.Lock()

    def make(backend: Plain, timings: ProbeTimings | None = None, port: int | None = None, **script: object) -> Run:
        events: asyncio.Queue[Event] = asyncio.Queue()
        held = {"cuda:0": 100}

        async def look(_: str) -> Mapping[str, int]:
            return held

        async def left(_: str) -> frozenset[str]:
            return frozenset(pool for pool, count in held.items() if not count)

        services = RunServices(events.put_nowait, reaper, timings or ProbeTimings(), lambda *_: None, look, alone, left)
        other = Variant("llamacpp", path=str(weights.with_name("absent.gguf")))
        profile = make_profile("alpha", weights, script)
        variants = (other, *profile.variants)
        if port is not None:
            variants = (replace(profile.variants[0], url=f"http://127.0.0.1:{port}"),)
        profile = replace(profile, variants=variants)
        options = [BoundVariant(variant, backend) for variant in profile.variants]
        runs.append(Run(Instance(profile, options, services), events, held))
        return runs[-1]

    yield make
    for run in runs:
        run.instance.stop()
        await run.instance.ended()


async def test_a_choice_is_launched(begin: Begin) -> None:
    """What was decided is served and told; what cannot be launched is not replaced by something else."""
    run, option = begin(Plain()), LoadOption(1, "as planned")
    await run.ready(option)
    assert (option, "llamacpp:scripted.gguf") == (run.instance.option, run.instance.variant.label)
    run.instance.stop()
    await run.gone()
    assert None is run.instance.option
    run.instance.start(LoadOption(0, "absent"))
    assert ExitClass.MISSING_FILE is (await run.broke()).exit_class


async def test_a_server_says_what_it_can_do(begin: Begin) -> None:
    """Its facts are kept, and it is sent no more at once than it reports; a server that reports nothing is used all the same."""
    run = begin(Telling())
    assert (1, "b0") == ((await run.ready()).slots, run.instance.facts.version)
    backend = Telling()
    backend.failing = True
    run = begin(backend)
    assert (2, ServerFacts()) == ((await run.ready()).slots, run.instance.facts)


async def test_a_model_is_opened_before_it_is_asked(begin: Begin) -> None:
    """A server that hostd started loads its model between its health and its first token; its end needs no unloading."""
    backend = Opening()
    run = begin(backend)
    await run.ready()
    run.instance.stop()
    await run.gone()
    assert ["open after 0"] == backend.calls


async def test_a_model_that_cannot_be_opened_is_explained(begin: Begin) -> None:
    """The server's own reason is told, with its class."""
    backend = Opening()
    backend.refusing = True
    run = begin(backend)
    run.instance.start()
    broke = await run.broke()
    assert (ExitClass.MISSING_FILE, True) == (broke.exit_class, broke.detail.startswith("there is no such model"))


@asynccontextmanager
async def stranger(port: int) -> AsyncIterator[psutil.Process]:
    """Run a server that hostd did not start on *port*."""
    argv = (*ENGINE, "-m", "x", "--port", str(port), "--alias", "alpha", "-np", "4")
    process = await asyncio.create_subprocess_exec(*argv, stderr=asyncio.subprocess.DEVNULL)
    try:
        yield psutil.Process(process.pid)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_server_that_runs_is_attached_to(begin: Begin) -> None:
    """It is proven ready, its process is known, its model is loaded and unloaded; it runs on afterwards."""
    port = free_port()
    async with stranger(port) as process:
        backend = Opening()
        run = begin(backend, port=port)
        event = await run.ready()
        assert (4, process.pid) == (event.slots, run.instance.pid)
        assert (await run.instance.usage()).rss_bytes > 1_000_000
        run.instance.stop()
        await run.gone()
        assert (True, ["open after 0", "close"]) == (process.is_running(), backend.calls)


async def test_a_server_that_is_not_there_is_explained(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for as for an engine that loads: nothing is loading it."""
    monkeypatch.setattr(readiness, "ABSENT", 0.05)
    run = begin(Plain(), port=free_port())
    run.instance.start()
    broke = await run.broke()
    assert "no server that is well answers at http://127.0.0.1:" in broke.detail
    # Another variant, or another model, is tried at once.
    assert ExitClass.MISSING_FILE is broke.exit_class


@pytest.mark.slow
async def test_an_attached_server_that_ends_has_failed(begin: Begin) -> None:
    """It is noticed, and used again once it runs; a request whose connection breaks does not count it as ended."""
    port = free_port()
    run = begin(Plain(), port=port, timings=ProbeTimings(interval=0.05, patience=1.0))
    for _ in range(2):
        async with stranger(port) as process:
            await run.ready()
            with run.instance.lease() as lease:
                process.kill()
                assert not await lease.died_within(5.0)
            assert "the server has gone away" in (await run.broke()).detail


@pytest.mark.slow
async def test_a_server_that_was_started_anew_is_another_process(begin: Begin) -> None:
    """Back within the patience that one has with it, it serves on, and its memory is looked for where it is now."""
    port = free_port()
    run = begin(Plain(), port=port, timings=ProbeTimings(interval=0.05, patience=20.0))
    async with stranger(port) as process:
        await run.ready()
        assert process.pid == run.instance.pid
    async with stranger(port) as process:
        await until(lambda: run.instance.pid == process.pid)
        assert run.events.empty()


async def test_sleeps_and_wakes(begin: Begin) -> None:
    """Each is reported when it is true; while it sleeps, its silence is no failure."""
    backend = Sleeping(sleep_levels=(1, 2))
    run = begin(backend, ProbeTimings(interval=0.02, patience=0.1))
    assert (1, 2) == (await run.ready()).sleep_levels
    pid = run.instance.pid
    run.instance.sleep(2)
    await until(lambda: backend.calls)
    run.held["cuda:0"] = 10
    assert EngineSlept("alpha") == await run.next()
    await asyncio.sleep(0.5)  # as long as it takes to find an engine wedged twice over
    assert run.events.empty()
    run.instance.wake()
    event = await run.next()
    assert isinstance(event, EngineReady)
    assert (2, pid, ["sleep 2", "wake"]) == (event.slots, run.instance.pid, backend.calls)
    run.instance.stop()
    await run.gone()


@pytest.mark.slow
async def test_proves_itself_when_asked(begin: Begin) -> None:
    """By a token, which is reported; it serves on."""
    run = begin(Plain())
    await run.ready()
    for _ in range(2):
        run.instance.prove()
        assert EngineProved("alpha") == await run.next()
    run.instance.stop()
    await run.gone()


async def test_an_engine_that_cannot_prove_itself_has_failed(begin: Begin) -> None:
    """Its card may be lost: it is ended, and says why."""
    run = begin(Plain(), ProbeTimings(interval=60.0, patience=0.2))
    await run.ready()
    server = run.instance.server
    assert server is not None
    await server.http.ask(server.launch.endpoint.url + "/_script", {}, {"hang": True})
    run.instance.prove()
    event = await run.broke()
    assert event.detail.startswith("after the machine had slept, the engine made no token within")


@pytest.mark.parametrize(("share", "held", "why"), [(0.0, 100, "reports that none"), (None, 0, "driver counts no")])
async def test_an_engine_that_answers_from_the_processor_after_a_sleep_is_ended(
    begin: Begin, share: float | None, held: int, why: str
) -> None:
    """Its token came, but its card is not used for it any more: by its own word, or by the driver's."""

    class OnCard(Plain):
        share: float | None = 1.0

        async def card_share(self, http: HttpClient, endpoint: Endpoint) -> float | None:
            del http, endpoint
            return self.share

    backend = OnCard()
    run = begin(backend)
    await run.ready(LoadOption(1, "v1", Placement(devices=(("cuda:0", 1.0),)), needs={"cuda:0": 1}))
    run.instance.prove()
    assert EngineProved("alpha") == await run.next()
    backend.share, run.held["cuda:0"] = share, held
    run.instance.prove()
    event = await run.broke()
    assert ExitClass.DRIVER is event.exit_class
    assert why in event.detail


async def test_an_engine_without_its_card_is_refused(begin: Begin) -> None:
    """It would answer from the processor, many times slower; the next step is named."""
    said = "ggml_cuda_init: failed to initialize CUDA: unknown error"
    argv = ("sh", "-c", f'echo "{said}" >&2; exec "$@"', "sh")

    class Blind(Plain):
        def launch(self, profile: Profile, variant: Variant, option: LoadOption | None, port: int, key: str) -> Launch:
            launch = super().launch(profile, variant, option, port, key)
            return replace(launch, argv=(*argv, *launch.argv))

    run = begin(Blind())
    run.instance.start(LoadOption(1, "v1", Placement(devices=(("cuda:0", 1.0),)), needs={"cuda:0": 1}))
    event = await run.broke()
    assert ExitClass.DRIVER is event.exit_class
    assert said in event.detail
    assert "nvidia_uvm" in event.detail


async def test_an_engine_that_feigns_sleep_is_stopped(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its memory is wanted, so it is stopped; and sleep is not tried again."""
    monkeypatch.setattr("hostd.supervisor.engine_sleep.LETS_GO", 0.1)
    backend = Sleeping(sleep_levels=(1,))
    run = begin(backend)
    await run.ready()
    run.instance.sleep(1)
    await run.gone()
    assert () == (await run.ready()).sleep_levels
    run.instance.sleep(1)
    await run.gone()
    assert ["sleep 1"] == backend.calls


async def test_an_engine_that_does_not_wake_has_failed(begin: Begin) -> None:
    """The reason is reported."""
    backend = Sleeping(sleep_levels=(1,))
    backend.waking = False
    run = begin(backend)
    await run.ready()
    run.instance.sleep(1)
    await until(lambda: backend.calls)
    run.held["cuda:0"] = 0
    assert EngineSlept("alpha") == await run.next()
    run.instance.wake()
    assert (await run.broke()).detail.startswith("it does not wake")


@pytest.mark.slow
async def test_a_sleeper_can_die_and_be_stopped(begin: Begin) -> None:
    """Its process is watched, and obeys."""
    run = begin(Sleeping(sleep_levels=(1,)))
    run.held["cuda:0"] = 0
    for ending in (os.kill, None):
        await run.ready()
        run.instance.sleep(1)
        run.held["cuda:0"] = 0
        assert EngineSlept("alpha") == await run.next()
        if ending is None:
            run.instance.stop()
            await run.gone()
        else:
            assert run.instance.pid is not None
            ending(run.instance.pid, 9)
            assert "was killed by SIGKILL" in (await run.broke()).detail


@pytest.mark.slow
async def test_some_start_one_after_another(begin: Begin) -> None:
    """An engine that measures its devices while it starts has them to itself until it is ready, or has ended."""
    exclusive = [begin(Plain(exclusive_start=True), load_seconds=1.0) for _ in range(3)]
    other = begin(Plain())
    for run in (*exclusive, other):
        run.instance.start()
    await until(lambda: any(run.instance.pid for run in exclusive))
    # Which of them is the first depends on threads that look at files.
    [first] = [run for run in exclusive if run.instance.pid]
    second, third = (run for run in exclusive if run is not first)
    assert isinstance(await other.next(), EngineReady)
    second.instance.stop()
    await second.gone()
    assert isinstance(await first.next(), EngineReady)
    assert isinstance(await third.next(), EngineReady)


@pytest.mark.parametrize("kind", ["group", "session"])
@pytest.mark.parametrize("how", ["killed", "exits", "load"])
async def test_nothing_is_left_of_a_leader_that_died(begin: Begin, kind: str, how: str) -> None:
    """When its failure is reported, its children have ended, too, even those that left its group."""
    faults: dict[str, dict[str, object]] = {
        "exits": {"exit_after": 2.0},
        "load": {"load_fails": "unknown", "load_seconds": 0.1},
    }
    run = begin(Plain(), leak_children=kind, **faults.get(how, {}))
    run.instance.start()
    if how != "load":
        assert isinstance(await run.next(), EngineReady)
        assert len(family(kind)) >= 2
    if how == "killed":
        assert run.instance.pid is not None
        os.kill(run.instance.pid, 9)
    await run.broke()
    assert set() == family(kind)


def family(kind: str) -> set[int]:
    """Return the processes of an engine that leaks children of a *kind*."""
    mark = json.dumps({"leak_children": kind}).strip("{}")
    return {one.pid for one in psutil.process_iter() if any(mark in word for word in cmdline(one))}


def cmdline(process: psutil.Process) -> list[str]:
    """Return how *process* was started; nothing for one that ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []
