"""Every engine that hostd starts listens where nobody else can stand in for it."""

import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.supervisor.engine_server import EngineServer
from hostd.supervisor.process.socket_folder import SocketFolder
from tests.conformance.conftest import Begin
from tests.conformance.engine import Engine

pytestmark = pytest.mark.asyncio(loop_scope="module")

ON_SOCKETS = frozenset({"llama-server", "xllamacpp"})
"""Engines that must not take a port: every build that is tested knows unix sockets."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a path that is short enough for sockets."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder).resolve()


async def test_listens_where_nobody_else_can(begin: Begin, engine: Engine, folder: Path) -> None:
    """On a socket in a folder of this user's alone, or on a port that its own processes are seen to hold."""
    if engine.attached:
        pytest.skip(f"{engine.name}: hostd does not start its process")
    subject = begin()
    subject.instance._services = replace(subject.instance._services, sockets=SocketFolder([folder / "engines"]))
    await subject.ready()
    server = subject.instance.server
    assert isinstance(server, EngineServer)
    path = server.launch.endpoint.socket
    assert engine.name not in ON_SOCKETS or path is not None
    assert held(server)
    await subject.end()
    assert not held(server)


def held(server: EngineServer) -> bool:
    """Return whether the server's address is its own."""
    if server.launch.endpoint.socket is None:
        return server.socket is not None and server.socket.is_held
    path = Path(server.launch.endpoint.socket)
    return path.is_socket() and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
