"""An engine that hostd started is waited for and ended."""

import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from hostd.backends.contract import Endpoint, Launch
from hostd.backends.http.errors import ConnectError
from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.domain.errors import EngineError
from hostd.domain.profile import Variant
from hostd.domain.reason import ExitClass
from hostd.domain.ticket import Task
from hostd.supervisor.engine_server import EngineServer
from hostd.supervisor.launch import PreparedLaunch, free_port
from hostd.supervisor.process.log_ring import LogRing
from hostd.supervisor.process.orphan_reaper import OrphanReaper


def prepared(launch: Launch) -> PreparedLaunch:
    """Return *launch* as it is prepared for no model in particular."""
    return PreparedLaunch(Variant("llamacpp"), LlamaCpp(), None, launch, "key")


NOWHERE = Endpoint("http://127.0.0.1:1", "alpha")


@pytest.fixture
async def reaper() -> AsyncIterator[OrphanReaper]:
    """Ends the processes if the tests are killed."""
    with tempfile.TemporaryDirectory() as folder:
        reaper = OrphanReaper(Path(folder))
        await reaper.start()
        yield reaper
        await reaper.close()


async def spawned(reaper: OrphanReaper, program: str) -> EngineServer:
    """Start a Python *program*."""
    launch = Launch((sys.executable, "-c", program), {}, NOWHERE, "/health", 1)
    return await EngineServer.spawn(prepared(launch), LogRing(), reaper, "alpha")


async def test_how_an_engine_ended_is_reported(reaper: OrphanReaper) -> None:
    """Status, class and last lines are in the error."""
    server = await spawned(reaper, "import sys; print('error: invalid argument: -x'); sys.exit(1)")
    ended = await server.ended()
    assert "the engine ended with status 1 (bad_flag)" == ended.message
    assert (ExitClass.BAD_FLAG, ("error: invalid argument: -x",)) == (ended.exit_class, ended.tail)
    assert await server.died_within(0.0)
    await server.close()


@pytest.mark.parametrize(
    ("ends", "itself"),
    [
        *(("os.kill(os.getpid(), signal.SIGSEGV)", True), ("os.abort()", True), ("sys.exit(1)", True)),
        *(("os.kill(os.getpid(), signal.SIGKILL)", False), ("os.kill(os.getpid(), signal.SIGTERM)", False)),
        *(
            ("sys.exit(0)", False),
            ("sys.exit(137)", False),
            ("print('error: invalid argument: -x'); sys.exit(1)", False),
        ),
    ],
)
async def test_what_a_request_may_have_caused_is_told(reaper: OrphanReaper, ends: str, itself: bool) -> None:
    """A fault and an exit without a known cause; not what somebody else ended, and not what has another cause."""
    server = await spawned(reaper, f"import os, signal, sys; {ends}")
    assert itself == (await server.ended()).self_inflicted
    await server.close()


async def test_an_engine_is_measured_and_ended(reaper: OrphanReaper) -> None:
    """Its memory is known while it runs; its process has ended afterwards."""
    server = await spawned(reaper, "import time; time.sleep(60)")
    assert not await server.died_within(0.01)
    assert (await server.usage()).rss_bytes > 1 << 20
    await server.close()
    assert server.http.closed
    assert await server.died_within(0.0)
    assert "the engine was killed by SIGTERM" == (await server.ended()).message


async def test_a_wedged_engine_is_killed(reaper: OrphanReaper) -> None:
    """It would not hear SIGTERM."""
    ignores = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    )
    server = await spawned(reaper, ignores)
    assert not await server.unhealthy_within(0.3)
    await server.kill()
    assert await server.unhealthy_within(0.0)
    assert "the engine was killed by SIGKILL" == (await server.ended()).message
    await server.close()


LISTENS = """
import http.server, sys
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "2"); self.end_headers(); self.wfile.write(b"{}")
    do_POST = do_GET
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answers).serve_forever()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not show who else listens")
async def test_whoever_took_the_port_first_hears_nothing(reaper: OrphanReaper) -> None:
    """A program that stands in for the engine gets no request, no key, and the start is over with `port_taken`."""
    heard: list[str] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        heard.append(f"{request.method} {request.path} {request.headers.get('authorization')}")
        return web.json_response({"status": "ok"})

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    endpoint = Endpoint(f"http://127.0.0.1:{runner.addresses[0][1]}", "alpha", {"authorization": "Bearer the-key"})
    launch = Launch((sys.executable, "-c", "import time; time.sleep(60)"), {}, endpoint, "/health", 1)
    server = await EngineServer.spawn(prepared(launch), LogRing(), reaper, "alpha")
    with pytest.raises(EngineError) as refused:
        await server.readiness(LogRing()).reached(task=Task.TEXT)
    assert ExitClass.PORT_TAKEN is refused.value.exit_class
    await server.close()
    await runner.cleanup()
    assert [] == heard


@pytest.mark.parametrize("wrapped", [False, True], ids=["itself", "its child"])
async def test_an_engine_that_listens_is_ready(reaper: OrphanReaper, wrapped: bool) -> None:
    """The socket may be that of any process of the engine: programs that serve are often started by a wrapper."""
    port = free_port()
    argv: tuple[str, ...] = (sys.executable, "-c", LISTENS, str(port))
    if wrapped:
        argv = (sys.executable, "-c", f"import subprocess; subprocess.run({argv!r}, start_new_session=True)")
    launch = Launch(argv, {}, Endpoint(f"http://127.0.0.1:{port}", "alpha"), "/health", 1)
    server = await EngineServer.spawn(prepared(launch), LogRing(), reaper, "alpha")
    await server.readiness(LogRing()).reached(task=Task.TEXT)
    assert server.socket is not None
    assert server.socket.is_held
    await server.close()
    assert not server.socket.is_held


async def test_a_port_that_changed_hands_gets_no_request(reaper: OrphanReaper) -> None:
    """Between two requests the engine died and another program took its port: the second is not sent there."""
    port = free_port()
    argv = (sys.executable, "-c", LISTENS, str(port))
    launch = Launch(argv, {}, Endpoint(f"http://127.0.0.1:{port}", "alpha"), "/health", 1)
    server = await EngineServer.spawn(prepared(launch), LogRing(), reaper, "alpha")
    await server.readiness(LogRing()).reached(task=Task.TEXT)
    await server.kill()
    heard: list[str] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        heard.append(request.path)
        return web.Response()

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    with pytest.raises(ConnectError):
        await server.http.ask(f"http://127.0.0.1:{port}/v1/models", {})
    await server.close()
    await runner.cleanup()
    assert [] == heard


async def test_an_engine_on_a_socket_needs_no_port(reaper: OrphanReaper) -> None:
    """Requests go over the socket, which is gone when the engine is."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "engine.sock"
        serves = (
            "import sys; from aiohttp import web\n"
            "async def ok(request): return web.json_response({})\n"
            "app = web.Application(); app.router.add_route('*', '/{any:.*}', ok)\n"
            "web.run_app(app, path=sys.argv[1], print=None)"
        )
        endpoint = Endpoint("http://localhost", "alpha", socket=str(path))
        launch = Launch((sys.executable, "-c", serves, str(path)), {}, endpoint, "/health", 1)
        server = await EngineServer.spawn(prepared(launch), LogRing(), reaper, "alpha")
        await server.readiness(LogRing()).reached(task=Task.TEXT)
        assert server.socket is None
        assert path.is_socket()
        await server.kill()
        await server.close()
        assert not path.exists()
