"""Real engines on a machine made small on purpose: who gets the memory, who waits for it how long, and what is said about it.

Each model holds half a gigabyte of KV cache, so that what `hostd plan` says of one leaves no doubt how many fit.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.journeys.host import LARGE, Host, large, needed_memory, started, until, write_files, write_machine

SWAP = 3.0
"""Seconds that an engine of this size takes to stop, and its memory to be seen to be back, on a slow machine."""


@pytest.fixture(scope="module")
def needs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, int]:
    """What `hostd plan` says of one model, in bytes: at least, probably, and at most."""
    return needed_memory(tmp_path_factory.mktemp("plan"), large("a"))


@pytest.fixture(scope="module")
def one(needs: Mapping[str, int]) -> int:
    """Memory (bytes) for one model and surely not for two."""
    assert needs["high"] < 2 * needs["low"]
    return needs["high"]


@contextmanager
def small(folder: Path, ram: int, *profiles: Mapping[str, Any]) -> Iterator[Host]:
    """Run a daemon with *profiles* on a machine of *ram* bytes; its boot is over when this yields."""
    config, machine = write_files(folder, *profiles), write_machine(folder, ram)
    with started(folder, "--config", str(config), "--host", str(machine)) as host:
        until(lambda: host.get("/readyz").status == 200)
        yield host


def promised(host: Host) -> tuple[int, int]:
    """Return how many bytes are promised, and how many there are."""
    plan = host.get("/hostd/v1/plan").json
    return sum(held.get("ram", 0) for held in plan["held"].values()), plan["pools"][0]["for_models_bytes"]


@dataclass
class Crowd:
    """One client for each model, each asking again as soon as it is answered."""

    host: Host
    seconds: float
    waits: dict[str, list[float]] = field(default_factory=dict)
    refused: list[bytes] = field(default_factory=list)
    most: float = 0.0

    @property
    def answers(self) -> int:
        """How many there have been."""
        return sum(map(len, self.waits.values()))

    def ask(self, *models: str) -> None:
        """Have them ask for a while, and look at the ledger all the time."""
        end = time.monotonic() + self.seconds
        clients = [threading.Thread(target=self._client, args=(model, end)) for model in models]
        for client in clients:
            client.start()
        while any(client.is_alive() for client in clients):
            held, have = promised(self.host)
            self.most = max(self.most, held / have)
            clients[0].join(0.05)
        for client in clients:
            client.join()

    def _client(self, model: str, end: float) -> None:
        while time.monotonic() < end:
            asked = time.monotonic()
            reply = self.host.chat(model)
            self.waits.setdefault(model, []).append(time.monotonic() - asked)
            self.refused += [] if reply.status == 200 else [reply.body]


@pytest.mark.parametrize("fit", [1, 2])
def test_three_models_that_do_not_fit_share_the_room_in_turns(
    tmp_path: Path, needs: Mapping[str, int], one: int, fit: int
) -> None:
    """Of three busy models where one or two fit, each has its turn: no error, no swap per request, no wait beyond a bound."""
    with small(tmp_path, one if fit == 1 else 3 * needs["low"] - 1, large("a"), large("b"), large("c")) as host:
        crowd, end = Crowd(host, seconds=6.0), time.monotonic() + 60.0
        crowd.ask("a", "b", "c")
        # A machine on which a load takes seconds needs more time to show that many requests share one.
        while (few := crowd.answers < 10 * len(host.decisions("model_ready"))) and time.monotonic() < end:
            crowd.ask("a", "b", "c")
        assert not few
        assert [] == crowd.refused
        assert crowd.most <= 1.0
        loads = host.decisions("model_ready")
        slowest = max(each["load_s"] for each in loads)
        assert {"a", "b", "c"} == {each["model"] for each in loads}
        # A model stays while its load pays off, some loads long; a request waits for the others' turns and its own load.
        turn = 6 * max(1.0, slowest) + slowest + SWAP
        assert max(max(waits) for waits in crowd.waits.values()) <= 2 * turn + slowest
        assert fit == most_at_once(host)


def most_at_once(host: Host) -> int:
    """Return how many models were loaded at the same time, from the decisions: each told to go before another began."""
    here, most = set[str](), 0
    for each in host.decisions("load_started", "engine_stopped", "engine_failed"):
        here = here | {each["model"]} if each["decision"] == "load_started" else here - {each["model"]}
        most = max(most, len(here))
    return most


def test_a_load_that_must_fail_evicts_nothing(tmp_path: Path, one: int) -> None:
    """A file that is gone and a flag that no engine knows cost no warm model its place; a fallback answers."""
    gone = {"variants": [{"backend": "llamacpp", "path": str(tmp_path / "gone.gguf")}]}
    flag = {"args": {"threads": 1, "no-such-flag": 1}}
    profiles = [large("a"), large("gone", **gone), large("flag", **flag), large("spare", **gone, fallback=["a"])]
    with small(tmp_path, one, *profiles) as host:
        assert 200 == host.chat("a").status
        pid = host.row("a")["pid"]
        for name, word in (("gone", "gone.gguf"), ("flag", "--no-such-flag")):
            reply = host.chat(name)
            assert (503, "load_failed") == (reply.status, reply.json["error"]["code"])
            assert word in reply.json["error"]["message"]
            loaded = host.cli("load", name)
            assert (1, True) == (loaded.returncode, word in loaded.stderr)
        reply = host.chat("spare")
        assert (200, "a", "fallback:load_failed") == (
            reply.status,
            reply.headers["x-hostd-model"],
            reply.headers["x-hostd-route"],
        )
        assert pid == host.row("a")["pid"]
        assert [] == host.decisions("evicted")


def test_what_is_too_large_for_the_machine_is_refused_with_numbers(tmp_path: Path, one: int) -> None:
    """503 with Retry-After, exit code 1, an explanation; a fallback answers, and nothing is evicted for a load that cannot fit."""
    huge = {"context": 4 * LARGE}
    profiles = [large("a"), large("huge", **huge), large("spare", **huge, fallback=["a"])]
    with small(tmp_path, one, *profiles) as host:
        assert 200 == host.chat("a").status
        pid = host.row("a")["pid"]
        reply = host.chat("huge")
        assert (503, "out_of_memory") == (reply.status, reply.json["error"]["code"])
        assert "iB" in reply.json["error"]["message"]
        assert 1 <= int(reply.headers["Retry-After"]) <= 60
        loaded = host.cli("load", "huge")
        assert 1 == loaded.returncode
        assert "could not be loaded" in loaded.stderr
        told = host.cli("why", "huge").stdout
        assert "there is not enough memory for 'huge'" in told
        assert "short of" in told
        reply = host.chat("spare")
        assert (200, "fallback:out_of_memory") == (reply.status, reply.headers["x-hostd-route"])
        assert pid == host.row("a")["pid"]
        assert [] == host.decisions("evicted")
        held, have = promised(host)
        assert held <= have


def test_more_to_preload_than_fits(tmp_path: Path, one: int) -> None:
    """The boot ends with the most important model warm; the others are left out with reasons, and load when asked for."""
    profiles = [large(name, warm={"priority": priority}) for name, priority in (("a", 10), ("b", 90), ("c", 50))]
    with small(tmp_path, one, *profiles) as host:
        answer = host.get("/readyz").json
        assert {"a": "cold", "b": "ready", "c": "cold"} == answer["preload"]
        assert ["a", "c"] == sorted(answer["left_out"])
        assert all("lacks" in why and "b" in why for why in answer["left_out"].values())
        rows = {row["model"]: row["state"] for row in json.loads(host.cli("ps", "--json").stdout)}
        assert {"a": "cold", "b": "ready", "c": "cold"} == rows
        assert "left out" in host.cli("why", "a").stdout
        assert 200 == host.chat("a").status
        assert "is evicted for 'a'" in host.cli("why", "a").stdout


def test_three_models_are_warm_together_whatever_their_engines_might_keep(tmp_path: Path, one: int) -> None:
    """Each engine may keep 8 GiB of past prompts by default; it is allowed an equal part of half of what is left, to the MiB."""
    args = {"args": {"threads": 1, "ubatch-size": 16}, "warm": {}}
    profiles = [large(name, **args) for name in "abc"]
    with small(tmp_path, 3 * one + (600 << 20), *profiles) as host:
        answer = host.get("/readyz").json
        assert (dict.fromkeys("abc", "ready"), {}) == (answer["preload"], answer.get("left_out", {}))
        allowed = {name: psutil.Process(host.row(name)["pid"]).environ()["LLAMA_ARG_CACHE_RAM"] for name in "abc"}
        assert dict.fromkeys("abc", "100") == allowed
        held, have = promised(host)
        assert 3 * one + (300 << 20) == held <= have
        planned = json.loads(host.cli("plan", "a", "b", "c", "--json").stdout)
        assert {"a", "b", "c"} == set(planned["warm_set"])
        assert {one + (100 << 20)} == {each["pool_bytes"]["ram"]["high"] for each in planned["models"]}


def test_a_window_that_is_open_at_boot_warms_its_model(tmp_path: Path, one: int) -> None:
    """After a reboot inside a window the model is warm before anybody asks, and `why` says for what."""
    now = datetime.now().astimezone()
    edges = [f"{now + timedelta(hours=hours):%H:%M}" for hours in (-1, 1)]
    warm = {"preload": False, "windows": [f"daily {edges[0]}-{edges[1]}"], "keep_alive": "1s"}
    profiles = [large("asked"), large("office", warm=warm)]
    for boot in ("first", "second"):
        (tmp_path / boot).mkdir()
        with small(tmp_path / boot, one, *profiles) as host:
            until(lambda: host.row("office")["state"] == "ready")
            assert host.row("office")["unloads_at"] is None
            assert "one of its windows is open" in " ".join(host.cli("why", "office").stdout.split())


def test_two_at_the_same_moment_are_never_both_promised_the_room(tmp_path: Path, one: int) -> None:
    """The owner and a client want two models at once where one fits: both get theirs, one after the other."""
    with small(tmp_path, one, large("a"), large("b"), large("c")) as host, ThreadPoolExecutor(3) as hands:
        asked = [hands.submit(host.chat, "a"), hands.submit(host.chat, "b")]
        loaded = hands.submit(host.post, "/hostd/v1/models/c/load")
        while not all(each.done() for each in (*asked, loaded)):
            held, have = promised(host)
            assert held <= have
        assert [200, 200, 200] == [each.result().status for each in (*asked, loaded)]
        assert 1 == most_at_once(host)


def test_the_owner_takes_the_room_at_once(tmp_path: Path, one: int) -> None:
    """`hostd load` of another model evicts an idle one without waiting out its stay, as `hostd plan` announced, and says so."""
    with small(tmp_path, one, large("a"), large("b")) as host:
        assert 0 == host.cli("load", "a").returncode
        planned = host.cli("plan", "b", "--json")
        assert (10, ["a"]) == (planned.returncode, json.loads(planned.stdout)["models"][0]["evict"]), planned.stderr
        loaded = host.cli("load", "b")
        assert 0 == loaded.returncode, loaded.stderr
        assert ["cold", "ready"] == [host.row(name)["state"] for name in ("a", "b")]
        (evicted,) = host.decisions("evicted")
        assert ("a", "b", "asked") == (evicted["model"], evicted["for"], evicted["cause"])
        assert {"needs", "free", "candidates", "cost_s"} <= evicted.keys()


def test_a_loading_engine_that_is_killed_gives_its_room_back(tmp_path: Path, one: int) -> None:
    """An engine killed in the middle of a load: the owner is told, nothing stays promised, and another model has the room."""
    with small(tmp_path, one, large("a"), large("b")) as host, ThreadPoolExecutor(1) as hands:
        loading = hands.submit(host.cli, "load", "a")
        until(lambda: host.row("a")["state"] == "loading" and host.row("a")["pid"])
        psutil.Process(host.row("a")["pid"]).kill()
        killed = loading.result()
        assert 1 == killed.returncode, killed.stdout
        assert "'a' could not be loaded" in killed.stderr
        assert "could not be loaded" in host.cli("why", "a").stdout
        assert 200 == host.chat("b").status
        assert 1 == most_at_once(host)


def test_unloading_a_model_with_waiting_requests(tmp_path: Path, one: int) -> None:
    """`hostd unload` of a model that a client waits for loses no request: the client still gets its answer."""
    with small(tmp_path, one, large("a"), large("b")) as host, ThreadPoolExecutor(1) as hands:
        assert 200 == host.chat("a").status
        waiting = hands.submit(host.chat, "b")
        until(lambda: host.row("b")["queued"])
        unloaded = host.cli("unload", "b")
        assert 0 == unloaded.returncode, unloaded.stderr
        assert 200 == waiting.result().status


def test_hints_of_clients_never_reload_a_model(tmp_path: Path, one: int) -> None:
    """keep_alive, num_ctx and the like in a request leave the model loaded as its owner declared it."""
    hints: list[dict[str, Any]] = [
        {"keep_alive": 0},
        {"keep_alive": "24h", "options": {"num_ctx": 512}},
        {"keep_alive": -1, "num_ctx": 1 << 20},
        {"options": {"num_ctx": 1 << 20, "num_gpu": 0}},
    ]
    with small(tmp_path, one, large("a", warm={"priority": 60})) as host:
        pid = host.row("a")["pid"]
        for hint in hints:
            assert 200 == host.chat("a", **hint).status
        assert pid == host.row("a")["pid"]
        assert 1 == len(host.decisions("load_started"))
