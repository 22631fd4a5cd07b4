"""Who may use the server is told by keys, before anything of a body is read."""

import asyncio
from pathlib import Path

import pytest

from hostd.domain.client_key import ClientKey
from hostd.domain.errors import ConfigError, Problem, RequestError
from hostd.domain.principal import ANONYMOUS, KeyScope, PrincipalKind
from hostd.domain.profile import Settings
from hostd.domain.server_settings import KeySettings, LoopbackRule
from hostd.gateway.http.key_ring import LOOK_EVERY, KeyRing
from hostd.key_file import KeyFile, digest_of, new_key
from tests.conftest import OpenDaemon
from tests.stage import CHAT, make_profile, make_settings
from tests.virtual_time import in_virtual_time

KEY, ADMIN, SOME = new_key(), new_key(), new_key()
KEYS = (
    ClientKey("reader", digest_of(KEY), 0.0, expires=1000.0),
    ClientKey("owner", digest_of(ADMIN), 0.0, scope=KeyScope.ADMIN),
    ClientKey("some", digest_of(SOME), 0.0, models=frozenset({"beta"})),
)
BODY = {"model": "alpha", "messages": [{"role": "user", "content": "a"}], "max_tokens": 3}


def _settings(weights: Path, keys: KeySettings) -> Settings:
    return make_settings(make_profile("alpha", weights), make_profile("beta", weights), keys=keys)


class Clocks:
    """Clocks and a file that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.keys: tuple[ClientKey, ...] | None = KEYS
        self.broken = False

    def changed(self) -> tuple[ClientKey, ...] | None:
        """Return the keys once."""
        if self.broken:
            raise ConfigError((Problem("no keys", "k.yaml"),))
        found, self.keys = self.keys, None
        return found

    def ring(self, *, loopback_open: bool = False) -> KeyRing:
        """Return a ring with these keys."""
        return KeyRing(self.changed, loopback_open=loopback_open, clock=lambda: self.now, wall=lambda: self.now)


def _refused(ring: KeyRing, headers: dict[str, str], path: str, peer: str | None = "127.0.0.1") -> tuple[int, str]:
    with pytest.raises(RequestError) as refused:
        ring.identify(headers, path, peer=peer)
    assert KEY[:-1] not in refused.value.message
    return refused.value.status, refused.value.message


@pytest.mark.parametrize(
    "header", [{"Authorization": f"Bearer {KEY}"}, {"X-Api-Key": KEY}], ids=["bearer", "x-api-key"]
)
def test_a_key_names_its_client(header: dict[str, str]) -> None:
    """R5: what a client calls itself does not count; a placeholder in the other header does no harm."""
    principal = Clocks().ring().identify({"X-Hostd-Client": "owner"} | header, CHAT, peer="10.0.0.1")
    assert ("reader", PrincipalKind.KEY, KeyScope.INFERENCE) == (principal.client, principal.kind, principal.scope)
    both = {"Authorization": "bearer x", "X-Api-Key": "x"} | header
    assert principal == Clocks().ring().identify(both, CHAT, peer="10.0.0.1")


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer x", f"Bearer {KEY[:-1]}", f"Basic {KEY}", "Bearer \udcff"], ids=range(6)
)
def test_another_key_opens_nothing(given: str) -> None:
    """R16: none that begins alike either; hashes are compared in constant time. The key is in no message."""
    assert 401 == _refused(Clocks().ring(), {"Authorization": given}, CHAT)[0]


@in_virtual_time
async def test_keys_end() -> None:
    """At their time, with a word of their own; and within a second of being revoked."""
    clocks = Clocks()
    ring = clocks.ring()
    clocks.now = 1000.0
    assert "the key 'reader' has expired on 1970-01-01" in _refused(ring, {"X-Api-Key": KEY}, CHAT)[1]
    await ring.look()
    clocks.keys = ()
    assert not ring.is_due
    clocks.now += LOOK_EVERY
    assert ring.is_due
    await asyncio.gather(ring.look(), ring.look())
    assert not ring.is_due
    assert 401 == _refused(ring, {"X-Api-Key": ADMIN}, CHAT)[0]


@in_virtual_time
async def test_a_broken_file_keeps_what_was_read() -> None:
    """R5: an owner's slip of the pen neither opens the server nor locks everybody out."""
    clocks = Clocks()
    ring = clocks.ring()
    clocks.broken, clocks.now = True, 2 * LOOK_EVERY
    await ring.look()
    assert "owner" == ring.identify({"X-Api-Key": ADMIN}, CHAT, peer="10.0.0.1").client
    assert 401 == _refused(ring, {}, CHAT)[0]


def test_the_daemon_is_steered_with_scope_admin() -> None:
    """R5: models of servers in the open were managed by anybody who could ask them."""
    ring = Clocks().ring()
    for path in ("/hostd/v1/models/alpha/load", "/hostd/v1/status", "/hostd/anything"):
        assert (403, True) == ((said := _refused(ring, {"X-Api-Key": KEY}, path))[0], "--scope admin" in said[1])
        assert "owner" == ring.identify({"X-Api-Key": ADMIN}, path, peer="10.0.0.1").client
    assert "reader" == ring.identify({"X-Api-Key": KEY}, "/metrics", peer="10.0.0.1").client


@pytest.mark.parametrize("path", ["/", "/dashboard/app.js", "/healthz", "/readyz"])
def test_health_needs_no_key(path: str) -> None:
    """R35: probes have none, nor has a browser before its page has asked for one; counters, which name models, take one."""
    assert ANONYMOUS is Clocks().ring().identify({}, path, peer="10.0.0.1")
    assert 401 == _refused(Clocks().ring(), {}, "/metrics")[0]


def test_who_needs_none() -> None:
    """R29: clients of a unix socket, whose mode says who may use it, and of loopback where the owner has opened it."""
    ring, opened = Clocks().ring(), Clocks().ring(loopback_open=True)
    assert ANONYMOUS is ring.identify({}, CHAT, peer=None)
    for peer in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert ANONYMOUS is opened.identify({"X-Api-Key": "unused"}, CHAT, peer=peer)
        assert 401 == _refused(ring, {}, CHAT, peer)[0]
    for peer in ("10.0.0.1", "", "localhost"):
        assert 401 == _refused(opened, {}, CHAT, peer)[0]
    assert KeyScope.ADMIN is ring.identify({"X-Api-Key": ring.own}, "/hostd/v1/status", peer="10.0.0.1").scope


@pytest.mark.asyncio(loop_scope="session")
async def test_every_route_takes_a_key(open_daemon: OpenDaemon, weights: Path, tmp_path: Path) -> None:
    """R4: the path that is answered decides, whatever prefix, slip or method it was asked with; each dialect has its own 401."""
    KeyFile(tmp_path / "k.yaml").write(KEYS[1:])
    file = str(tmp_path / "k.yaml")
    async with open_daemon(_settings(weights, KeySettings(file))) as stage:
        for method, path in (
            *(
                ("POST", each)
                for each in (CHAT, "/v1/messages", "/api/chat", "/v1/responses", "/v1/v1/messages", "//api/chat")
            ),
            *(
                ("GET", each)
                for each in ("/v1/models", "/api/tags", "/metrics", "/nothing", "/hostd/v1/status", "/v1/hostd/v1/why")
            ),
        ):
            answer = await stage.send(method, path, data=b"{" if method == "POST" else None)
            assert (401, "Bearer") == (answer.status, answer.headers["WWW-Authenticate"]), path
        assert "authentication_error" == (await stage.send("POST", "/v1/messages")).json["error"]["type"]
        assert isinstance((await stage.send("POST", "/api/chat")).json["error"], str)
        assert "invalid_api_key" == (await stage.send("POST", CHAT)).error["code"]
        for headers, status in (({"X-Api-Key": SOME}, 403), ({"X-Api-Key": ADMIN}, 200)):
            assert status == (await stage.send("POST", CHAT, json=BODY, headers=headers)).status
            assert status == (await stage.send("POST", "/hostd/v1/models/alpha/load", headers=headers)).status


@pytest.mark.asyncio(loop_scope="session")
async def test_a_key_shows_its_models_alone(open_daemon: OpenDaemon, weights: Path, tmp_path: Path) -> None:
    """In every list, and by name: another is refused with 403."""
    KeyFile(tmp_path / "k.yaml").write(KEYS)
    settings = KeySettings(str(tmp_path / "k.yaml"), LoopbackRule.OPEN)
    async with open_daemon(_settings(weights, settings)) as stage:
        some = {"Authorization": f"Bearer {SOME}"}
        assert ["beta"] == [each["id"] for each in (await stage.send("GET", "/v1/models", headers=some)).json["data"]]
        assert ["beta"] == [
            each["name"].removesuffix(":latest")
            for each in (await stage.send("GET", "/api/tags", headers=some)).json["models"]
        ]
        assert 403 == (await stage.send("GET", "/v1/models/alpha", headers=some)).status
        assert 403 == (await stage.send("POST", "/api/show", headers=some, json={"model": "alpha"})).status
        assert 2 == len((await stage.get("/v1/models")).json["data"])
