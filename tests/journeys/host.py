"""The real daemon, started as its owner would, and ended by pid whatever happens."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import yaml

from hostd.demo import settings_file
from hostd.supervisor.launch import free_port

MODELS = settings_file().parent / "models"
DEADLINE = 60.0
OURS = (sys.executable, "-m", "hostd")
"""The command line of the hostd that is tested."""


def until(ask: Callable[[], Any], seconds: float = DEADLINE) -> Any:
    """Return what *ask* says as soon as it is something."""
    end = time.monotonic() + seconds
    while not (said := ask()):
        assert time.monotonic() < end, f"not within {seconds} s: {ask}"
        time.sleep(0.02)
    return said


def profile(name: str, weights: str = "tiny-chat.gguf", **more: Any) -> dict[str, Any]:
    """Return a profile file that serves one of the demonstration models with the real engine."""
    variants = [{"backend": "llamacpp", "path": str(MODELS / weights)}]
    return {"name": name, "variants": variants, "context": 2048, "slots": 2, "args": {"threads": 1}} | more


@dataclass
class Reply:
    """What a client got."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as a document."""
        return json.loads(self.body)


@dataclass
class Host:
    """A running daemon."""

    url: str
    process: subprocess.Popen[bytes]
    environment: dict[str, str]
    output: Path
    program: Sequence[str] = OURS
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    def get(self, path: str) -> Reply:
        """Get *path*."""
        return self.send(urllib.request.Request(self.url + path))

    def post(self, path: str, document: object = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Post *document*; bytes are sent as they are."""
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.send(urllib.request.Request(self.url + path, data, dict(headers or {})))

    def send(self, request: urllib.request.Request) -> Reply:
        """Return the answer to *request*, errors included."""
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
                return Reply(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Reply(error.code, dict(error.headers), error.read())

    def chat(self, model: str, text: str = "Hello", **more: Any) -> Reply:
        """Ask *model* for a chat completion."""
        messages = [{"role": "user", "content": text}]
        return self.post("/v1/chat/completions", {"model": model, "messages": messages, "max_tokens": 24} | more)

    def row(self, model: str) -> dict[str, Any]:
        """Return the line of *model* in `hostd ps`."""
        rows = self.get("/hostd/v1/status").json["instances"]
        return next(row for row in rows if row["model"] == model)

    def cli(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run the command line against this daemon."""
        return run(self.environment, *arguments, text=text, program=self.program)

    def decisions(self, *kinds: str, model: str | None = None) -> list[dict[str, Any]]:
        """Return what was decided (about *model*), oldest first; of the given *kinds* only where there are any."""
        about = "" if model is None else f"&model={model}"
        told = self.get(f"/hostd/v1/why?last=5000{about}").json["decisions"]
        return [each for each in told if not kinds or each["decision"] in kinds]

    def engines(self) -> list[psutil.Process]:
        """Return the processes of the engines that run now."""
        rows = self.get("/hostd/v1/status").json["instances"]
        return [psutil.Process(row["pid"]) for row in rows if row["pid"]]


def environment_for(folder: Path) -> dict[str, str]:
    """Return an environment in which nothing of this user's hostd is seen or touched."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "HOSTD_", "STATE_"))}
    return kept | {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state"), "NO_COLOR": "1"}


LARGE = 1 << 19
"""Tokens of context with which the KV cache of a demonstration model takes half a gigabyte."""


def large(name: str, **more: Any) -> dict[str, Any]:
    """Return a model of which as many fit as the tests want: its KV cache dwarfs everything that is not certain.

    A small micro-batch keeps the attention mask small, whose size depends on a build that the plan does not know.
    """
    args = {"threads": 1, "cache-ram": 0, "ubatch-size": 16}
    given: dict[str, Any] = {"context": LARGE, "args": args, "warm": {"preload": False}}
    return profile(name, **(given | more))


def needed_memory(folder: Path, document: Mapping[str, Any]) -> dict[str, int]:
    """Return what `hostd plan` says that *document*'s model needs of main memory: ``low``, ``expected`` and ``high`` bytes."""
    name = document["name"]
    environment = environment_for(folder) | {"HOSTD_CONFIG": str(write_files(folder, document))}
    plan = run(environment, "plan", name, "--json")
    assert 0 == plan.returncode, plan.stderr
    found: dict[str, int] = json.loads(plan.stdout)["models"][0]["pool_bytes"]["ram"]
    return found


def run(
    environment: Mapping[str, str], *arguments: str, text: str | None = None, program: Sequence[str] = OURS
) -> subprocess.CompletedProcess[str]:
    """Run the command line in *environment*, with *text* on its standard input."""
    argv = [*program, *arguments]
    return subprocess.run(
        argv, input=text, capture_output=True, text=True, env=environment, timeout=DEADLINE, check=False
    )


def write_files(folder: Path, *profiles: Mapping[str, Any], **host: Any) -> Path:
    """Write a hostd.yaml and a file for each profile; return the former. Models are not probed unless *host* says so."""
    host["warm"] = {"probe": False} | host.get("warm", {})
    models = folder / "model_profiles"
    models.mkdir(parents=True, exist_ok=True)
    for number, document in enumerate(profiles):
        (models / f"{number}.yaml").write_text(yaml.safe_dump(dict(document)), "utf-8")
    config = folder / "hostd.yaml"
    config.write_text(yaml.safe_dump(host), "utf-8")
    return config


def write_machine(folder: Path, ram: int) -> Path:
    """Write a file that describes a machine on which models may hold *ram* bytes of main memory; return its path."""
    sizes = dict.fromkeys(("total_bytes", "free_bytes", "budget_bytes"), ram)
    pool = {"id": "ram", "kind": "ram", "name": "Main memory", **sizes}
    file = folder / "machine.json"
    file.write_text(json.dumps({"host": {"os": "Linux", "cpu": "any", "ram_bytes": ram}, "pools": [pool]}), "utf-8")
    return file


@contextmanager
def started(
    folder: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    port: int | None = None,
    program: Sequence[str] = OURS,
    listen: bool = True,
) -> Iterator[Host]:
    """Run *program*'s ``serve`` with *arguments* (on *port*, or a free one); it answers when this yields.

    Without *listen* it is not told where: the files say so.
    """
    given = port
    for _ in range(3):
        port = given or free_port()
        env = environment_for(folder) | {"HOSTD_URL": f"http://127.0.0.1:{port}"} | dict(environment or {})
        if (folder / "hostd.yaml").exists():
            env["HOSTD_CONFIG"] = str(folder / "hostd.yaml")
        argv = [*program, "serve", *(("--listen", f"127.0.0.1:{port}") if listen else ()), *arguments]
        output = folder / "serve.log"
        with output.open("wb") as log:
            began = datetime.now(UTC)
            process = subprocess.Popen(argv, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        host = Host(f"http://127.0.0.1:{port}", process, env, output, program, began)
        if given or not _port_was_taken(host):
            break
    try:
        until(lambda: _alive(host), 3 * DEADLINE)
        yield host
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def serving(folder: Path, *profiles: Mapping[str, Any], **host: Any) -> Iterator[Host]:
    """Run a daemon with *profiles* that has finished its preloads when this yields."""
    with started(folder, "--config", str(write_files(folder, *profiles, **host))) as running:
        until(lambda: running.get("/readyz").status == 200)
        yield running


def _port_was_taken(host: Host) -> bool:
    """Return whether the daemon has ended at once, since another program took the port that was free a moment before."""
    until(lambda: host.process.poll() is not None or _alive(host), 3 * DEADLINE)
    return host.process.poll() is not None and "cannot listen on" in host.output.read_text("utf-8")


def _alive(host: Host) -> bool:
    assert host.process.poll() is None, host.output.read_text("utf-8")
    try:
        return host.get("/healthz").status == 200
    except OSError:
        return False


def all_gone(processes: list[psutil.Process]) -> bool:
    """Return whether none of *processes* is alive."""
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)
