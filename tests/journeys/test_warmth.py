"""Cold models load on demand, once; idle ones leave; a client that goes takes its generation with it."""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from tests.journeys.host import Host, all_gone, profile, serving, until

COLD = {"preload": False, "keep_alive": "1s"}


def _loads(host: Host, model: str) -> float:
    lines = host.get("/metrics").body.decode().splitlines()
    counted = [line for line in lines if line.startswith("hostd_loads_total") and f'model="{model}"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in counted)


def test_a_cold_model_loads_once_for_all_who_wait(tmp_path: Path) -> None:
    """Six requests for a cold model share one load; a second of idleness later its process is gone."""
    with serving(tmp_path, profile("cold", warm=COLD)) as host:
        assert "cold" == host.row("cold")["state"]
        with ThreadPoolExecutor(6) as clients:
            replies = list(clients.map(lambda _: host.chat("cold"), range(6)))
        assert [200] * 6 == [reply.status for reply in replies]
        assert 1 == _loads(host, "cold")
        assert any("load;dur=0.0" not in reply.headers["Server-Timing"] for reply in replies)
        engines = host.engines()
        until(lambda: host.row("cold")["state"] == "cold")
        assert all_gone(engines)


def test_load_and_unload_by_hand(tmp_path: Path) -> None:
    """`hostd load` and `hostd unload` do what they say, and `ps`, `ls`, `show`, `logs` and `chat` tell of it."""
    with serving(tmp_path, profile("hand", warm={"preload": False})) as host:
        loaded = host.cli("load", "hand")
        assert 0 == loaded.returncode, loaded.stderr
        rows = json.loads(host.cli("ps", "--json").stdout)
        assert [("hand", "ready")] == [(row["model"], row["state"]) for row in rows]
        assert psutil.pid_exists(rows[0]["pid"])
        assert "hand" == json.loads(host.cli("ls", "--json").stdout)[0]["name"]
        assert "hand" in host.cli("show", "hand").stdout
        assert "model" in host.cli("logs", "hand").stdout
        said = host.cli("chat", "hand", "Hello")
        assert (0, True) == (said.returncode, bool(said.stdout.strip()))
        assert 0 == host.cli("unload", "hand").returncode
        assert "cold" == host.row("hand")["state"]
        assert not psutil.pid_exists(rows[0]["pid"])
        assert 5 == host.cli("load", "hant").returncode


def test_a_client_that_goes_frees_the_engine(tmp_path: Path) -> None:
    """With one slot, a stream without a reader does not keep the next client waiting."""
    limits = {"max_concurrent": 1, "queue_timeout": "20s"}
    with serving(tmp_path, profile("single", slots=1, limits=limits)) as host:
        body = {"model": "single", "messages": [{"role": "user", "content": "Count."}], "stream": True}
        body |= {"max_tokens": 1900, "ignore_eos": True}
        connection = http.client.HTTPConnection(host.url.removeprefix("http://"))
        connection.request("POST", "/v1/chat/completions", json.dumps(body))
        answer = connection.getresponse()
        assert answer.read(64)
        connection.close()
        answer.close()
        until(lambda: host.row("single")["in_flight"] == 0)
        assert 200 == host.chat("single").status
        log = host.cli("logs", "single").stdout
        assert "cancel" in log.lower() or "stop" in log.lower()
