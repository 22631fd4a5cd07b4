"""What every engine that hostd runs must do; what one cannot do, it declares."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from urllib.parse import urlsplit

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from hostd.backends.contract import Launch
from hostd.backends.http.errors import ExchangeError
from hostd.domain.reason import ExitClass
from hostd.scheduling.events import EngineStopped
from hostd.supervisor import launch
from hostd.supervisor.engine_run import PORT_TRIES
from hostd.supervisor.health.watchdog import ProbeTimings
from hostd.telemetry.engine_metrics import joined
from tests.conformance.conftest import Begin
from tests.conformance.engine import Engine, Stand
from tests.conformance.subject import SOON, Subject, words

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAR_TOO_LONG = "one two three four five six seven eight " * 20_000


@asynccontextmanager
async def writing(subject: Subject, count: int) -> AsyncIterator[None]:
    """Have *count* long streams under way, each with its first word; the clients hang up at the end of the scope."""
    async with AsyncExitStack() as stack:
        for _ in range(count):
            response = await stack.enter_async_context(subject.asking(stream=True, **subject.engine.long))
            assert 200 == response.status
            assert await anext(words(response))
        yield


async def test_ready_means_a_token(subject: Subject) -> None:
    """A request that is sent after the report is answered at once."""
    event = await subject.ready()
    assert 0 < event.seconds < subject.engine.seconds
    status, answer = await subject.whole(max_tokens=4)
    assert (200, 1) == (status, len(answer["choices"]))


async def test_its_own_metrics_are_joined(subject: Subject) -> None:
    """Where it shows any: all of them are understood, under the name of its model."""
    await subject.ready()
    page = await subject.instance.metrics(10.0, 1 << 20)
    if page is None:
        pytest.skip("it shows none")
    name = subject.instance.name
    text, left_out = joined({name: page})
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    assert {name: 0} == left_out
    assert {name} == {sample.labels["model"] for sample in samples}


async def test_streams(subject: Subject) -> None:
    """A stream comes in pieces and ends by saying so."""
    async with subject.asking(stream=True, max_tokens=16) as response:
        pieces = [piece async for piece in words(response)]
    assert (200, True, "[DONE]") == (response.status, len(pieces) > 3, pieces[-1])


async def test_answers_in_one_piece(subject: Subject) -> None:
    """An answer in one piece has a text, an end, and what it cost."""
    status, answer = await subject.whole(max_tokens=16)
    option = answer["choices"][0]
    assert (200, "assistant", True) == (status, option["message"]["role"], bool(option["message"]["content"]))
    assert option["finish_reason"] in ("stop", "length")
    assert 0 < answer["usage"]["completion_tokens"] <= 16


async def test_writes_for_as_many_as_it_has_slots(subject: Subject) -> None:
    """It reports the slots that it really has: so many get their first words while none of them is done."""
    assert subject.engine.slots == (await subject.ready()).slots
    async with writing(subject, subject.engine.slots):
        assert await subject.busy()


@pytest.mark.slow
async def test_abort_of_a_stream_frees_the_slot(subject: Subject) -> None:
    """Nothing is generated for clients that have hung up."""
    async with writing(subject, subject.engine.slots):
        await subject.until_busy(expected=True)
    await subject.until_busy(expected=False)
    status, _ = await subject.whole(max_tokens=1)
    assert 200 == status


@pytest.mark.slow
async def test_abort_of_a_whole_answer_frees_the_slot(subject: Subject) -> None:
    """Nor is a whole answer generated for a client that disconnected."""
    asking = [asyncio.create_task(subject.whole(**subject.engine.long)) for _ in range(subject.engine.slots)]
    await subject.until_busy(expected=True)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    await subject.until_busy(expected=False)


@pytest.mark.slow
async def test_abort_of_a_whole_answer_beside_a_stream_frees_the_slot(subject: Subject) -> None:
    """However busy it is with others, a place that a client has left is free for the next."""
    async with writing(subject, subject.engine.slots - 1):
        asking = asyncio.create_task(subject.whole(**subject.engine.long))
        await subject.until_working(subject.engine.slots)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        async with asyncio.timeout(SOON), writing(subject, 1):
            assert await subject.busy()


async def test_context_too_long_is_refused(subject: Subject) -> None:
    """A prompt beyond the context is the client's mistake, and is never cut to fit."""
    status = await subject.refusal(messages=[{"role": "user", "content": FAR_TOO_LONG}], max_tokens=4)
    assert 400 <= status < 500


async def test_context_too_long_is_refused_in_a_stream(subject: Subject) -> None:
    """Also where a stream was requested, before the stream begins."""
    messages = [{"role": "user", "content": FAR_TOO_LONG}]
    assert 400 <= await subject.refusal(messages=messages, stream=True, max_tokens=4) < 500


@pytest.mark.slow
async def test_stops_in_time(begin: Begin) -> None:
    """It ends when it is told to, and leaves no process, no memory and no port behind; then it can start again."""
    subject = begin()
    for _ in range(1 if subject.engine.seconds > 60 else 2):
        await subject.ready()
        await leaves(subject)


async def test_stops_in_time_in_the_middle_of_a_stream(begin: Begin) -> None:
    """Clients do not delay it, and their streams do not end as if they were complete."""
    subject = begin()
    await subject.ready()
    async with subject.asking(stream=True, **subject.engine.long) as response:
        pieces = words(response)
        assert await anext(pieces)
        await leaves(subject)
        with suppress(ExchangeError):
            assert "[DONE]" not in [piece async for piece in pieces]


async def leaves(subject: Subject) -> None:
    """Stop it, and see that nothing of it is left; an attached server stays as it was."""
    processes, server = await subject.processes(), subject.instance.server
    assert server is not None
    grace = server.launch.grace if isinstance(server.launch, Launch) else 0.0
    subject.instance.stop()
    assert EngineStopped(subject.instance.profile.name) == await subject.next(grace + SOON)
    await subject.instance.ended()
    assert subject.engine.attached is bool(alive(processes))
    assert subject.engine.attached is listens(server.launch.endpoint.url)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return those of *processes* that hold memory."""
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def listens(url: str) -> bool:
    """Return whether a server listens at *url*."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), 1.0).close()
    except OSError:
        return False
    return True


async def test_a_crash_is_reported(begin: Begin) -> None:
    """When its first process is killed, the rest is ended, and only then it is reported."""
    subject = begin()
    await subject.ready()
    processes = await subject.processes()
    os.kill(processes[0].pid, signal.SIGKILL)
    broke = await subject.broke(SOON)
    assert (ExitClass.UNKNOWN, True) == (broke.exit_class, "was killed by SIGKILL" in broke.detail)
    assert [] == alive(processes)


@pytest.mark.slow
async def test_a_wedge_is_found(begin: Begin) -> None:
    """An engine that stands still is put down, with all that belongs to it."""
    subject = begin(timings=ProbeTimings(interval=0.2, patience=1.0))
    await subject.ready()
    processes = await subject.processes()
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    broke = await subject.broke(SOON + 4.0)
    assert "no longer answers although it runs" in broke.detail
    assert [] == alive(processes)


async def test_a_bad_flag_is_classified(begin: Begin, engine: Engine, stand: Stand) -> None:
    """A mistake in the profile's flags is the owner's to correct, and no reason to make room."""
    assert ExitClass.BAD_FLAG is await failure(begin(engine.misspelt(stand)))


async def test_a_missing_file_is_classified(begin: Begin, engine: Engine, stand: Stand) -> None:
    """Nor are weights that are missing."""
    assert ExitClass.MISSING_FILE is await failure(begin(engine.absent(stand)))


async def failure(subject: Subject, starts: int = 1) -> ExitClass:
    """Return how a start failed."""
    subject.instance.start()
    broke = await subject.broke(starts * subject.engine.seconds)
    assert broke.detail
    return broke.exit_class


@pytest.mark.slow
async def test_a_taken_port_is_classified(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that another program has is told from every other failure, since another port will do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(launch, "free_port", lambda: taken.getsockname()[1])
        subject = begin()
        assert ExitClass.PORT_TAKEN is await failure(subject, starts=PORT_TRIES)
