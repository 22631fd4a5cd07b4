"""What an engine was launched with, in one word: two launches with the same digest make the same engine."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from hostd.backends.addresses import port_of
from hostd.backends.contract import Endpoint, Launch
from hostd.backends.environment import engine_environment

_SMALL = 1 << 20
"""Bytes of a file up to which its content counts; of a larger one, a model's, size and time do."""


def address_of(endpoint: Endpoint) -> str:
    """Return where an engine listens: the path of its socket, or its port."""
    return endpoint.socket or str(port_of(endpoint.url))


def launch_digest(launch: Launch) -> str:
    """Return what stands for *launch*: its command line, the files that this names, and its variables. Blocks.

    Variables that an engine has from its daemon's own environment do not count: a service's differ from a shell's.
    """
    inherited = engine_environment(os.environ)
    variables = {name: value for name, value in launch.env.items() if inherited.get(name) != value}
    told = [launch.argv, sorted(variables.items()), sorted(launch.devices.items()), list(_files(launch.argv))]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _files(argv: tuple[str, ...]) -> Iterator[str]:
    for word in argv:
        path = Path(word)
        try:
            if not path.is_absolute() or not path.is_file():
                yield ""
                continue
            about = path.stat()
            small = about.st_size <= _SMALL
            yield hashlib.sha256(path.read_bytes()).hexdigest() if small else f"{about.st_size} {about.st_mtime_ns}"
        except (OSError, ValueError):
            yield ""
