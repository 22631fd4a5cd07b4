"""The service of the whole machine: its unit, its configuration, and its HTTP side."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import yaml

from hostd.supervisor.launch import free_port
from tests.journeys.host import Host, profile, until
from tests.journeys.machine.systemd_machine import Machine

SERVICE = "hostd.service"
MODEL = "/opt/hostd/checkout/hostd/demo/models/tiny-chat.gguf"


class Service:
    """The service of the whole machine, its configuration, and its HTTP side."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def http(self) -> Host:
        """The daemon as a client has it."""
        return Host(self.url, None, {}, Path())  # type: ignore[arg-type]  # a unit's process is systemd's

    def configure(self, *names: str, listen: tuple[str, ...] = (), **host: Any) -> None:
        """Write the files of the whole machine: a profile for each of *names*."""
        self.machine.sh("rm -f /etc/hostd/model_profiles/*")
        for name in names:
            document = profile(name) | {"variants": [{"backend": "llamacpp", "path": MODEL}]}
            self.machine.write(f"/etc/hostd/model_profiles/{name}.yaml", yaml.safe_dump(document))
        server = {"listen": [f"127.0.0.1:{self.port}", *listen]}
        text = yaml.safe_dump({"server": server, "warm": {"probe": False}} | host)
        self.machine.write("/etc/hostd/hostd.yaml", text)

    def show(self, *properties: str) -> dict[str, str]:
        """Return *properties* of the unit."""
        return self.machine.show(SERVICE, *properties)

    @property
    def pid(self) -> int:
        """The daemon's pid, inside."""
        return int(self.show("MainPID")["MainPID"])

    def systemctl(self, verb: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Have systemd do *verb* to the service."""
        return self.machine.run("systemctl", verb, SERVICE, check=check)

    def drop_in(self, text: str) -> None:
        """Change settings of ``[Service]`` as an owner does."""
        self.machine.write(f"/etc/systemd/system/{SERVICE}.d/test.conf", f"[Service]\n{text}\n")
        self.machine.run("systemctl", "daemon-reload")

    def processes(self) -> list[int]:
        """Return the pids, inside, of the unit's processes."""
        found = self.machine.run("cat", f"/sys/fs/cgroup/system.slice/{SERVICE}/cgroup.procs", check=False).stdout
        return [int(pid) for pid in found.split()]

    def until_ready(self) -> None:
        """Wait until the daemon has loaded what it preloads."""
        until(lambda: answers(self.url) and self.http.get("/readyz").status == 200)

    def lines(self, since: str = "0") -> list[dict[str, Any]]:
        """Return what the service has logged, as the journal has it, from the moment *since* on (microseconds of the clock)."""
        entries = map(json.loads, self.machine.journal("--unit", SERVICE, "--output=json").splitlines())
        return [each for each in entries if int(each["__REALTIME_TIMESTAMP"]) >= int(since)]


def answers(url: str) -> bool:
    """Return whether a daemon answers there."""
    try:
        return Host(url, None, {}, Path()).get("/healthz").status == 200  # type: ignore[arg-type]
    except OSError:
        return False


def now() -> str:
    """Return the clock's time in microseconds, as the journal has it."""
    return str(time.time_ns() // 1000)
