"""How long `/healthz` takes while others are at work.

Run as a program: url. It prints a time in ms for each ping, until it is ended.
"""

import http.client
import sys
import time
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


if __name__ == "__main__":
    while True:
        print(f"{ping(urlsplit(sys.argv[1]).netloc):.1f}", flush=True)
        time.sleep(EVERY)
