"""One engine's runs, with a real process: what is reported, and that nothing of it is left."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hostd.backends.http.errors import ExchangeError
from hostd.backends.registry import backends
from hostd.domain.errors import EngineError
from hostd.domain.profile import Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.events import EngineFailed, EngineReady, EngineStopped, Event
from hostd.sizing.variants import BoundVariant
from hostd.supervisor.engine_run import PORT_TRIES
from hostd.supervisor.health.watchdog import ProbeTimings
from hostd.supervisor.instance import Instance
from hostd.supervisor.process.orphan_reaper import OrphanReaper
from hostd.supervisor.run_services import RunServices
from tests.stage import ENGINE, make_profile, until
from tests.supervisor.exhausted import no_descriptors

CHAT = {"messages": [{"role": "user", "content": "hello"}]}


class Run:
    """An instance, and what it reports."""

    def __init__(self, profile: Profile, reaper: OrphanReaper, timings: ProbeTimings, command: tuple[str, ...]) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.notes: list[tuple[str, int]] = []
        self.said: list[Sequence[str]] = []
        engines = backends({"llamacpp": command})
        options = [BoundVariant.of(variant, engines) for variant in profile.variants]
        self.instance = Instance(profile, options, RunServices(self.events.put_nowait, reaper, timings, self.note))

    def note(
        self, profile: Profile, _variant: Variant, log: Sequence[str], rss: int, _choice: LoadOption | None
    ) -> None:
        """Keep what is measured."""
        self.notes.append((profile.name, rss))
        self.said.append(log)
        assert log

    async def next(self) -> Event:
        """Return what is reported next."""
        async with asyncio.timeout(10):
            return await self.events.get()

    async def broke(self) -> EngineFailed:
        """Return how it broke, which is the next report."""
        event = await self.next()
        assert isinstance(event, EngineFailed)
        await self.instance.ended()
        return event

    async def ready(self) -> int:
        """Start it, and return its pid once it is ready."""
        self.instance.start()
        event = await self.next()
        assert isinstance(event, EngineReady), event
        assert self.instance.pid is not None
        return self.instance.pid

    async def ask(self, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        """Send *body* to the engine."""
        with self.instance.lease() as lease:
            headers = dict(lease.endpoint.headers)
            answer = await lease.http.ask(lease.endpoint.url + path, headers, body, seconds=None)
            return answer.status, answer.body


Begin = Callable[..., Run]


@pytest.fixture
async def begin(tmp_path: Path, weights: Path) -> AsyncIterator[Begin]:
    """Make an instance with a script; every engine is ended."""
    reaper = OrphanReaper(tmp_path / "engines")
    await reaper.start()
    runs: list[Run] = []

    def make(
        timings: ProbeTimings | None = None, command: tuple[str, ...] = ENGINE, variants: Any = None, **script: object
    ) -> Run:
        profile = make_profile("alpha", weights, script)
        if variants is not None:
            profile = replace(profile, variants=variants)
        runs.append(Run(profile, reaper, timings or ProbeTimings(), command))
        return runs[-1]

    yield make
    for run in runs:
        run.instance.stop()
        await run.instance.ended()
    await reaper.close()


def gone(pid: int) -> bool:
    """Return whether nothing of *pid* is left, not even a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_starts_and_stops(begin: Begin) -> None:
    """Ready is reported with slots and seconds; after a stop nothing is left, and it can begin again."""
    run = begin()
    for _ in range(2):
        run.instance.start()
        event = await run.next()
        assert isinstance(event, EngineReady)
        assert ("alpha", 2, True) == (event.model, event.slots, 0 < event.seconds < 10)
        pid = run.instance.pid
        assert pid is not None
        assert (await run.instance.usage()).rss_bytes > 1_000_000
        run.instance.stop()
        assert EngineStopped("alpha") == await run.next()
        assert (True, None, None) == (gone(pid), run.instance.pid, run.instance.launch)
        assert 0 == (await run.instance.usage()).rss_bytes


@pytest.mark.parametrize(
    ("kind", "how", "last"),
    [
        ("out_of_memory", "ended with status 1 (out_of_memory)", "E ggml_backend_cuda_buffer_type_alloc_buffer: alloc"),
        ("bad_flag", "ended with status 1 (bad_flag)", "error: invalid argument: --frobnicate"),
        ("missing_file", "ended with status 1 (missing_file)", "E gguf_init_from_file: failed to open GGUF file"),
        ("driver", "was killed by SIGABRT (driver)", "E CUDA error: CUDA driver version is insufficient"),
        ("unknown", "ended with status 70", "E something never seen before"),
    ],
)
async def test_a_load_that_fails_is_explained(begin: Begin, kind: str, how: str, last: str) -> None:
    """The class of the failure, how the process ended, and the line that tells why."""
    run = begin(load_fails=kind)
    run.instance.start()
    broke = await run.broke()
    assert ExitClass(kind) is broke.exit_class
    assert broke.detail.startswith(f"the engine {how}; its last line: {last}")
    assert run.instance.pid is None


@pytest.mark.slow
async def test_a_port_that_was_taken_is_tried_again(begin: Begin) -> None:
    """Another program may take it first; but not three ports in a row."""
    run = begin(load_fails="port_taken")
    run.instance.start()
    broke = await run.broke()
    assert ExitClass.PORT_TAKEN is broke.exit_class
    assert PORT_TRIES == len([line for line in run.instance.ring.lines() if "couldn't bind" in line])


async def test_a_program_that_is_missing_is_explained(begin: Begin) -> None:
    """The owner is told what to correct."""
    run = begin(command=("/nowhere/llama-server",))
    run.instance.start()
    broke = await run.broke()
    assert ExitClass.MISSING_FILE is broke.exit_class
    assert "'/nowhere/llama-server' was not found; correct backends.llamacpp.command" in broke.detail


async def test_health_without_a_token_is_a_failure(begin: Begin) -> None:
    """It is killed, and what it answered is reported."""
    run = begin(status=500)
    run.instance.start()
    broke = await run.broke()
    assert "failed a one-token request with status 500" in broke.detail
    assert run.instance.pid is None


async def test_a_crash_is_seen_at_once(begin: Begin) -> None:
    """An engine that was killed is reported with the signal and its last line."""
    run = begin()
    pid = await run.ready()
    os.kill(pid, 9)
    broke = await run.broke()
    assert ExitClass.UNKNOWN is broke.exit_class
    assert broke.detail.startswith("the engine was killed by SIGKILL; its last line: ")
    assert "listening on http://127.0.0.1:" in broke.detail
    assert gone(pid)


async def test_an_engine_that_exits_has_failed(begin: Begin) -> None:
    """It was not stopped, so whatever its status, it failed."""
    run = begin(exit_after=1.0, exit_status=0)
    await run.ready()
    assert (await run.broke()).detail.startswith("the engine ended with status 0; its last line: ")


async def test_an_engine_that_hangs_is_found(begin: Begin) -> None:
    """Its health page is fine, but it answers nothing: after two silent probes it is killed."""
    run = begin(ProbeTimings(interval=0.05, patience=0.1), ignore_sigterm=True)
    pid = await run.ready()
    await run.ask("/_script", {"hang": True})
    broke = await run.broke()
    assert "no longer answers although it runs: 2 probes in a row" in broke.detail
    assert gone(pid)


@pytest.mark.slow
async def test_a_suspicion_is_followed_up(begin: Begin) -> None:
    """A request that ran into a limit is reason enough to look now, and not at the next interval."""
    run = begin(ProbeTimings(interval=3600.0, patience=0.1))
    await run.ready()
    await run.ask("/_script", {"hang": True})
    run.instance.suspect()
    assert "no longer answers" in (await run.broke()).detail


@pytest.mark.slow
async def test_what_hostd_itself_lacks_does_not_end_an_engine(begin: Begin) -> None:
    """A probe that hostd could not even send says nothing about the engine; once it can, all is well."""
    run = begin(ProbeTimings(interval=0.02, patience=0.1))
    pid = await run.ready()
    with no_descriptors():
        for _ in range(10):
            run.instance.suspect()
            await asyncio.sleep(0.1)
    await until_seen(run, completed=2)
    assert (pid, True) == (run.instance.pid, run.events.empty())


async def test_an_engine_that_cannot_be_started_for_what_hostd_lacks_is_not_at_fault(begin: Begin) -> None:
    """It is told apart, with words that help, and the next try succeeds."""
    run = begin()
    with no_descriptors():
        run.instance.start()
        failed = await run.broke()
    assert (True, True) == (failed.own_want, "descriptor" in failed.detail)
    await run.ready()


async def test_an_engine_that_answers_stays(begin: Begin) -> None:
    """Probes that are answered, and suspicions that are not true, change nothing."""
    run = begin(ProbeTimings(interval=0.02, patience=5.0))
    pid = await run.ready()
    run.instance.suspect()
    await until_seen(run, completed=2)
    assert (pid, True) == (run.instance.pid, run.events.empty())


async def until_seen(run: Run, **least: int) -> None:
    """Return when the engine has counted at least so many."""
    counts: dict[str, int] = {}
    async with asyncio.timeout(5):
        while any(counts.get(name, 0) < count for name, count in least.items()):
            launch, http = run.instance.launch, run.instance.lease().http
            assert launch is not None
            counts = await http.document(launch.endpoint.url + "/_seen", {})


async def test_a_load_can_be_stopped(begin: Begin) -> None:
    """A stop during a load is a stop, not a failure."""
    run = begin(never_ready=True)
    run.instance.start()
    await until(lambda: run.instance.ring.count)
    pid = run.instance.pid
    assert pid is not None
    assert run.instance.progress_of_load is not None
    run.instance.stop()
    assert EngineStopped("alpha") == await run.next()
    assert gone(pid)
    assert run.instance.progress_of_load is None


async def test_a_stop_does_not_wait_for_answers(begin: Begin) -> None:
    """Draining is the scheduler's; an instance that is told to stop, stops."""
    run = begin(stall_after=2)
    await run.ready()
    asking = asyncio.create_task(run.ask("/v1/chat/completions", {**CHAT, "stream": True}))
    await until(lambda: run.instance.in_flight)
    run.instance.stop()
    assert EngineStopped("alpha") == await run.next()
    assert isinstance((await asyncio.gather(asking, return_exceptions=True))[0], ExchangeError)


async def test_the_next_variant_serves_when_a_file_is_missing(begin: Begin, weights: Path) -> None:
    """The best variant that can be launched is taken."""
    missing = Variant("llamacpp", path=str(weights.with_name("better.gguf")))
    run = begin(variants=(Variant("future", hf="org/model"), missing, Variant("llamacpp", path=str(weights))))
    await run.ready()
    assert "llamacpp:scripted.gguf" == run.instance.variant.label
    assert "backend 'future' is not implemented here" == run.instance.variants[0].why_not


async def test_without_any_variant_the_best_one_is_explained(begin: Begin, weights: Path) -> None:
    """The file that is missing is named; where no engine is known at all, each variant says why."""
    missing = Variant("llamacpp", path=str(weights.with_name("better.gguf")))
    run = begin(variants=(missing,))
    run.instance.start()
    broke = await run.broke()
    assert (ExitClass.MISSING_FILE, True) == (broke.exit_class, "there is no file" in broke.detail)
    run = begin(variants=(Variant("future", hf="org/model"),))
    run.instance.start()
    said = "backend 'future' is not implemented here"
    assert said == (await run.broke()).detail


async def test_a_lease_is_on_one_process(begin: Begin) -> None:
    """It counts as in flight, sees the process die, and cannot be had without one."""
    run = begin()
    with pytest.raises(EngineError, match="the engine of 'alpha' is not running"):
        run.instance.lease()
    pid = await run.ready()
    with run.instance.lease() as lease:
        assert 1 == run.instance.in_flight
        assert not await lease.died_within(0.01)
        os.kill(pid, 9)
        assert await lease.died_within(5.0)
    assert 0 == run.instance.in_flight


@pytest.mark.slow
async def test_an_engine_that_reports_no_news_shows_no_sign(begin: Begin) -> None:
    """It has its request in a slot and computes, and of that comes nothing."""
    run = begin(skip=1, first_token_delay=60)
    await run.ready()
    with run.instance.lease():
        asking = asyncio.create_task(run.ask("/v1/chat/completions", CHAT))
        await until_seen(run, decoding=1)
        began = asyncio.get_running_loop().time()
        first = await run.instance.sign(streamed=False)
        assert first is not None
        await asyncio.sleep(1.0)
        assert first <= began
        assert first == await run.instance.sign(streamed=False)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def test_tokens_of_any_request_are_a_sign(begin: Begin) -> None:
    """Whoever asked for them."""
    run = begin(skip=1, token_delay=0.1, tokens=1000)
    await run.ready()
    with run.instance.lease():
        asking = asyncio.create_task(run.ask("/v1/chat/completions", CHAT | {"max_tokens": 1000}))
        await until_seen(run, decoding=1)
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(10):
            while (sign := await run.instance.sign(streamed=False)) is None or sign < began:  # noqa: ASYNC110  # no event says so
                await asyncio.sleep(0.1)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def test_a_bug_does_not_leave_the_scheduler_waiting(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong, the run ends with a report."""
    run = begin()
    backend = run.instance.variants[0].backend
    assert backend is not None

    def break_down(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(backend, "launch", break_down)
    run.instance.start()
    assert "hostd failed to run it: ZeroDivisionError()" == (await run.broke()).detail


async def test_measures_what_the_engine_holds_after_the_first_requests(begin: Begin) -> None:
    """Once, when the last request in flight is done; not again with each request that follows."""
    run = begin()
    await run.ready()
    for _ in range(3):
        with run.instance.lease():
            pass
    await until(lambda: run.notes)
    (name, rss), *more = run.notes
    assert (run.instance.profile.name, []) == (name, more)
    assert rss > 1 << 20


@pytest.mark.slow
async def test_measures_its_present_run_only(begin: Begin) -> None:
    """What engines before this one have logged is not about its memory."""
    run = begin()
    for runs in (1, 2):
        await run.ready()
        with run.instance.lease():
            pass
        async with asyncio.timeout(10):
            while len(run.said) < runs:  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(0.01)
        run.instance.stop()
        assert isinstance(await run.next(), EngineStopped)
        await run.instance.ended()
    assert [1, 1] == [sum("loading model" in line for line in said) for said in run.said]
