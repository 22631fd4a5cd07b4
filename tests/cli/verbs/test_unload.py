"""``hostd unload``."""

import json
from collections.abc import Callable

import pytest

from tests.cli.recorded import Daemon, Ran

ANSWER = {"model": "org/tiny:latest", "state": "cold"}


def test_the_result_is_said_and_can_be_read_by_programs(
    daemon: Daemon, hostd: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence goes to stderr; stdout holds the answer when JSON is asked for, and nothing otherwise."""
    monkeypatch.setenv("HOSTD_URL", daemon.url)
    daemon.on("POST /hostd/v1/models/org%2Ftiny%3Alatest/unload", ANSWER)
    assert Ran(0, "", "hostd: org/tiny:latest is cold\n") == hostd("unload", "org/tiny:latest")
    assert ANSWER == json.loads(hostd("unload", "org/tiny:latest", "--json").out)


def test_a_model_that_a_request_waits_for_is_loaded_again(
    daemon: Daemon, hostd: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner is told why."""
    monkeypatch.setenv("HOSTD_URL", daemon.url)
    daemon.on("POST /hostd/v1/models/tiny/unload", {"model": "tiny", "state": "loading"})
    assert Ran(0, "", "hostd: tiny is loading again, because a request waits for it\n") == hostd("unload", "tiny")
