"""What the address of a server tells."""

import asyncio
import os

import psutil
import pytest

from hostd.backends.addresses import keep_private, local_pid, port_of, root_of
from hostd.domain.errors import EngineError
from hostd.domain.principal import Privacy
from hostd.domain.profile import Profile
from hostd.domain.reason import ExitClass


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("http://h:1/v1", "http://h:1"),
        ("http://h:1/v1/", "http://h:1"),
        ("http://h:1", "http://h:1"),
        ("http://h/api/v1", "http://h/api"),
    ],
)
def test_routes_begin_before_the_version(url: str, root: str) -> None:
    """Owners write addresses as OpenAI's clients want them; hostd's paths have the version already."""
    assert root == root_of(url)


def test_a_scheme_has_a_port() -> None:
    """An address may leave it out."""
    assert (80, 443, 5000) == (port_of("http://h"), port_of("https://h/v1"), port_of("http://h:5000"))


def test_a_private_profile_stays_on_this_machine() -> None:
    """Its prompts may be sent to a server on this machine only; any other profile's anywhere."""
    private = Profile("m", (), privacy=Privacy.LOCAL)
    keep_private(private, "http://127.0.0.1:1")
    keep_private(Profile("m", ()), "http://192.168.1.5:1")
    with pytest.raises(
        EngineError, match=r"'m' is private .* http://192\.168\.1\.5:1 is not on this machine"
    ) as caught:
        keep_private(private, "http://192.168.1.5:1")
    assert ExitClass.BAD_FLAG == caught.value.exit_class


async def test_the_process_that_listens_is_found() -> None:
    """This process, in this case; on a free port, or another machine, there is none."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        assert os.getpid() == await asyncio.to_thread(local_pid, f"http://127.0.0.1:{port}/v1")
        assert local_pid(f"http://192.168.1.5:{port}") is None
    assert await asyncio.to_thread(local_pid, f"http://127.0.0.1:{port}") is None


async def test_where_only_root_sees_all_connections_ours_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS, where each process must be looked at by itself."""

    def refuse(kind: str) -> None:
        raise psutil.AccessDenied

    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setattr(psutil, "net_connections", refuse)
    async with server:
        assert os.getpid() == await asyncio.to_thread(local_pid, f"http://localhost:{port}")
