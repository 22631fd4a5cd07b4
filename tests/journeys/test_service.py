"""hostd as a service of the whole machine, under a real systemd: installed, reloaded, blocked, killed, stopped, removed."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psutil
import pytest
import yaml

from hostd.supervisor.launch import free_port
from tests.journeys.host import Host, profile, until
from tests.journeys.machine.systemd_machine import HOSTD, Machine, booted, start_logind
from tests.journeys.machine.systemd_service import MODEL, SERVICE, Service, answers, now

BLOCKER = "import signal; signal.signal(signal.SIGRTMIN, lambda *_: __import__('time').sleep(600))\n"
"""Loaded by every Python of /opt/hostd: a signal then blocks the main thread, and the event loop with it."""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine that systemd has booted."""
    with booted(tmp_path_factory.mktemp("machine")) as machine:
        yield machine


@pytest.fixture(scope="module")
def installed(machine: Machine) -> Service:
    """The service as root installs it, with one model."""
    service = Service(machine)
    service.configure("tiny")
    machine.hostd("service", "install")
    assert answers(service.url), "systemctl returned before the daemon listened"
    service.until_ready()
    return service


@pytest.fixture
def service(installed: Service) -> Service:
    """The service, running with one model and the unit as it ships; what is so already takes no time."""
    changed = installed.machine.sh(f"rm -rfv /etc/systemd/system/{SERVICE}.d")
    if changed:
        installed.machine.run("systemctl", "daemon-reload")
    installed.configure("tiny")
    if installed.show("ActiveState")["ActiveState"] == "active":
        installed.systemctl("restart" if changed else "reload")
    else:
        installed.systemctl("reset-failed", check=False)
        installed.systemctl("start")
    installed.until_ready()
    # A reload is asked for at once, and over when the daemon says so.
    until(lambda: installed.show("ActiveState")["ActiveState"] == "active")
    until(lambda: ["tiny"] == [each["id"] for each in installed.http.get("/v1/models").json["data"]])
    return installed


def test_runs_as_a_user_of_its_own(service: Service) -> None:
    """Root's installation makes that user; state, cache and runtime folders are where systemd says, closed to others."""
    status = service.machine.sh(f"cat /proc/{service.pid}/status")
    uid = service.machine.sh("id -u hostd").strip()
    assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}" in status
    assert uid != "0"
    assert {"hostd", "render", "video"} == set(service.machine.sh("id -Gn hostd").split())
    assert ("NoNewPrivs:\t1", "Seccomp:\t2") == tuple(
        line for line in status.splitlines() if line.startswith(("NoNewPrivs", "Seccomp:"))
    )
    assert "CapEff:\t0000000000000000" in status
    folders = "/var/lib/hostd /var/cache/hostd /run/hostd"
    assert ["700 hostd"] * 3 == service.machine.sh(f"stat -c '%a %U' {folders}").splitlines()
    written = service.machine.sh("ls /var/lib/hostd").split()
    assert "ledger.sqlite" in written
    assert (
        ""
        == service.machine.sh(
            f"ls -A /proc/{service.pid}/root/root /proc/{service.pid}/root/home | grep -v : || true"
        ).strip()
    )


def test_tells_systemd_how_it_is(service: Service) -> None:
    """Active since it listens, with the models in the status; `hostd service status` says the same."""
    assert 200 == service.http.chat("tiny").status
    shown = service.show("ActiveState", "Type", "StatusText", "NRestarts")
    assert ("active", "0") == (shown["ActiveState"], shown["NRestarts"])
    until(lambda: service.show("StatusText")["StatusText"].startswith("1 of 1 models ready (tiny)"))
    told = json.loads(service.machine.hostd("service", "status", "--json").stdout)
    assert (True, True, True, service.pid) == (told["installed"], told["running"], told["enabled"], told["pid"])


def test_a_reload_changes_the_models(service: Service) -> None:
    """`systemctl reload` has the files read anew; one with a mistake leaves all as it was, and the status says so."""
    engine = service.http.row("tiny")["pid"]
    until(lambda: service.show("ActiveState")["ActiveState"] == "active")
    before = service.show("StateChangeTimestampMonotonic", "MainPID")
    service.configure("tiny", "second")
    service.systemctl("reload")
    until(lambda: "second" in [each["id"] for each in service.http.get("/v1/models").json["data"]])
    after = service.show("StateChangeTimestampMonotonic", "MainPID")
    assert before["MainPID"] == after["MainPID"]
    assert engine == service.http.row("tiny")["pid"]
    # Active, reloading, and active again: systemd took the words of the daemon.
    assert before["StateChangeTimestampMonotonic"] != after["StateChangeTimestampMonotonic"]
    service.machine.write("/etc/hostd/model_profiles/bad.yaml", "name: bad\nvariants: nothing\n")
    service.systemctl("reload")
    until(lambda: "has mistakes" in service.show("StatusText")["StatusText"])
    until(lambda: service.show("ActiveState")["ActiveState"] == "active")
    assert 200 == service.http.chat("second").status


def test_a_stop_lets_a_stream_finish(service: Service) -> None:
    """Longer than TimeoutStopSec, as the daemon asks for more time; no process is left of it."""
    service.drop_in("TimeoutStopSec=2")
    engine = psutil.Process(until(lambda: host_pid(service.machine, service.http.row("tiny")["pid"])))
    body = {"model": "tiny", "stream": True, "max_tokens": 1500, "ignore_eos": True}
    body["messages"] = [{"role": "user", "content": "Hello"}]
    with streaming(service, body) as stream:
        stream.recv(1)
        engine.suspend()
        stop = Thread(target=service.systemctl, args=("stop",))
        stop.start()
        try:
            until(lambda: "stopping" in service.show("StatusText")["StatusText"])
            time.sleep(4)
            assert "deactivating" == service.show("ActiveState")["ActiveState"]
        finally:
            engine.resume()
        text = b"".join(iter(lambda: stream.recv(1 << 16), b""))
        stop.join()
    assert b"data: [DONE]" in text
    shown = service.show("ActiveState", "Result")
    assert ("inactive", "success", []) == (shown["ActiveState"], shown["Result"], service.processes())


@contextmanager
def streaming(service: Service, body: dict[str, Any]) -> Iterator[socket.socket]:
    """Ask for a stream, and yield the connection."""
    data = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as stream:
        stream.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
        yield stream


def host_pid(machine: Machine, inside: int) -> int | None:
    """Return the pid, out here, of a process of the machine."""
    for process in psutil.Process(machine.pid).children(recursive=True):
        spaces = Path(f"/proc/{process.pid}/status").read_text("utf-8")
        if f"\t{inside}\n" in next(line + "\n" for line in spaces.splitlines() if line.startswith("NSpid")):
            return process.pid
    return None


def test_a_blocked_loop_is_ended_and_started_anew(service: Service) -> None:
    """By the watchdog, with the place where it was blocked in the journal; its engines end with it."""
    site = service.machine.sh("echo /opt/hostd/lib/python3*/site-packages").strip()
    service.machine.write(f"{site}/blocker.pth", BLOCKER)
    service.drop_in("WatchdogSec=2")
    service.systemctl("restart")
    service.until_ready()
    time.sleep(3)
    before, engine, since = service.pid, service.http.row("tiny")["pid"], now()
    assert "0" == service.show("NRestarts")["NRestarts"]
    service.machine.sh(f"rm {site}/blocker.pth; kill -{signal.SIGRTMIN} {before}")
    until(lambda: service.show("NRestarts")["NRestarts"] == "1")
    service.until_ready()
    assert before != service.pid
    assert engine not in service.processes()
    told = "\n".join(each["MESSAGE"] for each in service.lines(since) if isinstance(each["MESSAGE"], str))
    assert "Fatal Python error: Aborted" in told
    assert "<lambda>" in told
    assert 200 == service.http.chat("tiny").status


def test_a_killed_daemon_comes_back_alone(service: Service) -> None:
    """None of its engines outlives it, and the next one serves."""
    before = service.processes()
    assert len(before) > 1
    service.machine.sh(f"kill -9 {service.pid}")
    until(lambda: service.show("NRestarts")["NRestarts"] == "1")
    service.until_ready()
    assert set(before).isdisjoint(service.processes())


def test_a_wrong_configuration_is_not_tried_for_ever(service: Service) -> None:
    """It fails once, and `hostd service status` says where to look."""
    service.machine.write("/etc/hostd/hostd.yaml", "servr: {}\n")
    assert service.systemctl("restart", check=False).returncode != 0
    shown = service.show("ActiveState", "ExecMainStatus", "NRestarts")
    assert {"ActiveState": "failed", "ExecMainStatus": "78", "NRestarts": "0"} == shown
    status = service.machine.hostd("service", "status", check=False)
    assert 1 == status.returncode
    assert "journalctl -u hostd" in status.stdout
    assert any("servr" in str(each["MESSAGE"]) for each in service.lines())


def test_starts_at_boot_after_the_network(service: Service) -> None:
    """The machine's usual target wants it, and it waits for addresses."""
    service.systemctl("stop")
    service.machine.write(
        "/run/systemd/system/slow-network.service",
        "[Unit]\nDefaultDependencies=no\nBefore=network-online.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
        "ExecStart=/bin/sleep 1\n",
    )
    service.machine.sh(
        "mkdir -p /run/systemd/system/network-online.target.wants; cd /run/systemd/system; "
        "ln -sf ../slow-network.service network-online.target.wants/; systemctl daemon-reload; "
        "systemctl stop network-online.target; systemctl start multi-user.target"
    )
    until(lambda: service.show("ActiveState")["ActiveState"] == "active")
    online = service.machine.show("network-online.target", "ActiveEnterTimestampMonotonic")
    began = service.show("ExecMainStartTimestampMonotonic")
    assert int(began["ExecMainStartTimestampMonotonic"]) >= int(online["ActiveEnterTimestampMonotonic"]) > 0


def test_the_journal_has_levels_and_no_secrets(service: Service) -> None:
    """Each entry has its level's priority, and its values as fields; what a client sends cannot forge one; keys are in none."""
    since, secret = now(), "sk-not-for-any-log-0123456789"
    odd = {"Authorization": f"Bearer {secret}", "x-hostd-client": "a", "content-type": "application/json"}
    service.http.post("/v1/chat/completions", {"model": "tiny\n\x1b[31m<0>forged", "messages": []}, odd)
    service.http.post("/v1/chat/completions", b'{"model": "tiny", "messages": [' + secret.encode(), odd)
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as broken:
        broken.sendall(f"GET /\x1b[31m HTTP/9.9\r\nAuthorization: Bearer {secret}\r\n\x00\r\n\r\n".encode())
        with suppress(ConnectionResetError):
            broken.recv(4096)
    service.machine.write("/etc/hostd/model_profiles/bad.yaml", f'name: "bad\\e[31m"\napi_key: {secret}\n')
    service.systemctl("reload")
    until(lambda: any("reload_refused" in str(each["MESSAGE"]) for each in service.lines(since)))
    entries = [each for each in service.lines(since) if each.get("_COMM") == "hostd"]
    for entry in entries:
        # What cannot be printed makes a list of numbers of it.
        assert isinstance(entry["MESSAGE"], str), entry["MESSAGE"]
        assert entry["MESSAGE"].isprintable()
        assert entry["MESSAGE"].startswith(entry["HOSTD_EVENT"])
        assert all(isinstance(value, str) for name, value in entry.items() if name.startswith("HOSTD_"))
    assert "4" == next(entry["PRIORITY"] for entry in entries if entry["HOSTD_EVENT"] == "reload_refused")
    assert {entry["PRIORITY"] for entry in entries} <= {"3", "4", "6", "7"}
    assert secret not in service.machine.journal("--output=export")


def test_a_restart_refuses_nobody(service: Service) -> None:
    """With a socket unit, on ports as on unix sockets: clients wait for the next daemon."""
    service.configure("tiny", listen=("unix:/run/hostd/hostd.sock",))
    service.machine.hostd("service", "install", "--socket")
    service.until_ready()
    over, trouble, asked = Event(), list[str](), [0]

    def ask() -> None:
        while not over.wait(0.02):
            try:
                with socket.create_connection(("127.0.0.1", service.port), timeout=60) as client:
                    client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    if not client.recv(12).endswith(b"200"):
                        trouble.append("no answer")
            except OSError as error:
                trouble.append(repr(error))
            asked[0] += 1

    clients = [Thread(target=ask) for _ in range(2)]
    for client in clients:
        client.start()
    try:
        for _ in range(2):
            service.systemctl("restart")
        until(lambda: answers(service.url))
    finally:
        over.set()
        for client in clients:
            client.join()
    assert [] == trouble
    assert asked[0] >= len(clients)
    curl = "curl -s --unix-socket /run/hostd/hostd.sock http://localhost/healthz"
    assert "ok" in service.machine.sh(curl)
    # While the service is stopped, a client of the unix socket starts it.
    service.systemctl("stop")
    assert "ok" in service.machine.sh(curl)


GIB = 1 << 30
CARD = {"id": "cuda:0", "kind": "vram", "name": "A card"} | dict.fromkeys(
    ("total_bytes", "free_bytes", "budget_bytes"), 24 * GIB
)
RAM = {"id": "ram", "kind": "ram", "name": "Main memory"} | dict.fromkeys(
    ("total_bytes", "free_bytes", "budget_bytes"), 16 * GIB
)


def test_cards_are_empty_while_the_machine_sleeps(service: Service) -> None:
    """Logind waits for it; a request that comes meanwhile is answered afterwards, by an engine of its own time."""
    start_logind(service.machine, seconds=2)
    described = {"host": {"os": "Linux", "cpu": "any", "ram_bytes": 16 * GIB}, "pools": [CARD, RAM]}
    service.machine.write("/etc/hostd/machine.json", json.dumps(described))
    service.drop_in(f"ExecStart=\nExecStart={HOSTD} serve --host /etc/hostd/machine.json")
    service.systemctl("restart")
    service.until_ready()
    until(lambda: "unloaded from graphics cards" in service.machine.sh("systemd-inhibit --list"))
    engine, since = service.http.row("tiny")["pid"], now()
    service.machine.sh("systemctl suspend")
    until(lambda: service.http.row("tiny")["state"] == "cold")
    assert engine not in service.processes()
    assert 200 == service.http.chat("tiny").status
    assert engine != service.http.row("tiny")["pid"]
    events = [each["HOSTD_EVENT"] for each in service.lines(since) if each.get("_COMM") == "hostd"]
    told = [each for each in events if each in {"host_suspends", "engine_stopped", "host_resumed", "model_ready"}]
    assert ["host_suspends", "engine_stopped", "host_resumed", "model_ready"] == told
    # The next sleep is delayed again.
    assert "unloaded from graphics cards" in service.machine.sh("systemd-inhibit --list")


def test_engines_outlive_a_restart_and_a_crash(service: Service) -> None:
    """Installed so, the service adopts what it finds; without that again, as it was; no engine is ever left for good."""
    service.machine.hostd("service", "install", "--keep-engines", "--force")
    service.until_ready()
    assert 200 == service.http.chat("tiny").status
    engine = service.http.row("tiny")["pid"]
    service.systemctl("restart")
    service.until_ready()
    assert engine == service.http.row("tiny")["pid"]
    daemon = service.pid
    service.machine.run("kill", "-9", str(daemon))
    until(lambda: service.pid not in (0, daemon))
    service.until_ready()
    assert (engine, 200) == (service.http.row("tiny")["pid"], service.http.chat("tiny").status)
    service.systemctl("stop")
    assert engine in service.processes()
    service.machine.hostd("service", "install", "--force")
    service.until_ready()
    assert engine not in service.processes()
    assert 200 == service.http.chat("tiny").status


def test_is_removed_without_a_trace(service: Service) -> None:
    """Its files and processes are gone; configuration and state are left, which it says."""
    other = service.machine.hostd("service", "install", "--user", check=False)
    assert 4 == other.returncode
    service.machine.hostd("service", "install", "--keep-engines", "--force")
    service.until_ready()
    told = service.machine.hostd("service", "uninstall").stderr
    assert "/var/lib/hostd" in told
    assert "userdel hostd" in told
    left = service.machine.sh(
        "find /etc/systemd/system /etc/sysusers.d -name 'hostd*'; ls -d /etc/hostd /var/lib/hostd"
    ).split()
    assert ["/etc/hostd", "/var/lib/hostd"] == left
    assert [] == service.processes()
    assert not answers(service.url)
    status = service.machine.hostd("service", "status", check=False)
    assert 3 == status.returncode
    assert "not installed" in status.stdout


def test_a_user_has_a_service_without_root(machine: Machine) -> None:
    """With models in the home, from boot on where that is asked for, and nothing but data is left after its removal."""
    start_logind(machine, seconds=2)
    port = free_port()
    machine.sh(f"id alice || useradd -m alice; loginctl enable-linger alice; cp {MODEL} /home/alice/")
    machine.write(
        "/home/alice/.config/hostd/hostd.yaml", f"server: {{listen: ['127.0.0.1:{port}']}}\nwarm: {{probe: false}}\n"
    )
    document = profile("mine") | {"variants": [{"backend": "llamacpp", "path": "~/tiny-chat.gguf"}]}
    machine.write("/home/alice/.config/hostd/model_profiles/mine.yaml", yaml.safe_dump(document))
    machine.sh("chown -R alice /home/alice")
    runtime = f"/run/user/{machine.sh('id -u alice').strip()}"
    until(lambda: machine.run("test", "-e", f"{runtime}/systemd/private", check=False).returncode == 0)
    become = ("setpriv", "--reuid=alice", "--regid=alice", "--init-groups", "--", "env", "-C", "/home/alice")
    alice = (*become, "HOME=/home/alice", "USER=alice", f"XDG_RUNTIME_DIR={runtime}")
    # Two would hold the same memory.
    machine.run("systemctl", "disable", "--now", SERVICE, check=False)
    machine.sh(f"rm -f /etc/systemd/system/{SERVICE}; systemctl daemon-reload")
    told = machine.run(*alice, HOSTD, "service", "install", "--linger")
    assert "it runs from boot on" in told.stderr
    http = Host(f"http://127.0.0.1:{port}", None, {}, Path())  # type: ignore[arg-type]  # a unit's process is systemd's
    until(lambda: http.get("/readyz").status == 200)
    assert 200 == http.chat("mine").status
    status = json.loads(machine.run(*alice, HOSTD, "service", "status", "--json").stdout)
    assert ("user", True, True) == (status["scope"], status["running"], status["enabled"])
    daemon = status["pid"]
    assert "alice" == machine.sh(f"stat -c %U /proc/{daemon}").strip()
    removed = machine.run(*alice, HOSTD, "service", "uninstall")
    assert "/home/alice/.config/hostd" in removed.stderr
    assert "" == machine.sh("find /home/alice/.config/systemd -name 'hostd*'")
    assert not answers(http.url)
