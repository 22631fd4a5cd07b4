"""Reloads of the real daemon under load: whatever the files say meanwhile, each request is answered, and once."""

import json
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import yaml

from hostd.supervisor.launch import free_port
from tests.journeys.host import Host, Reply, serving, started, until, write_files
from tests.stage import ENGINE

REQUESTS, OF_REMOVED, RELOADS = 200, 20, 10
COMMAND = {"llamacpp": {"command": list(ENGINE)}}
GROWTH = 8 << 20
"""Bytes that ten reloads may add: more than the allocator moves about, less than what reads files would take."""


def profile(name: str, weights: Path, turn: int = 0, **more: Any) -> dict[str, Any]:
    """Return a profile whose arguments, limits, aliases and fallback all depend on the *turn*."""
    script = {"tokens": 5, "token_delay": 0.01}
    return {
        "name": name,
        "aliases": [f"{name}-{turn}", f"{name}-always"],
        "variants": [{"backend": "llamacpp", "path": str(weights)}],
        "slots": 4,
        "args": {"script": json.dumps(script), "threads": 1 + turn // 3},
        "limits": {"max_concurrent": 2 + turn % 3, "max_queue": 300, "queue_timeout": "120s"},
    } | more


def write(folder: Path, *profiles: dict[str, Any]) -> None:
    """Write these profiles, and no others."""
    models = folder / "model_profiles"
    for file in models.iterdir():
        file.unlink()
    for each in profiles:
        (models / f"{each['name']}.yaml").write_text(yaml.safe_dump(each), "utf-8")


def ask(host: Host, number: int) -> Reply:
    """Ask the model that is removed, the one that stays, or the one that is changed."""
    model = "gone" if number < OF_REMOVED else ("kept", "moved", "moved-always")[number % 3]
    said = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    return host.post("/v1/chat/completions", said, {"x-request-id": f"r{number}"})


def recorded(host: Host) -> Counter[str]:
    """Return how often each request is recorded as over."""
    return Counter(each["id"] for each in host.get("/hostd/v1/requests?last=1000").json["past"])


def test_ten_reloads_lose_none_of_two_hundred_requests(tmp_path: Path, weights: Path, say: Any) -> None:
    """Unchanged models keep their engine, new ones answer at once, and the daemon's memory stays as it was."""
    kept, slow = profile("kept", weights), json.dumps({"tokens": 3, "first_token_delay": 1.0})
    gone = profile("gone", weights, args={"script": slow})
    with serving(tmp_path, kept, profile("moved", weights), gone, backends=COMMAND) as host:
        daemon, (pid, moved) = psutil.Process(host.process.pid), (host.row(name)["pid"] for name in ("kept", "moved"))
        assert host.post("/hostd/v1/reload").json["applied"]
        before = daemon.memory_info().rss
        with ThreadPoolExecutor(REQUESTS) as clients:
            asked = [clients.submit(ask, host, number) for number in range(OF_REMOVED)]
            until(lambda: len(host.get("/hostd/v1/requests").json["requests"]) == OF_REMOVED)
            asked += [clients.submit(ask, host, number) for number in range(OF_REMOVED, REQUESTS)]
            until(lambda: len(host.get("/hostd/v1/requests").json["requests"]) > REQUESTS // 2)
            for turn in range(1, RELOADS + 1):
                extra = [profile(f"new{turn}", weights, warm={"preload": False})]
                fallback = [f"new{turn}"] if turn % 2 else []
                write(tmp_path, kept, profile("moved", weights, turn, fallback=fallback), *extra)
                told = host.post("/hostd/v1/reload").json
                assert [f"new{turn}"] == told["added"]
                assert (["moved"], [f"new{turn - 1}"] if turn > 1 else ["gone"]) == (told["changed"], told["removed"])
                if turn in (1, RELOADS):
                    assert 200 == host.chat(f"new{turn}").status
            answers = [each.result() for each in asked]
        assert {200: REQUESTS} == Counter(each.status for each in answers)
        assert {"gone"} == {each.headers["x-hostd-model"] for each in answers[:OF_REMOVED]}
        assert 404 == ask(host, 0).status
        assert REQUESTS == len({each.headers["x-request-id"] for each in answers})
        assert all(len(each.json["choices"]) == 1 for each in answers)
        assert {"1"} == {each.headers["x-hostd-attempts"] for each in answers}
        # Records are written a little later.
        until(lambda: set(recorded(host)) >= {f"r{number}" for number in range(REQUESTS)})
        assert {1} == set(recorded(host).values())
        assert pid == host.row("kept")["pid"]
        until(lambda: host.row("moved")["state"] == "ready" and host.row("moved")["pid"] != moved)
        assert "--threads 4" in " ".join(psutil.Process(host.row("moved")["pid"]).cmdline())
        until(lambda: len(host.get("/hostd/v1/models").json["models"]) == 3)
        grown = daemon.memory_info().rss - before
        say("reload", f"{RELOADS} reloads, {REQUESTS} requests: the daemon grew by {grown >> 10} KiB")


def test_backends_and_the_server_change_and_lose_none_of_two_hundred_requests(
    tmp_path: Path, weights: Path, say: Any
) -> None:
    """Every engine ends up with the newest variables of its backend, addresses come and go, and each request is answered once."""
    models = [profile(name, weights, warm={"preload": name != "cold"}) for name in ("one", "two", "cold")]
    with serving(tmp_path, *models, backends=COMMAND) as host:
        before = {name: host.row(name)["pid"] for name in ("one", "two")}

        def put(turn: int) -> dict[str, Any]:
            backends = {"llamacpp": COMMAND["llamacpp"] | {"env": {"TURN": f"{turn}"}}}
            server = {"max_body": f"{turn}MiB", "hosts": [f"box{turn}.example"], "keep_alive_every": f"{turn}s"}
            write_files(tmp_path, *models, backends=backends, server=server)
            told: dict[str, Any] = host.post("/hostd/v1/reload").json
            return told

        with ThreadPoolExecutor(REQUESTS) as clients:

            def one(number: int) -> Reply:
                said = {"model": ("one", "two")[number % 2], "messages": [{"role": "user", "content": "hi"}]}
                return host.post("/v1/chat/completions", said, {"x-request-id": f"r{number}"})

            asked = [clients.submit(one, number) for number in range(REQUESTS)]
            until(lambda: len(host.get("/hostd/v1/requests").json["requests"]) > REQUESTS // 2)
            for turn in range(1, RELOADS + 1):
                told = put(turn)
                assert ["one", "two", "cold"] == sorted(told["changed"], key=["one", "two", "cold"].index)
                takes = {each["key"]: each["takes"] for each in told["changes"]}
                assert "idle" == takes["backends.llamacpp.env.TURN"]
                assert {"now"} == {takes[key] for key in takes if key.startswith("server.")}
            answers = [each.result() for each in asked]
        assert {200: REQUESTS} == Counter(each.status for each in answers)
        assert {"1"} == {each.headers["x-hostd-attempts"] for each in answers}
        until(lambda: set(recorded(host)) >= {f"r{number}" for number in range(REQUESTS)})
        assert {1} == set(recorded(host).values())
        assert 200 == host.chat("cold").status
        for name in ("one", "two", "cold"):
            until(partial(_moved, host, name, before.get(name)))
            assert str(RELOADS) == psutil.Process(host.row(name)["pid"]).environ()["TURN"]
        assert 413 == host.post("/v1/chat/completions", b"x" * ((RELOADS << 20) + 1)).status
        say("reload", f"{RELOADS} reloads of backends and server: {host.cli('reload').stderr.strip()}")


def test_addresses_change_while_a_stream_is_answered(tmp_path: Path, weights: Path) -> None:
    """The new one answers at once, the old one is closed, and what came by it is answered to its end; files are watched."""
    old, new = free_port(), free_port()
    slow = profile("slow", weights, args={"script": json.dumps({"tokens": 30, "token_delay": 0.1})})
    write_files(tmp_path, slow, backends=COMMAND, server={"listen": f"127.0.0.1:{old}", "watch": True})
    with started(tmp_path, "--config", str(tmp_path / "hostd.yaml"), port=old, listen=False) as host:
        until(lambda: host.get("/readyz").status == 200)
        with ThreadPoolExecutor(1) as clients:
            answer = clients.submit(host.chat, "slow", stream=True)
            until(lambda: host.row("slow")["in_flight"] == 1)
            write_files(tmp_path, slow, backends=COMMAND, server={"listen": f"127.0.0.1:{new}", "watch": True})
            moved = replace(host, url=f"http://127.0.0.1:{new}")
            until(lambda: _answers(moved))
            until(lambda: not _answers(host))
            assert answer.result().body.endswith(b"data: [DONE]\n\n")
        assert 200 == moved.chat("slow").status


def _moved(host: Host, model: str, before: int | None) -> bool:
    row = host.row(model)
    return bool(row["state"] == "ready" and row["pid"] != before)


def _answers(host: Host) -> bool:
    try:
        return host.get("/healthz").status == 200
    except OSError:
        return False


def test_memory_stays_flat_over_reloads(tmp_path: Path, weights: Path, say: Any) -> None:
    """A reload's reading is another process's: what the daemon holds does not grow with their number."""
    with serving(tmp_path, profile("kept", weights), backends=COMMAND) as host:
        daemon, sizes = psutil.Process(host.process.pid), []
        for turn in range(2 * RELOADS):
            write(tmp_path, profile("kept", weights), profile("cold", weights, turn, warm={"preload": False}))
            assert 200 == host.post("/hostd/v1/reload").status
            sizes.append(daemon.memory_info().rss)
        say("reload", f"{RELOADS} more reloads: {(sizes[-1] - sizes[RELOADS]) >> 10} KiB")
        assert sizes[-1] - sizes[RELOADS] < GROWTH


def test_a_signal_and_mistaken_files(tmp_path: Path, weights: Path) -> None:
    """SIGHUP has the files read; mistakes keep the old settings, and the verb names their place and exits with 78."""
    with serving(tmp_path, profile("kept", weights), backends=COMMAND) as host:
        pid = host.row("kept")["pid"]
        write(tmp_path, profile("kept", weights), profile("late", weights, warm={"preload": False}))
        host.process.send_signal(signal.SIGHUP)
        until(lambda: "late" in [each["name"] for each in host.get("/hostd/v1/models").json["models"]])
        assert 200 == host.chat("late").status
        dry = host.cli("reload", "--dry-run", "--json")
        assert (0, [], False) == (dry.returncode, json.loads(dry.stdout)["changes"], json.loads(dry.stdout)["applied"])
        bad = tmp_path / "model_profiles" / "late.yaml"
        bad.write_text(bad.read_text("utf-8") + "contxt: 5\n", "utf-8")
        line = len(bad.read_text("utf-8").splitlines())
        refused = host.cli("reload")
        assert 78 == refused.returncode
        assert f"{bad}:{line}:1: " in refused.stderr
        host.process.send_signal(signal.SIGHUP)
        until(lambda: "reload_refused" in host.output.read_text("utf-8", "replace"))
        assert (200, pid) == (host.chat("late").status, host.row("kept")["pid"])
