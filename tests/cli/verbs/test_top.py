"""``hostd top`` without a terminal: one frame, data, or a sentence; in one it is tested in `tests.cli.top`."""

import json
from collections.abc import Callable

from tests.cli.recorded import Daemon, Ran
from tests.cli.top.conftest import PATH
from tests.cli.top.told import stream


def test_once_prints_a_frame(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """Into a pipe, with everything in it and without colours."""
    daemon.on(PATH, stream())
    ran = hostd("top", "--once", "--url", daemon.url)
    assert (0, "") == (ran.code, ran.err)
    assert "\x1b" not in ran.out
    for word in (
        "7.0 GiB of 24.0 GiB free",
        "qwen-coder",
        "prefill 30%",
        "llama-server ended: out of memory",
        "evicted",
    ):
        assert word in ran.out


def test_json(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """What it would show, as data."""
    daemon.on(PATH, stream())
    told = json.loads(hostd("top", "--json", "--url", daemon.url).out)
    assert {"status", "models", "memory", "requests", "decisions", "past"} == told.keys()
    assert (6, 3) == (len(told["models"]["models"]), len(told["past"]))


def test_without_a_terminal(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """It says how to go without one."""
    ran = hostd("top", "--url", daemon.url)
    assert (2, "") == (ran.code, ran.out)
    assert "--once" in ran.err


def test_without_a_daemon(hostd: Callable[..., Ran]) -> None:
    """As every verb says it."""
    ran = hostd("top", "--once", "--url", "http://127.0.0.1:9")
    assert (3, "") == (ran.code, ran.out)
    assert "hostd serve" in ran.err


def test_a_daemon_that_ends_at_once(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """Before it has told all."""
    daemon.on(PATH, "")
    ran = hostd("top", "--once", "--url", daemon.url)
    assert (3, "") == (ran.code, ran.out)
