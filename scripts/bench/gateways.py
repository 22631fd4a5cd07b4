"""The things in the way: each target listens on its own loopback port in front of the very same upstream process."""

import os
import shutil
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from bench import processes

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
UPSTREAM = str(HERE / "upstream.py")
MODEL = "bench"

NGINX_CONF = """\
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 4096; }}
http {{
  access_log off;
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

HOSTD_YAML = """\
server: {{listen: "127.0.0.1:{port}"}}
profiles: profiles
limits: {{max_concurrent: 64}}
backends: {{llamacpp: {{command: ["{python}", "{upstream}"]}}}}
"""

PROFILE_YAML = """\
name: {model}
variants: [{{backend: llamacpp, path: "{weights}"}}]
slots: 64
limits: {{max_concurrent: 64}}
warm: {{preload: true}}
"""


@dataclass(frozen=True)
class Gateway:
    """One target: where it listens, and the process to charge for it (None: the upstream itself)."""

    name: str
    port: int
    process: psutil.Process | None = None

    @property
    def members(self) -> list[psutil.Process]:
        """Every process of this gateway; the upstream that hostd launched is not one of them."""
        return [] if self.process is None else processes.family(self.process, without=(UPSTREAM,))


def nginx_command() -> str | None:
    """Return where nginx is; Debian keeps it off the PATH of ordinary users."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def gateways(names: list[str], folder: Path) -> Iterator[list[Gateway]]:
    """Start the targets *names* and yield them in that order; all are ended on leaving.

    With hostd among them, hostd launches the upstream as its engine and the others are pointed at that same process.

    Raises:
        BenchError: One of them did not start.
    """
    with ExitStack() as stack:
        found: dict[str, Gateway] = {}
        if "hostd" in names:
            found["hostd"], upstream = _hostd(stack, folder)
        else:
            upstream = _upstream(stack, folder)
        found["direct"] = Gateway("direct", upstream)
        if "nginx" in names:
            found["nginx"] = _nginx(stack, folder, upstream)
        if "bare" in names:
            found["bare"] = _bare(stack, folder, upstream)
        yield [found[name] for name in names]


def _started(stack: ExitStack, folder: Path, name: str, argv: list[str], url: str) -> psutil.Process:
    process = stack.enter_context(processes.program(name, argv, folder))
    processes.wait_until_answers(url, process, folder / f"{name}.log")
    return process


def _upstream(stack: ExitStack, folder: Path) -> int:
    port = processes.free_port()
    argv = [sys.executable, UPSTREAM, "--host", "127.0.0.1", "--port", str(port), "--alias", MODEL]
    _started(stack, folder, "upstream", argv, f"http://127.0.0.1:{port}/health")
    return port


def _nginx(stack: ExitStack, folder: Path, upstream: int) -> Gateway:
    port, conf = processes.free_port(), folder / "nginx.conf"
    conf.write_text(NGINX_CONF.format(folder=folder, port=port, upstream=upstream))
    argv = [nginx_command() or "nginx", "-p", str(folder), "-c", str(conf), "-e", str(folder / "nginx.err")]
    return Gateway("nginx", port, _started(stack, folder, "nginx", argv, f"http://127.0.0.1:{port}/health"))


def _bare(stack: ExitStack, folder: Path, upstream: int) -> Gateway:
    port = processes.free_port()
    argv = [sys.executable, str(HERE / "passthrough.py"), str(port), f"http://127.0.0.1:{upstream}"]
    return Gateway("bare", port, _started(stack, folder, "bare", argv, f"http://127.0.0.1:{port}/health"))


def _hostd(stack: ExitStack, folder: Path) -> tuple[Gateway, int]:
    """Start the real daemon on a configuration of its own; return it and the port of the upstream that it launched."""
    port = processes.free_port()
    weights = ROOT / "hostd/demo/models/tiny-chat.gguf"
    if not weights.exists():
        weights = folder / "bench.gguf"
        weights.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0))
    (folder / "profiles").mkdir()
    (folder / "profiles" / f"{MODEL}.yaml").write_text(PROFILE_YAML.format(model=MODEL, weights=weights))
    config = folder / "hostd.yaml"
    config.write_text(HOSTD_YAML.format(port=port, python=sys.executable, upstream=UPSTREAM))
    # its own XDG folders: a benchmark must not meet the owner's daemon or leave anything in the owner's files
    own = {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("CONFIG", "STATE", "CACHE", "DATA")}
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    env = os.environ | own | {"XDG_RUNTIME_DIR": str(folder), "PYTHONPATH": path}
    argv = [sys.executable, "-m", "hostd", "serve", "--config", str(config), "--listen", f"127.0.0.1:{port}"]
    process = stack.enter_context(processes.program("hostd", argv, folder, env))
    processes.wait_until_answers(f"http://127.0.0.1:{port}/readyz", process, folder / "hostd.log", patience=30)
    status = processes.get_json(f"http://127.0.0.1:{port}/hostd/v1/status")
    match status:
        case {"instances": [{"port": int(upstream)}, *_]}:
            return Gateway("hostd", port, process), upstream
        case _:
            raise processes.BenchError(f"hostd is ready, but /hostd/v1/status names no instance with a port: {status}")
