"""A real Redis server of a test's own, on a unix socket."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = shutil.which("redis-server") or shutil.which("valkey-server")
needs_redis = pytest.mark.skipif(
    PROGRAM is None, reason="redis-server is not installed (Debian: apt install redis-server)"
)


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Run a server that keeps nothing on disk; yield its address."""
    socket = folder / "redis.sock"
    argv = [str(PROGRAM), "--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"]
    with (folder / "redis.log").open("wb") as output:
        process = subprocess.Popen([*argv, "--dir", str(folder)], stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 20
        while not socket.exists():
            assert process.poll() is None, (folder / "redis.log").read_text()
            assert time.monotonic() < deadline, "redis-server does not listen"
            time.sleep(0.01)
        yield f"unix://{socket}"
    finally:
        process.kill()
        process.wait()
        socket.unlink(missing_ok=True)
