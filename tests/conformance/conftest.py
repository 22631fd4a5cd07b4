"""Fixtures of the suite: each engine in turn, one that all behavioural tests share, and fresh ones for those that end it."""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from hostd.supervisor.health.watchdog import ProbeTimings
from hostd.supervisor.process.orphan_reaper import OrphanReaper
from tests.conformance.engine import Engine, Missing, Stand
from tests.conformance.engines import ENGINES
from tests.conformance.subject import PATIENT, Subject

Begin = Callable[..., Subject]

OF_PROCESSES = frozenset(
    {
        "a_crash_is_reported",
        "a_wedge_is_found",
        "a_bad_flag_is_classified",
        "a_missing_file_is_classified",
        "a_taken_port_is_classified",
    }
)
"""The tests that make sense only where hostd starts the process."""


@pytest.fixture(
    params=[
        pytest.param(each, marks=[pytest.mark.slow] if each.slow else [], id=each.name.replace(" ", "-"))
        for each in ENGINES
    ],
    scope="module",
)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    engine = request.param
    assert isinstance(engine, Engine)
    return engine


@pytest.fixture(autouse=True)
def _declared(request: pytest.FixtureRequest) -> None:
    """Skip what an engine declares not to do, in its own words."""
    if "engine" in request.fixturenames:
        engine = request.getfixturevalue("engine")
        name = request.node.originalname.removeprefix("test_")
        if engine.attached and name in OF_PROCESSES:
            pytest.skip(f"{engine.name}: hostd does not start its process")
        if name in engine.misses:
            pytest.skip(f"{engine.name}: {engine.misses[name]}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    """Everything that the engine needs, or a skip that says what to install."""
    try:
        async with engine.opens(tmp_path_factory.mktemp("engine")) as stand:
            yield stand
    except Missing as missing:
        pytest.skip(str(missing))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reaper(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OrphanReaper]:
    """Ends the engines if the tests are killed."""
    reaper = OrphanReaper(tmp_path_factory.mktemp("engines"))
    await reaper.start()
    yield reaper
    await reaper.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(engine: Engine, stand: Stand, reaper: OrphanReaper) -> AsyncIterator[Subject]:
    """The engine that the behavioural tests share, because some take half a minute to start."""
    subject = Subject(engine, stand, reaper)
    yield subject
    await subject.end()


@pytest_asyncio.fixture(loop_scope="module")
async def subject(shared: Subject) -> Subject:
    """The shared engine, ready and at rest."""
    await shared.ready()
    await shared.until_busy(expected=False)
    return shared


@pytest_asyncio.fixture(loop_scope="module")
async def begin(engine: Engine, stand: Stand, reaper: OrphanReaper) -> AsyncIterator[Begin]:
    """Make a fresh instance of the engine, on the given stand or another; whatever it does, it is ended."""
    subjects: list[Subject] = []

    def make(changed: Stand | None = None, timings: ProbeTimings = PATIENT) -> Subject:
        subjects.append(Subject(engine, changed or stand, reaper, timings))
        return subjects[-1]

    yield make
    for subject in subjects:
        await subject.end()
