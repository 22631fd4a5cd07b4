"""How long `/healthz` takes while others are at work.

Run as a program: url [pid]. It prints three times in ms for each turn, until it is ended: how long a ping took on a connection of
its own, how much of that is hostd's, and how much of a ping on a connection that is kept is hostd's. Where Linux tells how long a
thread could have run and had no processor (proc_pid_schedstat), that is not hostd's: neither for *pid*, its main thread, nor for
this program.
"""

import http.client
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

EVERY = 0.02


def ping(connection: http.client.HTTPConnection, *, keep: bool) -> None:
    """Ask once."""
    connection.request("GET", "/healthz", headers={} if keep else {"Connection": "close"})
    connection.getresponse().read()
    if not keep:
        connection.close()


def starved(*pids: int) -> float:
    """Return the milliseconds for which the main threads of *pids* have waited for a processor so far; 0 where nothing tells."""
    try:
        files = [Path(f"/proc/{pid}/task/{pid}/schedstat") for pid in pids]
        return sum(int(file.read_text().split()[1]) for file in files) / 1e6
    except (OSError, IndexError):
        return 0.0


def timed(connection: http.client.HTTPConnection, pids: list[int], *, keep: bool) -> tuple[float, float]:
    """Return the milliseconds that a ping takes, and hostd's part."""
    before, began = starved(*pids), time.perf_counter()
    try:
        ping(connection, keep=keep)
    except http.client.RemoteDisconnected:
        # A kept connection may have given its place to a newcomer; it is opened again by the next ping.
        connection.close()
    took = 1000 * (time.perf_counter() - began)
    return took, max(0.0, took - (starved(*pids) - before))


if __name__ == "__main__":
    both, address = [os.getpid(), *map(int, sys.argv[2:])], urlsplit(sys.argv[1]).netloc
    kept = http.client.HTTPConnection(address, timeout=30)
    while True:
        took, pause = timed(http.client.HTTPConnection(address, timeout=30), both, keep=False)
        kept_pause = 0.0
        with suppress(ConnectionError):
            _, kept_pause = timed(kept, both, keep=True)
        print(f"{took:.1f} {pause:.1f} {kept_pause:.1f}", flush=True)
        time.sleep(EVERY)
