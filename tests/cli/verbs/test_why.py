"""``hostd why``."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.cli.recorded import Daemon, Ran

PATH = "GET /hostd/v1/why?"
OLD: dict[str, Any] = {
    "at": "2026-01-02T08:00:00.250Z",
    "decision": "evicted",
    "model": "big",
    "request": None,
    "why": "'big' is evicted for 'small' [costs 12.5 s]",
    "for": "small",
    "cost_s": 12.5,
}
NONE: dict[str, Any] = {"decisions": []}


@pytest.fixture(autouse=True)
def at_home(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon is the one that is asked by itself."""
    monkeypatch.setenv("HOSTD_URL", daemon.url)


def test_tells_about_a_model(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """One line for each decision: when, which, and the sentence; the day where it was not today."""
    now = datetime.now().astimezone()
    daemon.on(PATH + "request=org%2Fbig%3Alatest&last=20", NONE)
    daemon.on(PATH + "model=org%2Fbig%3Alatest&last=20", {"decisions": [OLD, OLD | {"at": now.isoformat()}]})
    ran = hostd("why", "org/big:latest")
    old, new = ran.out.splitlines()
    local = datetime.fromisoformat(OLD["at"]).astimezone()
    assert (0, "") == (ran.code, ran.err)
    assert f"{local:%Y-%m-%d %H:%M:%S}  evicted  'big' is evicted for 'small' [costs 12.5 s]" == old
    assert new.startswith(f"{now:%H:%M:%S}  evicted ")


def test_tells_about_a_request(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """An id is looked for first; models are not asked for then."""
    daemon.on(PATH + "request=req_1&last=3", {"decisions": [OLD]})
    assert "is evicted for" in hostd("why", "req_1", "--last", "3").out
    assert [PATH + "request=req_1&last=3"] == daemon.paths()


def test_tells_about_everything(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """Without a name, the last decisions of all; programs get them untouched."""
    daemon.on(PATH + "last=20", {"decisions": [OLD]})
    assert [OLD] == json.loads(hostd("why", "--json").out)


def test_has_nothing_to_tell(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """That is said on stderr, and is no failure."""
    daemon.on(PATH + "last=20", NONE)
    daemon.on(PATH + "request=m&last=20", NONE)
    daemon.on(PATH + "model=m&last=20", NONE)
    assert Ran(0, "", "hostd: nothing has been decided yet\n") == hostd("why")
    assert Ran(0, "", "hostd: nothing has been decided about 'm' yet\n") == hostd("why", "m")
    assert "[]\n" == hostd("why", "--json").out


def test_knows_no_such_model(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """What is neither a request nor a model ends with exit code 5 and the nearest name."""
    daemon.on(PATH + "request=bog&last=20", NONE)
    daemon.refuse(PATH + "model=bog&last=20", 404, "unknown model 'bog'; did you mean 'big'?", "model_not_found")
    ran = hostd("why", "bog")
    assert Ran(5, "", "hostd: unknown model 'bog'; did you mean 'big'? See: hostd ls\n") == ran
