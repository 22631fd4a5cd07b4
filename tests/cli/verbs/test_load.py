"""``hostd load``."""

import json
from collections.abc import Callable

import pytest

from tests.cli.recorded import Daemon, Ran

ANSWER = {"model": "tiny", "state": "ready", "seconds": 3.25}


@pytest.fixture(autouse=True)
def address(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line finds the daemon by its environment."""
    monkeypatch.setenv("HOSTD_URL", daemon.url)


def test_a_load_is_announced_and_its_end_is_told(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """Without a terminal, one line when it begins and one when it is done, both on stderr."""
    daemon.on("POST /hostd/v1/models/tiny/load", ANSWER)
    assert Ran(0, "", "hostd: loading tiny ...\nhostd: tiny is ready after 3.2 s\n") == hostd("load", "tiny")


def test_json_goes_to_stdout(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """Programs get the daemon's answer, with the sentences still on stderr."""
    daemon.on("POST /hostd/v1/models/tiny/load", ANSWER)
    assert ANSWER == json.loads(hostd("load", "tiny", "--json").out)


def test_not_waiting_says_where_to_look(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """Without waiting, the load is only begun."""
    daemon.on("POST /hostd/v1/models/tiny/load?wait=0", ANSWER | {"state": "loading", "seconds": 0.0})
    assert Ran(0, "", "hostd: tiny is loading; see: hostd ps\n") == hostd("load", "tiny", "--no-wait")


def test_a_load_that_fails_tells_the_engines_reason(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """The engine's failure is the last thing said, with exit code 1."""
    daemon.refuse("POST /hostd/v1/models/tiny/load", 502, "llama-server ended: no such file", "engine_failed")
    ran = hostd("load", "tiny")
    assert (1, "") == (ran.code, ran.out)
    assert "hostd: llama-server ended: no such file" == ran.err.splitlines()[-1]


def test_no_room_now_is_busy(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """A refusal that passes by itself has exit code 75 and says when to try again."""
    daemon.refuse("POST /hostd/v1/models/tiny/load", 503, "no memory is free", "unavailable", retry_after="9")
    ran = hostd("load", "tiny")
    assert 75 == ran.code
    assert "hostd: no memory is free; try again in 9 s" == ran.err.splitlines()[-1]
