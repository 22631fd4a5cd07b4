"""Weights that are not here: an honest error names the command, it brings them, and the daemon that runs serves them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hostd.supervisor.launch import free_port
from tests.engines.ollama_server import command, put_model
from tests.journeys.attached_server import Neighbour, running
from tests.journeys.host import MODELS, Host, environment_for, profile, started, until, write_files
from tests.models import hub

COLD = {"preload": False}
HELD = 60 << 20


@pytest.fixture
def remote() -> Iterator[hub.Hub]:
    """A hub and a registry that both have the demonstration's chat model."""
    with hub.serve() as serving:
        weights = (MODELS / "tiny-chat.gguf").read_bytes()
        serving.files["tiny-chat.gguf"] = weights
        serving.add_model("tiny-chat", "1b", model=weights, template=b"{{ .Prompt }}", params=b"{}")
        yield serving


@contextmanager
def daemon(folder: Path, remote: hub.Hub, *profiles: Mapping[str, Any], **backends: Any) -> Iterator[Host]:
    """Run a daemon whose hubs are *remote*, and whose caches and stores are below *folder*."""
    environment = {
        "HF_ENDPOINT": remote.url,
        "HF_HOME": str(folder / "hub"),
        "HOSTD_OLLAMA_REGISTRY": remote.url,
        "OLLAMA_MODELS": str(folder / "store"),
    }
    (folder / "store").mkdir()
    config = write_files(folder, *profiles, backends=backends)
    with started(folder, "--config", str(config), environment=environment) as host:
        until(lambda: host.get("/readyz").status == 200)
        yield host


def refused(host: Host, model: str, remedy: str) -> None:
    """See that a request for *model* and a load fail, and that both say what to do."""
    reply = host.chat(model)
    assert (503, "load_failed") == (reply.status, reply.json["error"]["code"])
    assert remedy in reply.json["error"]["message"]
    loaded = host.cli("load", model)
    assert (1, True) == (loaded.returncode, remedy in loaded.stderr)


def loads(host: Host, model: str) -> None:
    """See that *model* is loaded when asked to, and answers."""
    loaded = host.cli("load", model)
    assert 0 == loaded.returncode, loaded.stderr
    assert (200, model) == ((reply := host.chat(model)).status, reply.headers["x-hostd-model"])


def test_a_file_of_a_repository(tmp_path: Path, remote: hub.Hub) -> None:
    """A profile with ``hf`` and ``file``: refused, pulled by its name, served by the real engine."""
    variants = [{"backend": "llamacpp", "hf": hub.REPO, "file": "tiny-chat.gguf"}]
    with daemon(tmp_path, remote, profile("chat", variants=variants, warm=COLD)) as host:
        refused(host, "chat", "hostd pull")
        pulled = host.cli("pull", "chat")
        assert 0 == pulled.returncode, pulled.stderr
        loads(host, "chat")


def test_a_tag_of_ollamas_library(tmp_path: Path, remote: hub.Hub) -> None:
    """A profile with a tag: refused, pulled into Ollama's store, served by an Ollama that hostd starts for it."""
    managed = profile("chat", variants=[{"backend": "ollama", "tag": "tiny-chat:1b"}], args={}, warm=COLD)
    program = {"command": list(command(load_bytes=HELD, tokens=30))}
    with daemon(tmp_path, remote, managed, ollama=program) as host:
        refused(host, "chat", "hostd pull ollama:tiny-chat:1b")
        pulled = host.cli("pull", "ollama:tiny-chat:1b")
        assert 0 == pulled.returncode, pulled.stderr
        loads(host, "chat")
        assert host.chat("chat", stream=True).body.rstrip().endswith(b"data: [DONE]")
        # What its runner holds counts, a process of its own below the server.
        until(lambda: sum(host.row("chat")["pool_bytes"].values()) > HELD)
        assert "ollama 0.32.15" in host.cli("show", "chat").stdout
        (engine,) = host.engines()
        family = [engine, *engine.children()]
        assert 0 == host.cli("unload", "chat").returncode
        assert not any(each.is_running() for each in family)


def test_an_ollama_that_runs_already(tmp_path: Path, remote: hub.Hub) -> None:
    """An attached server: its models load and unload there, what it lacks is reported, and it is never stopped."""
    theirs, port = tmp_path / "theirs", free_port()
    put_model(theirs, "big:7b")
    environment = environment_for(tmp_path) | {"OLLAMA_HOST": f"127.0.0.1:{port}", "OLLAMA_MODELS": str(theirs)}
    argv = [*command(load_bytes=HELD, tokens=30), "serve"]
    server = Neighbour(argv, f"http://127.0.0.1:{port}", "/api/version", environment, tmp_path / "theirs.log")
    here = {"backend": "ollama", "tag": "big:7b", "url": server.url}
    lacking = {"backend": "ollama", "tag": "absent:7b", "url": server.url}
    profiles = [profile("big", variants=[here], args={}), profile("absent", variants=[lacking], args={}, warm=COLD)]
    with running(server):
        assert server.process is not None
        pid = server.process.pid
        with daemon(tmp_path, remote, *profiles) as host:
            loads(host, "big")
            assert ["big:7b"] == loaded_there(server)
            assert pid == host.row("big")["pid"]
            until(lambda: sum(host.row("big")["pool_bytes"].values()) > HELD)
            refused(host, "absent", "hostd pull ollama:absent:7b")
            assert 0 == host.cli("unload", "big").returncode
            assert [] == loaded_there(server)
            loads(host, "big")
        assert [] == loaded_there(server)
        assert server.runs(pid)


def loaded_there(server: Neighbour) -> list[str]:
    """Return what Ollama has in memory."""
    return [each["name"] for each in server.get("/api/ps")["models"]]
