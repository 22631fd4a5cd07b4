"""How long `/healthz` takes while others are at work.

Run as a program: url [pid]. It prints two times in ms for each ping, until it is ended: how long it took, and how much of that
is hostd's. Where Linux tells how long a thread could have run and had no processor (proc_pid_schedstat), that is not hostd's:
neither what its main thread, *pid*, has waited so, nor what this program has.
"""

import http.client
import os
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

EVERY = 0.02


def ping(address: str) -> float:
    """Return the milliseconds that one answer takes, on a connection of its own."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request("GET", "/healthz", headers={"Connection": "close"})
        connection.getresponse().read()
    finally:
        connection.close()
    return 1000 * (time.perf_counter() - began)


def starved(*pids: int) -> float:
    """Return the milliseconds for which the main threads of *pids* have waited for a processor so far; 0 where nothing tells."""
    try:
        files = [Path(f"/proc/{pid}/task/{pid}/schedstat") for pid in pids]
        return sum(int(file.read_text().split()[1]) for file in files) / 1e6
    except (OSError, IndexError):
        return 0.0


if __name__ == "__main__":
    both = [os.getpid(), *map(int, sys.argv[2:])]
    while True:
        before = starved(*both)
        took = ping(urlsplit(sys.argv[1]).netloc)
        print(f"{took:.1f} {max(0.0, took - (starved(*both) - before)):.1f}", flush=True)
        time.sleep(EVERY)
