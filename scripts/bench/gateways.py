"""The things in the way: each target listens on its own loopback port in front of the very same upstream process."""

import importlib.util
import os
import shutil
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from bench import processes
from bench.workloads import KEY, LLAMA_MODEL, MODEL

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
UPSTREAM = str(HERE / "upstream.py")
DASHBOARDS = 10
"""That are open while `watched` is measured."""
HOSTD = (sys.executable, "-m", "hostd")

NGINX_CONF = """\
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_max_body_size 64m; client_body_buffer_size 1m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream scripted {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port}; keepalive_requests 100000000;
    location / {{
      proxy_pass http://scripted; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""

LITELLM_YAML = """\
model_list:
  - model_name: {model}
    litellm_params: {{model: "openai/{model}", api_base: "http://127.0.0.1:{upstream}/v1", api_key: "none"}}
litellm_settings: {{telemetry: false, drop_params: true}}
general_settings: {{master_key: "{key}"}}
"""

HOSTD_YAML = """\
server: {{listen: "127.0.0.1:{port}"}}
profiles: profiles
warm: {{probe: false}}
limits: {{max_concurrent: 64}}
backends: {{llamacpp: {{command: ["{python}", "{upstream}"]}}}}
roles: {{worker: [{llama}, {model}]}}
"""

# all that profiles can ask for at run time: alternatives, hours of the week, limits, an attached server, a cold model
PROFILES = {
    MODEL: """\
name: {model}
aliases: ["gpt-*"]
variants: [{{backend: openai, url: "http://127.0.0.1:{upstream}/v1"}}]
slots: 64
limits: {{max_concurrent: 64}}
fallback: [spare]
""",
    LLAMA_MODEL: """\
name: {llama}
variants: [{{backend: llamacpp, path: "{weights}"}}]
slots: 64
limits: {{max_concurrent: 64}}
warm: {{preload: true, windows: ["daily 00:00-24:00"]}}
fallback: [spare]
""",
    "spare": """\
name: spare
variants: [{{backend: llamacpp, path: "{weights}"}}]
warm: {{preload: false}}
""",
}


@dataclass(frozen=True)
class Gateway:
    """One target: where it listens, the process to charge for it (None: the upstream itself), what is behind it, what is asked.

    *dashboards* are open before it while it is measured.
    """

    name: str
    port: int
    process: psutil.Process | None
    upstream: "Upstream"
    model: str = MODEL
    dashboards: int = 0

    @property
    def members(self) -> list[psutil.Process]:
        """Every process of this gateway; the upstream that hostd launched is not one of them."""
        return [] if self.process is None else processes.family(self.process, without=(UPSTREAM,))


@dataclass(frozen=True)
class Running:
    """Everything that runs: the targets in the order asked for, and whose event loop is uvloop's."""

    targets: list[Gateway]
    uvloop: dict[str, bool]


@dataclass(frozen=True)
class Upstream:
    """A scripted upstream: where it listens, and its process."""

    port: int
    process: psutil.Process

    def counters(self) -> tuple[int, int]:
        """Return how many connections and requests it has had.

        Raises:
            BenchError: It does not say.
        """
        match processes.get_json(f"http://127.0.0.1:{self.port}/bench/counters"):
            case {"connections": int(connections), "requests": int(requests)}:
                return connections, requests
        raise processes.BenchError("the scripted upstream no longer answers /bench/counters; something else ended it")


def nginx_command() -> str | None:
    """Return where nginx is; Debian keeps it off the PATH of ordinary users."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def litellm_command(named: str | None = None) -> str | None:
    """Return where LiteLLM's proxy is: as *named*, in the environment that scripts/engines makes, or on PATH."""
    if named:
        return shutil.which(named)
    return shutil.which("litellm", path=str(ROOT / ".engines/litellm/bin")) or shutil.which("litellm")


@contextmanager
def gateways(names: Sequence[str], folder: Path, litellm: str | None = None) -> Iterator[Running]:
    """Start the targets *names* and yield them; all are ended on leaving.

    One upstream is behind all of them. Only `llamacpp` has one of its own: that is hostd, too, in front of an engine that it
    launched and takes for llama.cpp's, which closes the connection after each stream and whose whole answers are made of streams.

    Raises:
        BenchError: One of them did not start.
    """
    with ExitStack() as stack:
        upstream = _upstream(stack, folder)
        found, loops = {"direct": Gateway("direct", upstream.port, None, upstream)}, {}
        if {"hostd", "llamacpp", "watched"} & set(names):
            found |= start_hostd(stack, folder, upstream)
            loops["hostd"] = _on_uvloop(found["hostd"])
        if "nginx" in names:
            found["nginx"] = _nginx(stack, folder, upstream)
        if "bare" in names:
            loops["bare"] = loops.get("hostd", _uvloop_is_there())
            found["bare"] = _bare(stack, folder, upstream, uvloop=loops["bare"])
        if "litellm" in names:
            found["litellm"] = _litellm(stack, folder, upstream, litellm_command(litellm) or "litellm")
        yield Running([found[name] for name in names], loops)


def _uvloop_is_there() -> bool:
    return importlib.util.find_spec("uvloop") is not None


def _on_uvloop(gateway: Gateway) -> bool:
    """Return whether *gateway* runs on uvloop; where the system does not tell, it is taken to do so if it can."""
    loaded = None if gateway.process is None else processes.has_loaded(gateway.process, "uvloop")
    return _uvloop_is_there() if loaded is None else loaded


def _started(  # noqa: PLR0913 - a program is many things
    stack: ExitStack,
    folder: Path,
    name: str,
    argv: list[str],
    url: str,
    *,
    env: Mapping[str, str] | None = None,
    patience: float = 15.0,
) -> psutil.Process:
    process = stack.enter_context(processes.program(name, argv, folder, env))
    processes.wait_until_answers(url, process, folder / f"{name}.log", patience)
    return process


def _upstream(stack: ExitStack, folder: Path) -> Upstream:
    port = processes.free_port()
    argv = [sys.executable, UPSTREAM, "--host", "127.0.0.1", "--port", str(port), "--alias", MODEL, "-np", "64"]
    return Upstream(port, _started(stack, folder, "upstream", argv, f"http://127.0.0.1:{port}/health"))


def _nginx(stack: ExitStack, folder: Path, upstream: Upstream) -> Gateway:
    port, conf = processes.free_port(), folder / "nginx.conf"
    conf.write_text(NGINX_CONF.format(folder=folder, port=port, upstream=upstream.port))
    argv = [nginx_command() or "nginx", "-p", str(folder), "-c", str(conf), "-e", str(folder / "nginx.err")]
    process = _started(stack, folder, "nginx", argv, f"http://127.0.0.1:{port}/health")
    return Gateway("nginx", port, process, upstream)


def _bare(stack: ExitStack, folder: Path, upstream: Upstream, *, uvloop: bool) -> Gateway:
    port = processes.free_port()
    argv = [sys.executable, str(HERE / "passthrough.py"), str(port), f"http://127.0.0.1:{upstream.port}"]
    if uvloop:
        argv.append("uvloop")
    return Gateway("bare", port, _started(stack, folder, "bare", argv, f"http://127.0.0.1:{port}/health"), upstream)


def _litellm(stack: ExitStack, folder: Path, upstream: Upstream, command: str) -> Gateway:
    port, conf = processes.free_port(), folder / "litellm.yaml"
    conf.write_text(LITELLM_YAML.format(model=MODEL, upstream=upstream.port, key=KEY))
    argv = [command, "--config", str(conf), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    # nothing of the owner's environment: a gateway under test has no business with keys, and must not phone for prices
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
    }
    url = f"http://127.0.0.1:{port}/health/liveliness"
    process = _started(stack, folder, "litellm", argv, url, env=env, patience=90.0)
    return Gateway("litellm", port, process, upstream)


def start_hostd(
    stack: ExitStack, folder: Path, upstream: Upstream | None = None, launcher: Sequence[str] = HOSTD
) -> dict[str, Gateway]:
    """Start the real daemon by *launcher* on a configuration of its own; return it as `hostd`, `llamacpp` and `watched`.

    Raises:
        BenchError: It did not start, or does not say where its engine is.
    """
    upstream = upstream or _upstream(stack, folder)
    port = processes.free_port()
    weights = ROOT / "hostd/demo/models/tiny-chat.gguf"
    if not weights.exists():
        weights = folder / "bench.gguf"
        weights.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0))
    words = {"model": MODEL, "llama": LLAMA_MODEL, "weights": weights, "port": port, "python": sys.executable}
    (folder / "profiles").mkdir()
    for name, profile in PROFILES.items():
        (folder / "profiles" / f"{name}.yaml").write_text(profile.format(**words, upstream=upstream.port))
    config = folder / "hostd.yaml"
    config.write_text(HOSTD_YAML.format(**words, upstream=UPSTREAM))
    # its own XDG folders: a benchmark must not meet the owner's daemon or leave anything in the owner's files
    own = {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("CONFIG", "STATE", "CACHE", "DATA")}
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    env = os.environ | own | {"XDG_RUNTIME_DIR": str(folder), "PYTHONPATH": path}
    argv = [*launcher, "serve", "--config", str(config), "--listen", f"127.0.0.1:{port}"]
    process = _started(stack, folder, "hostd", argv, f"http://127.0.0.1:{port}/readyz", env=env, patience=30.0)
    engine = Upstream(_port_of_engine(port), _engine_of(process))
    return {
        "hostd": Gateway("hostd", port, process, upstream),
        "llamacpp": Gateway("llamacpp", port, process, engine, LLAMA_MODEL),
        "watched": Gateway("watched", port, process, upstream, dashboards=DASHBOARDS),
    }


def _port_of_engine(port: int) -> int:
    match status := processes.get_json(f"http://127.0.0.1:{port}/hostd/v1/status"):
        case {"instances": list(instances)}:
            for instance in instances:
                if instance.get("model") == LLAMA_MODEL and isinstance(instance.get("port"), int):
                    return int(instance["port"])
    raise processes.BenchError(f"hostd is ready, but /hostd/v1/status names no port of {LLAMA_MODEL}: {status}")


def _engine_of(hostd: psutil.Process) -> psutil.Process:
    for child in hostd.children(recursive=True):
        if UPSTREAM in child.cmdline()[:2]:
            return child
    raise processes.BenchError("hostd is ready, but the scripted upstream is not among its processes")
