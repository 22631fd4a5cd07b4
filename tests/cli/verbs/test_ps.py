"""``hostd ps``."""

import json
from collections.abc import Callable

import pytest

from tests.cli.recorded import FAILED, READY, Daemon, Ran

STATUS = {"version": "1", "pid": 1, "ready": True, "listen": [], "instances": [READY, FAILED]}


@pytest.fixture(autouse=True)
def two_instances(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon has one model that is ready and one that failed."""
    daemon.on("GET /hostd/v1/status", STATUS)
    monkeypatch.setenv("HOSTD_URL", daemon.url)


def test_the_table_shows_every_model(hostd: Callable[..., Ran]) -> None:
    """Each model is one line: state, slots in use, queue, memory, when it unloads, what went wrong."""
    ran = hostd("ps")
    header, ready, failed = ran.out.splitlines()
    assert (0, "") == (ran.code, ran.err)
    assert "MODEL STATE BACKEND PID SLOTS QUEUE MEMORY SPEED UNLOADS LAST ERROR" == " ".join(header.split())
    assert "qwen3.5-9b ready llamacpp 4711 2/4 3 6.0 GiB ram - in" == " ".join(ready.split()[:11])
    assert "org/tiny:latest failed - - 0/1 0 - - - llama-server ended with status 1:" == " ".join(failed.split()[:14])


@pytest.mark.parametrize(
    ("prefill", "decode", "said"),
    [(512.34, 40.2, "512/40 tok/s"), (None, 40.2, "-/40 tok/s"), (512.34, None, "512/- tok/s")],
)
def test_how_fast_it_is_lately(
    daemon: Daemon, hostd: Callable[..., Ran], prefill: float | None, decode: float | None, said: str
) -> None:
    """Tokens read and written a second, as far as they are known."""
    speed = {"prefill_tokens_per_s": prefill, "decode_tokens_per_s": decode, "cached_share": None, "ttft_ms": None}
    daemon.on("GET /hostd/v1/status", {**STATUS, "instances": [{**READY, "speed": speed}]})
    assert said in hostd("ps").out


def test_a_model_that_reads_says_how_far_it_is(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """In percent of all prompts that it reads."""
    prompts = [{"read_tokens": 6000, "total_tokens": 20000}, {"read_tokens": 0, "total_tokens": 4000}]
    daemon.on("GET /hostd/v1/status", {**STATUS, "instances": [{**READY, "prompts": prompts}]})
    assert "ready, 25% of 24000 tokens read" in hostd("ps").out


def test_a_degraded_host_says_so_first(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """On standard error: programs that read the rows get them as always."""
    daemon.on("GET /hostd/v1/status", {**STATUS, "troubles": ["cuda:0 (A card) has vanished"]})
    ran = hostd("ps", "--json")
    assert "degraded: cuda:0 (A card) has vanished" in ran.err
    assert [READY, FAILED] == json.loads(ran.out)


def test_a_narrow_terminal_cuts_the_error_short(hostd: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    """At 100 columns everything but the error is whole."""
    monkeypatch.setenv("COLUMNS", "100")
    ran = hostd("ps")
    assert all(len(line) <= 100 for line in ran.out.splitlines())
    assert "org/tiny:latest" in ran.out


def test_json_prints_the_rows_untouched(hostd: Callable[..., Ran]) -> None:
    """Programs get the list of rows with exactly the daemon's keys."""
    assert [READY, FAILED] == json.loads(hostd("ps", "--json").out)


def test_a_daemon_of_another_version_is_no_crash(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """A row that lacks a key is explained, without a traceback."""
    daemon.on("GET /hostd/v1/status", {"instances": [{"model": "tiny", "state": "ready"}]})
    ran = hostd("ps")
    assert (1, "") == (ran.code, ran.out)
    assert "hostd: the daemon's answer lacks 'last_error'" in ran.err


def test_a_dead_port_says_how_to_start(hostd: Callable[..., Ran]) -> None:
    """Without a daemon, nothing is printed on stdout, and the exit code is 3."""
    ran = hostd("ps", "--url", "127.0.0.1:1")
    assert (3, "") == (ran.code, ran.out)
    assert "hostd: no hostd answers at http://127.0.0.1:1 (connection refused); start it with: hostd serve\n" == ran.err
