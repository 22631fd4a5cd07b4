"""Fixtures for tests that need a daemon: a shared one, whose engines are mended before each test, or one of their own."""

import gc
import importlib
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from hostd.domain.profile import Capabilities, Role
from hostd.supervisor.health.watchdog import ProbeTimings
from tests.stage import COLD, Stage, make_profile, make_settings, opened

# A shell that runs the tests in the background has them ignore SIGINT, and so would every program that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long it takes to make and to try an input depends on the machine, and in a fresh clone on Hypothesis, which builds its tables
# of characters then. What has to be quick is measured by tests of its own.
settings.register_profile("hostd", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hostd")

# Of what collection makes, next to nothing is garbage.
gc.disable()

_SECTION = "section: "
_TESTS = Path(__file__).parent
_SLOW = {
    _TESTS / each
    for each in ("journeys", "conformance", "security/test_admin_api.py", "dialects/test_typed_requests.py")
}
"""Where all tests are slow: the first two start real programs, and to read the others alone takes a second or more."""

OpenDaemon = Callable[..., AbstractAsyncContextManager[Stage]]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Read another part of the files first in each process: the others find compiled what pytest makes of them.

    In a fresh clone that takes as long as all the rest of collecting them.
    """
    given = getattr(session.config, "workerinput", None)
    if given is None:
        return
    files = [each for each in sorted(_TESTS.rglob("test_*.py")) if not _is_left_out(each, session.config)]
    for file in files[int(given["workerid"].removeprefix("gw")) :: given["workercount"]]:
        # Whatever is wrong with one is told when it is collected.
        with suppress(Exception, pytest.skip.Exception):
            importlib.import_module(".".join(file.relative_to(_TESTS.parent).with_suffix("").parts))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Read no file in which all tests are slow where those are left out."""
    return True if _is_left_out(collection_path, config) else None


def _is_slow(path: Path) -> bool:
    return not {path, *path.parents}.isdisjoint(_SLOW)


def _is_left_out(path: Path, config: pytest.Config) -> bool:
    return config.option.markexpr == "not slow" and _is_slow(path)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests before the others, so that no process is left alone with a long one at the end."""
    for item in items:
        if _is_slow(item.path):
            item.add_marker(pytest.mark.slow)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """Leave what was collected out of each later search for garbage."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _no_state_of_the_owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a test does not put elsewhere is not written where this user's own hostd keeps its state."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that begins like a model."""
    path = tmp_path_factory.mktemp("models") / "scripted.gguf"
    path.write_bytes(b"GGUF" + bytes(60))
    return path


@pytest.fixture
def open_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenDaemon:
    """A daemon of one's own, which a test starts with the settings that it wants."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    return opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_daemon(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The daemon that most tests of the gateway share; see `stage` for one test's view of it."""
    quick = {"first_token_timeout": 0.3, "stall_timeout": 0.3, "queue_timeout": 0.2}
    vectors = Capabilities(embeddings=True)
    profiles = (
        make_profile("alpha", weights, to=("beta",), aliases=("gpt-4o-mini", "gpt-5*"), context=4096),
        make_profile("beta", weights, slots=4, context=8192),
        make_profile("hasty", weights, to=("beta",), limits=quick, context=4096, ping=0.05),
        make_profile("strict", weights, slots=1, limits={"max_queue": 2}),
        make_profile("vectors", weights, capabilities=vectors),
        make_profile("spare", weights, warm=COLD, capabilities=Capabilities(tools=False)),
        make_profile("org/broken:latest", weights, {"load_fails": "driver"}, to=("beta",), warm=COLD),
        make_profile("absent", weights.with_name("absent.gguf"), warm=COLD),
    )
    roles = {"planner": Role("planner", ("alpha", "beta"))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STATE_DIRECTORY", str(tmp_path_factory.mktemp("state")))
        async with opened(make_settings(*profiles, roles=roles), timings=ProbeTimings(interval=60.0)) as stage:
            yield stage


@pytest_asyncio.fixture(loop_scope="session")
async def stage(shared_daemon: Stage) -> AsyncIterator[Stage]:
    """The shared daemon, every engine of it ready and idle."""
    yield shared_daemon
    await shared_daemon.restore()


Say = Callable[[str, str], None]


@pytest.fixture
def say(record_property: Callable[[str, object], None]) -> Say:
    """Adds a line, or lines, to a section at the end of the run, whichever process the test runs in."""

    def added(section: str, lines: str) -> None:
        record_property(_SECTION + section, lines)

    return added


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the sections to which tests have added lines."""
    sections: dict[str, list[str]] = {}
    reports = [each for stat in terminalreporter.stats.values() for each in stat if isinstance(each, pytest.TestReport)]
    for name, lines in (found for each in reports if each.when == "call" for found in each.user_properties):
        if name.startswith(_SECTION):
            sections.setdefault(name.removeprefix(_SECTION), []).append(str(lines))
    for section, found in sections.items():
        terminalreporter.section(section)
        terminalreporter.write_line("\n".join(sorted(found)))
