"""Other settings of the server while it answers."""

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from hostd.domain.errors import ConfigError
from hostd.domain.profile import Settings
from hostd.domain.server_settings import KeySettings, ServerSettings
from hostd.gateway.http.listeners import ListenError
from hostd.owner_key import key_for
from tests.conftest import OpenDaemon
from tests.stage import Stage, make_profile, make_settings, until


async def put(stage: Stage, new: Settings) -> None:
    """Put *new* in force as a reload does."""
    reload = stage.application.reload
    in_force = await reload.prepare(new)
    reload.apply(new)
    in_force()


async def test_limits_names_and_paths_hold_for_the_next_request(open_daemon: OpenDaemon, weights: Path) -> None:
    """A name that may come in, a prefix, the largest body, and the wait before a stream is begun."""
    settings = make_settings(make_profile("alpha", weights))
    async with open_daemon(settings) as stage:

        async def status(path: str = "/healthz", host: str = "localhost") -> int:
            async with stage.http.get(stage.url + path, headers={"Host": host}) as answer:
                return answer.status

        assert (403, 404) == (await status(host="box.example"), await status("/llm/healthz"))
        await put(stage, replace(settings, server=ServerSettings(hosts=("box.example",), prefix="/llm", max_body=4096)))
        assert (200, 200) == (await status(host="box.example"), await status("/llm/healthz"))
        assert 413 == (await stage.ask("alpha", text="x" * 5000)).status
        assert 200 == (await stage.ask("alpha")).status
        await put(stage, settings)
        assert (403, 404) == (await status(host="box.example"), await status("/llm/healthz"))
        assert 200 == (await stage.ask("alpha", text="x" * 5000)).status


async def test_addresses_are_opened_and_closed(open_daemon: OpenDaemon, weights: Path, tmp_path: Path) -> None:
    """A client on an address that is closed finishes, the next one is refused; what cannot be opened changes nothing."""
    settings = make_settings(make_profile("alpha", weights, {"tokens": 5, "token_delay": 0.1}))
    path = tmp_path / "hostd.sock"
    async with open_daemon(settings) as stage:
        before = list(stage.app.addresses)
        asking = asyncio.create_task(stage.ask("alpha"))
        await until(stage.app.dispatcher.requests)
        await put(stage, replace(settings, listen=(f"unix:{path}",)))
        assert 200 == (await asking).status
        await until(lambda: stage.app.addresses == [f"unix:{path}"])
        host, _, port = before[0].rpartition(":")
        with socket.socket() as probe:
            assert 0 != probe.connect_ex((host, int(port)))
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as client,
            client.get("http://localhost/healthz") as answer,
        ):
            assert 200 == answer.status
        with socket.create_server(("127.0.0.1", 0)) as taken:
            wanted = ("127.0.0.1:0", f"127.0.0.1:{taken.getsockname()[1]}")
            with pytest.raises(ListenError, match="it is in use"):
                await put(stage, replace(settings, listen=wanted))
        assert ([f"unix:{path}"], (f"unix:{path}",)) == (stage.app.addresses, stage.app.catalog.listen)
        # So that the fixture can ask again, and since a socket's file goes with it.
        await put(stage, replace(settings, listen=(before[0],)))
        await until(lambda: not path.exists())


async def test_keys_are_needed_from_now_on(open_daemon: OpenDaemon, weights: Path, tmp_path: Path) -> None:
    """Once a file of keys is named; the owner's own verbs go on, and taking it away waits for a restart."""
    settings = make_settings(make_profile("alpha", weights))
    async with open_daemon(settings) as stage:
        assert 200 == (await stage.ask("alpha")).status
        keyed = replace(settings, keys=KeySettings(str(tmp_path / "keys.yaml")))
        (tmp_path / "broken.yaml").write_text("keys: 7")
        with pytest.raises(ConfigError):
            await put(stage, replace(settings, keys=KeySettings(str(tmp_path / "broken.yaml"))))
        assert 200 == (await stage.ask("alpha")).status
        await put(stage, keyed)
        assert 401 == (await stage.ask("alpha")).status
        port = stage.app.addresses[0]
        await until(lambda: key_for([port]))
        key = key_for([port])
        assert key is not None
        said = {"model": "alpha", "messages": [{"role": "user", "content": "hi"}]}
        url = f"{stage.url}/v1/chat/completions"
        async with stage.http.post(url, json=said, headers={"x-api-key": key}) as answer:
            assert 200 == answer.status
        await put(stage, settings)
        assert 401 == (await stage.ask("alpha")).status
